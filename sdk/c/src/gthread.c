/* What of threads is left where there is one. */
#include "call.h"

#include <sched.h>

struct _GAsyncQueue {
    GQueue queue;
    GDestroyNotify destroy;
    guint references;
};

GThread *g_thread_try_new(const gchar *name, GThreadFunc function, gpointer data, GError **error)
{
    (void)function;
    (void)data;
    g_set_error(error, g_quark_from_static_string("g_thread_error"), 0, "thread %s: there is one thread only",
                name ? name : "");
    return NULL;
}

GThread *g_thread_new(const gchar *name, GThreadFunc function, gpointer data)
{
    GError *error = NULL;
    g_thread_try_new(name, function, data, &error);
    g_error("%s", error->message);
}

gpointer g_thread_join(GThread *thread)
{
    (void)thread;
    return NULL;
}

void g_thread_unref(GThread *thread)
{
    (void)thread;
}

GThread *g_thread_self(void)
{
    static int self;
    return (GThread *)&self;
}

void g_thread_yield(void)
{
    sched_yield();
}

guint g_get_num_processors(void)
{
    return 1;
}

GAsyncQueue *g_async_queue_new_full(GDestroyNotify destroy)
{
    GAsyncQueue *queue = g_new0(GAsyncQueue, 1);
    queue->destroy = destroy;
    queue->references = 1;
    return queue;
}

GAsyncQueue *g_async_queue_new(void)
{
    return g_async_queue_new_full(NULL);
}

GAsyncQueue *g_async_queue_ref(GAsyncQueue *queue)
{
    queue->references++;
    return queue;
}

void g_async_queue_unref(GAsyncQueue *queue)
{
    if (--queue->references == 0) {
        g_queue_clear_full(&queue->queue, queue->destroy);
        g_free(queue);
    }
}

void g_async_queue_push(GAsyncQueue *queue, gpointer data)
{
    g_queue_push_head(&queue->queue, data);
}

gpointer g_async_queue_try_pop(GAsyncQueue *queue)
{
    return g_queue_pop_tail(&queue->queue);
}

gpointer g_async_queue_timeout_pop(GAsyncQueue *queue, guint64 microseconds)
{
    (void)microseconds; /* nobody could push meanwhile */
    return g_async_queue_try_pop(queue);
}

gpointer g_async_queue_pop(GAsyncQueue *queue)
{
    if (g_queue_is_empty(&queue->queue)) {
        g_error("waiting at an empty queue, and there is one thread only");
    }
    return g_async_queue_try_pop(queue);
}

gint g_async_queue_length(GAsyncQueue *queue)
{
    return (gint)queue->queue.length;
}

void g_async_queue_lock(GAsyncQueue *queue)
{
    (void)queue;
}

void g_async_queue_unlock(GAsyncQueue *queue)
{
    (void)queue;
}
