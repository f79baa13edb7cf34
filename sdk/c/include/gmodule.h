/* Plugins that include it want its export macro. */
#ifndef EMUSCOPE_GMODULE_H
#define EMUSCOPE_GMODULE_H
#include <glib.h>
#define G_MODULE_EXPORT __attribute__((visibility("default")))
#define G_MODULE_IMPORT extern
#endif
