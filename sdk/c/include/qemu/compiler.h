#include "../compiler.h"
