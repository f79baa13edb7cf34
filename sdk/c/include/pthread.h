/* One thread: mutexes are free, thread-local keys are variables, and no thread can be started (ENOSYS). */
#ifndef EMUSCOPE_PTHREAD_H
#define EMUSCOPE_PTHREAD_H

#include <errno.h>
#include <stddef.h>
#include <time.h>

typedef struct {
    int dummy;
} emuscope_lock_t;
#define pthread_mutex_t emuscope_lock_t
#define pthread_rwlock_t emuscope_lock_t
#define pthread_spinlock_t emuscope_lock_t
#define pthread_cond_t emuscope_lock_t
#define pthread_barrier_t emuscope_lock_t
#define pthread_mutexattr_t emuscope_lock_t
#define pthread_attr_t emuscope_lock_t
#define pthread_t unsigned long
#define pthread_once_t int
#define pthread_key_t void **
#define PTHREAD_MUTEX_INITIALIZER {0}
#define PTHREAD_RWLOCK_INITIALIZER {0}
#define PTHREAD_COND_INITIALIZER {0}
#define PTHREAD_ONCE_INIT 0
#define PTHREAD_MUTEX_NORMAL 0
#define PTHREAD_MUTEX_RECURSIVE 1

static inline int emuscope_lock(emuscope_lock_t *lock) { return (void)lock, 0; }
static inline int emuscope_lock_init(emuscope_lock_t *lock, const void *attributes)
{
    (void)attributes;
    lock->dummy = 0;
    return 0;
}
#define pthread_mutex_init(lock, attributes) emuscope_lock_init((lock), (attributes))
#define pthread_mutex_destroy(lock) emuscope_lock(lock)
#define pthread_mutex_lock(lock) emuscope_lock(lock)
#define pthread_mutex_trylock(lock) emuscope_lock(lock)
#define pthread_mutex_unlock(lock) emuscope_lock(lock)
#define pthread_mutexattr_init(lock) emuscope_lock(lock)
#define pthread_mutexattr_settype(lock, type) emuscope_lock(lock)
#define pthread_mutexattr_destroy(lock) emuscope_lock(lock)
#define pthread_rwlock_init(lock, attributes) emuscope_lock_init((lock), (attributes))
#define pthread_rwlock_destroy(lock) emuscope_lock(lock)
#define pthread_rwlock_rdlock(lock) emuscope_lock(lock)
#define pthread_rwlock_wrlock(lock) emuscope_lock(lock)
#define pthread_rwlock_unlock(lock) emuscope_lock(lock)
#define pthread_spin_init(lock, shared) emuscope_lock_init((lock), (void *)0)
#define pthread_spin_destroy(lock) emuscope_lock(lock)
#define pthread_spin_lock(lock) emuscope_lock(lock)
#define pthread_spin_unlock(lock) emuscope_lock(lock)
#define pthread_cond_init(condition, attributes) emuscope_lock_init((condition), (attributes))
#define pthread_cond_destroy(condition) emuscope_lock(condition)
#define pthread_cond_signal(condition) emuscope_lock(condition)
#define pthread_cond_broadcast(condition) emuscope_lock(condition)
#define pthread_cond_wait(condition, lock) (emuscope_lock(condition), ENOSYS)
#define pthread_self() 1ul
#define pthread_equal(a, b) ((a) == (b))

static inline int pthread_once(pthread_once_t *once, void (*function)(void))
{
    if (!*once) {
        *once = 1;
        function();
    }
    return 0;
}
static inline int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
                                 void *argument)
{
    (void)thread;
    (void)attributes;
    (void)function;
    (void)argument;
    return ENOSYS;
}
static inline int pthread_join(pthread_t thread, void **result)
{
    (void)thread;
    (void)result;
    return ENOSYS;
}
static inline int pthread_detach(pthread_t thread)
{
    (void)thread;
    return ENOSYS;
}

#endif
