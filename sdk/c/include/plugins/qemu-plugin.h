#include <qemu-plugin.h>
