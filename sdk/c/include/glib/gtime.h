/* Clocks of the host, as far as the sandbox shows them. */
#ifndef EMUSCOPE_GLIB_TIME_H
#define EMUSCOPE_GLIB_TIME_H

#include "gmacros.h"
#include "gtypes.h"

#define G_USEC_PER_SEC 1000000

typedef struct _GTimer GTimer;
typedef struct _GTimeVal {
    glong tv_sec;
    glong tv_usec;
} GTimeVal;

G_BEGIN_DECLS
gint64 g_get_monotonic_time(void);
gint64 g_get_real_time(void);
void g_get_current_time(GTimeVal *result);
void g_usleep(gulong microseconds);
GTimer *g_timer_new(void);
void g_timer_destroy(GTimer *timer);
void g_timer_start(GTimer *timer);
void g_timer_stop(GTimer *timer);
void g_timer_reset(GTimer *timer);
void g_timer_continue(GTimer *timer);
gdouble g_timer_elapsed(GTimer *timer, gulong *microseconds);
gboolean g_timer_is_active(GTimer *timer);
G_END_DECLS

#endif
