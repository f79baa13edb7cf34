#include <glib/gstdio.h>
