/* The host's clocks. */
#include <glib.h>
#include <unistd.h>

struct _GTimer {
    gint64 start, end;
    gboolean active;
};

static gint64 now(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (gint64)time.tv_sec * G_USEC_PER_SEC + time.tv_nsec / 1000;
}

gint64 g_get_monotonic_time(void)
{
    return now(CLOCK_MONOTONIC);
}

gint64 g_get_real_time(void)
{
    return now(CLOCK_REALTIME);
}

void g_get_current_time(GTimeVal *result)
{
    gint64 time = g_get_real_time();
    result->tv_sec = (glong)(time / G_USEC_PER_SEC);
    result->tv_usec = (glong)(time % G_USEC_PER_SEC);
}

void g_usleep(gulong microseconds)
{
    usleep((useconds_t)microseconds);
}

GTimer *g_timer_new(void)
{
    GTimer *timer = g_new0(GTimer, 1);
    g_timer_start(timer);
    return timer;
}

void g_timer_destroy(GTimer *timer)
{
    g_free(timer);
}

void g_timer_start(GTimer *timer)
{
    timer->active = TRUE;
    timer->start = g_get_monotonic_time();
}

void g_timer_stop(GTimer *timer)
{
    timer->active = FALSE;
    timer->end = g_get_monotonic_time();
}

void g_timer_reset(GTimer *timer)
{
    timer->start = g_get_monotonic_time();
}

void g_timer_continue(GTimer *timer)
{
    if (!timer->active) {
        timer->start = g_get_monotonic_time() - (timer->end - timer->start);
        timer->active = TRUE;
    }
}

gdouble g_timer_elapsed(GTimer *timer, gulong *microseconds)
{
    gint64 elapsed = (timer->active ? g_get_monotonic_time() : timer->end) - timer->start;
    if (microseconds) {
        *microseconds = (gulong)(elapsed % G_USEC_PER_SEC);
    }
    return (gdouble)elapsed / G_USEC_PER_SEC;
}

gboolean g_timer_is_active(GTimer *timer)
{
    return timer->active;
}
