/* Advisory locks of files nobody else can open. */
#ifndef EMUSCOPE_SYS_FILE_H
#define EMUSCOPE_SYS_FILE_H

#include <fcntl.h>

#define LOCK_SH 1
#define LOCK_EX 2
#define LOCK_NB 4
#define LOCK_UN 8
static inline int flock(int fd, int operation)
{
    (void)fd;
    (void)operation;
    return 0;
}

#endif
