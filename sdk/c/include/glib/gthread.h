/* Locks and once-initialisation. There is one thread, so a lock is always free and nothing waits. */
#ifndef EMUSCOPE_GLIB_THREAD_H
#define EMUSCOPE_GLIB_THREAD_H

#include "gerror.h"
#include "gmem.h"
#include "gqueue.h"

typedef union _GMutex {
    gpointer p;
    guint i[2];
} GMutex;
typedef struct _GRecMutex {
    gpointer p;
    guint i[2];
} GRecMutex;
typedef struct _GRWLock {
    gpointer p;
    guint i[2];
} GRWLock;
typedef struct _GCond {
    gpointer p;
    guint i[2];
} GCond;
typedef enum { G_ONCE_STATUS_NOTCALLED, G_ONCE_STATUS_PROGRESS, G_ONCE_STATUS_READY } GOnceStatus;
typedef gpointer (*GThreadFunc)(gpointer data);
typedef struct _GOnce {
    volatile GOnceStatus status;
    volatile gpointer retval;
} GOnce;
typedef struct _GPrivate {
    gpointer p;
    GDestroyNotify notify;
    gpointer future[2];
} GPrivate;
typedef struct _GThread GThread;
typedef void GMutexLocker;
typedef void GRecMutexLocker;
typedef void GRWLockReaderLocker;
typedef void GRWLockWriterLocker;

#define G_ONCE_INIT {G_ONCE_STATUS_NOTCALLED, NULL}
#define G_PRIVATE_INIT(destroy) {NULL, (destroy), {NULL, NULL}}
#define G_LOCK_NAME(name) g__##name##_lock
#define G_LOCK_DEFINE(name) GMutex G_LOCK_NAME(name)
#define G_LOCK_DEFINE_STATIC(name) static G_LOCK_DEFINE(name)
#define G_LOCK_EXTERN(name) extern GMutex G_LOCK_NAME(name)
#define G_LOCK(name) g_mutex_lock(&G_LOCK_NAME(name))
#define G_UNLOCK(name) g_mutex_unlock(&G_LOCK_NAME(name))
#define G_TRYLOCK(name) g_mutex_trylock(&G_LOCK_NAME(name))

#define EMUSCOPE_LOCK(type, prefix) \
    static inline void prefix##_init(type *lock) { memset(lock, 0, sizeof *lock); } \
    static inline void prefix##_clear(type *lock) { (void)lock; }
#define EMUSCOPE_LOCK_WAYS(type, lock_name, try_name, unlock_name) \
    static inline void lock_name(type *lock) { (void)lock; } \
    static inline gboolean try_name(type *lock) \
    { \
        (void)lock; \
        return TRUE; \
    } \
    static inline void unlock_name(type *lock) { (void)lock; }
EMUSCOPE_LOCK(GMutex, g_mutex)
EMUSCOPE_LOCK_WAYS(GMutex, g_mutex_lock, g_mutex_trylock, g_mutex_unlock)
EMUSCOPE_LOCK(GRecMutex, g_rec_mutex)
EMUSCOPE_LOCK_WAYS(GRecMutex, g_rec_mutex_lock, g_rec_mutex_trylock, g_rec_mutex_unlock)
EMUSCOPE_LOCK(GRWLock, g_rw_lock)
EMUSCOPE_LOCK_WAYS(GRWLock, g_rw_lock_reader_lock, g_rw_lock_reader_trylock, g_rw_lock_reader_unlock)
EMUSCOPE_LOCK_WAYS(GRWLock, g_rw_lock_writer_lock, g_rw_lock_writer_trylock, g_rw_lock_writer_unlock)
EMUSCOPE_LOCK(GCond, g_cond)
#undef EMUSCOPE_LOCK
#undef EMUSCOPE_LOCK_WAYS

static inline GMutex *g_mutex_new(void) { return g_new0(GMutex, 1); }
static inline void g_mutex_free(GMutex *lock) { g_free(lock); }
static inline void g_cond_signal(GCond *condition) { (void)condition; }
static inline void g_cond_broadcast(GCond *condition) { (void)condition; }
static inline void g_cond_wait(GCond *condition, GMutex *lock)
{
    /* Nobody could wake it. */
    (void)condition;
    (void)lock;
    __builtin_trap();
}

static inline GMutexLocker *g_mutex_locker_new(GMutex *lock) { return (GMutexLocker *)lock; }
static inline void g_mutex_locker_free(GMutexLocker *locker) { (void)locker; }
static inline GRecMutexLocker *g_rec_mutex_locker_new(GRecMutex *lock) { return (GRecMutexLocker *)lock; }
static inline void g_rec_mutex_locker_free(GRecMutexLocker *locker) { (void)locker; }
static inline GRWLockReaderLocker *g_rw_lock_reader_locker_new(GRWLock *lock) { return (GRWLockReaderLocker *)lock; }
static inline void g_rw_lock_reader_locker_free(GRWLockReaderLocker *locker) { (void)locker; }
static inline GRWLockWriterLocker *g_rw_lock_writer_locker_new(GRWLock *lock) { return (GRWLockWriterLocker *)lock; }
static inline void g_rw_lock_writer_locker_free(GRWLockWriterLocker *locker) { (void)locker; }

static inline gpointer emuscope_once(GOnce *once, GThreadFunc function, gpointer data)
{
    if (once->status != G_ONCE_STATUS_READY) {
        once->retval = function(data);
        once->status = G_ONCE_STATUS_READY;
    }
    return once->retval;
}
#define g_once(once, function, data) emuscope_once((once), (function), (data))
#define g_once_init_enter(location) (*(location) == 0)
#define g_once_init_leave(location, result) ((void)(*(location) = (result)))

/* No thread can be started: trying says so, insisting ends the plugin. */
G_BEGIN_DECLS
GThread *g_thread_new(const gchar *name, GThreadFunc function, gpointer data);
GThread *g_thread_try_new(const gchar *name, GThreadFunc function, gpointer data, GError **error);
gpointer g_thread_join(GThread *thread);
void g_thread_unref(GThread *thread);
GThread *g_thread_self(void);
void g_thread_yield(void);
guint g_get_num_processors(void);
G_END_DECLS

/* A queue between threads is a queue; who waits at an empty one would wait for ever, and ends the plugin. */
typedef struct _GAsyncQueue GAsyncQueue;
G_BEGIN_DECLS
GAsyncQueue *g_async_queue_new(void);
GAsyncQueue *g_async_queue_new_full(GDestroyNotify destroy);
GAsyncQueue *g_async_queue_ref(GAsyncQueue *queue);
void g_async_queue_unref(GAsyncQueue *queue);
void g_async_queue_push(GAsyncQueue *queue, gpointer data);
gpointer g_async_queue_pop(GAsyncQueue *queue);
gpointer g_async_queue_try_pop(GAsyncQueue *queue);
gpointer g_async_queue_timeout_pop(GAsyncQueue *queue, guint64 microseconds);
gint g_async_queue_length(GAsyncQueue *queue);
void g_async_queue_lock(GAsyncQueue *queue);
void g_async_queue_unlock(GAsyncQueue *queue);
G_END_DECLS

static inline gpointer g_private_get(GPrivate *key) { return key->p; }
static inline void g_private_set(GPrivate *key, gpointer value) { key->p = value; }
static inline void g_private_replace(GPrivate *key, gpointer value)
{
    gpointer old = key->p;
    key->p = value;
    if (old && key->notify) {
        key->notify(old);
    }
}

#define g_atomic_int_get(location) (*(volatile __typeof__(*(location)) *)(location))
#define g_atomic_int_set(location, value) ((void)(*(location) = (value)))
#define g_atomic_int_inc(location) ((void)(*(location) += 1))
#define g_atomic_int_dec_and_test(location) ((*(location) -= 1) == 0)
#define g_atomic_int_add(location, value) __atomic_fetch_add((location), (value), __ATOMIC_SEQ_CST)
#define g_atomic_int_or(location, value) __atomic_fetch_or((location), (value), __ATOMIC_SEQ_CST)
#define g_atomic_int_and(location, value) __atomic_fetch_and((location), (value), __ATOMIC_SEQ_CST)
#define g_atomic_int_xor(location, value) __atomic_fetch_xor((location), (value), __ATOMIC_SEQ_CST)
#define g_atomic_int_compare_and_exchange(location, old, value) \
    (*(location) == (old) ? (*(location) = (value), TRUE) : FALSE)
#define g_atomic_pointer_get(location) (*(location))
#define g_atomic_pointer_set(location, value) ((void)(*(location) = (value)))
#define g_atomic_pointer_add(location, value) __atomic_fetch_add((location), (value), __ATOMIC_SEQ_CST)
#define g_atomic_pointer_compare_and_exchange(location, old, value) \
    (*(location) == (old) ? (*(location) = (value), TRUE) : FALSE)

#endif
