/* One thread: locks are free, thread-local keys are variables, and no thread can be started (ENOSYS). */
#ifndef EMUSCOPE_PTHREAD_H
#define EMUSCOPE_PTHREAD_H

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#define PTHREAD_MUTEX_INITIALIZER {{{0}}}
#define PTHREAD_RWLOCK_INITIALIZER {{{0}}}
#define PTHREAD_COND_INITIALIZER {{{0}}}
#define PTHREAD_ONCE_INIT 0
#define PTHREAD_MUTEX_NORMAL 0
#define PTHREAD_MUTEX_DEFAULT 0
#define PTHREAD_MUTEX_RECURSIVE 1
#define PTHREAD_MUTEX_ERRORCHECK 2
#define PTHREAD_PROCESS_PRIVATE 0
#define PTHREAD_PROCESS_SHARED 1

/* What is done to a lock, an attribute or a condition has no effect, whatever its type. */
static inline int emuscope_no_effect(const void *object, long argument)
{
    (void)object;
    (void)argument;
    return 0;
}
#define pthread_mutex_init(lock, attributes) emuscope_no_effect((lock), 0)
#define pthread_mutex_destroy(lock) emuscope_no_effect((lock), 0)
#define pthread_mutex_lock(lock) emuscope_no_effect((lock), 0)
#define pthread_mutex_trylock(lock) emuscope_no_effect((lock), 0)
#define pthread_mutex_unlock(lock) emuscope_no_effect((lock), 0)
#define pthread_mutexattr_init(attributes) emuscope_no_effect((attributes), 0)
#define pthread_mutexattr_settype(attributes, type) emuscope_no_effect((attributes), (type))
#define pthread_mutexattr_setpshared(attributes, shared) emuscope_no_effect((attributes), (shared))
#define pthread_mutexattr_destroy(attributes) emuscope_no_effect((attributes), 0)
#define pthread_rwlock_init(lock, attributes) emuscope_no_effect((lock), 0)
#define pthread_rwlock_destroy(lock) emuscope_no_effect((lock), 0)
#define pthread_rwlock_rdlock(lock) emuscope_no_effect((lock), 0)
#define pthread_rwlock_wrlock(lock) emuscope_no_effect((lock), 0)
#define pthread_rwlock_unlock(lock) emuscope_no_effect((lock), 0)
#define pthread_spin_init(lock, shared) emuscope_no_effect((const void *)(lock), (shared))
#define pthread_spin_destroy(lock) emuscope_no_effect((const void *)(lock), 0)
#define pthread_spin_lock(lock) emuscope_no_effect((const void *)(lock), 0)
#define pthread_spin_trylock(lock) emuscope_no_effect((const void *)(lock), 0)
#define pthread_spin_unlock(lock) emuscope_no_effect((const void *)(lock), 0)
#define pthread_cond_init(condition, attributes) emuscope_no_effect((condition), 0)
#define pthread_cond_destroy(condition) emuscope_no_effect((condition), 0)
#define pthread_cond_signal(condition) emuscope_no_effect((condition), 0)
#define pthread_cond_broadcast(condition) emuscope_no_effect((condition), 0)
#define pthread_cond_wait(condition, lock) (emuscope_no_effect((condition), 0), ENOSYS)
#define pthread_attr_init(attributes) emuscope_no_effect((attributes), 0)
#define pthread_attr_destroy(attributes) emuscope_no_effect((attributes), 0)
#define pthread_self() ((pthread_t)1)
#define pthread_equal(a, b) ((a) == (b))
#define pthread_create(thread, attributes, function, argument) ((void)(function), ENOSYS)
#define pthread_join(thread, result) ((void)(thread), ENOSYS)
#define pthread_detach(thread) ((void)(thread), ENOSYS)
#define pthread_setname_np(thread, name) emuscope_no_effect((name), 0)

static inline int pthread_once(pthread_once_t *once, void (*function)(void))
{
    if (!*once) {
        *once = 1;
        function();
    }
    return 0;
}

#ifdef __cplusplus
extern "C" {
#endif
int pthread_key_create(pthread_key_t *key, void (*destroy)(void *));
int pthread_key_delete(pthread_key_t key);
void *pthread_getspecific(pthread_key_t key);
int pthread_setspecific(pthread_key_t key, const void *value);
#ifdef __cplusplus
}
#endif

#endif
