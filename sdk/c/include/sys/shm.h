/* Memory shared with other processes can be named but not had: each of these fails with ENOSYS. */
#ifndef EMUSCOPE_SYS_SHM_H
#define EMUSCOPE_SYS_SHM_H

#include <errno.h>
#include <stddef.h>
#include <sys/ipc.h>

#define SHM_RDONLY 010000

struct shmid_ds;

static inline int shmget(key_t key, size_t size, int flags)
{
    (void)key;
    (void)size;
    (void)flags;
    errno = ENOSYS;
    return -1;
}
static inline void *shmat(int id, const void *address, int flags)
{
    (void)id;
    (void)address;
    (void)flags;
    errno = ENOSYS;
    return (void *)-1;
}
static inline int shmdt(const void *address)
{
    (void)address;
    errno = ENOSYS;
    return -1;
}
static inline int shmctl(int id, int command, struct shmid_ds *buffer)
{
    (void)id;
    (void)command;
    (void)buffer;
    errno = ENOSYS;
    return -1;
}

#endif
