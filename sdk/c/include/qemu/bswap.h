#include "../bswap.h"
