/* There are no processes to wait for: both fail with ECHILD. */
#ifndef EMUSCOPE_SYS_WAIT_H
#define EMUSCOPE_SYS_WAIT_H

#include <errno.h>
#include <sys/types.h>

#define WNOHANG 1
#define WUNTRACED 2
#define WEXITSTATUS(status) (((status) >> 8) & 0xff)
#define WTERMSIG(status) ((status) & 0x7f)
#define WIFEXITED(status) (WTERMSIG(status) == 0)
#define WIFSIGNALED(status) (!WIFEXITED(status))

static inline pid_t waitpid(pid_t pid, int *status, int options)
{
    (void)pid;
    (void)status;
    (void)options;
    errno = ECHILD;
    return -1;
}
static inline pid_t wait(int *status)
{
    return waitpid(-1, status, 0);
}

#endif
