/* Memory maps as wasi-libc emulates them (copies); memory cannot be shared with others (ENOSYS). */
#ifndef EMUSCOPE_SYS_MMAN_H
#define EMUSCOPE_SYS_MMAN_H

#include_next <sys/mman.h>

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif
int shm_open(const char *name, int flags, mode_t mode);
int shm_unlink(const char *name);
int madvise(void *memory, size_t size, int advice);
int mlock(const void *memory, size_t size);
#ifdef __cplusplus
}
#endif

#endif
