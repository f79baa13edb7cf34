/* What a real GLib puts here is in glib/gtypes.h. */
#include <glib.h>
