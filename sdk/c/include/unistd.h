/* unistd of wasi-libc, and what it lacks of POSIX (process functions, which answer as if there were one process). */
#ifndef EMUSCOPE_UNISTD_H
#define EMUSCOPE_UNISTD_H

#define _WASI_EMULATED_GETPID
#include_next <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif
pid_t getpid(void);
pid_t getppid(void);
pid_t gettid(void);
pid_t fork(void);
int pipe(int fds[2]);
int dup(int fd);
int dup2(int from, int to);
uid_t getuid(void);
uid_t geteuid(void);
gid_t getgid(void);
gid_t getegid(void);
int gethostname(char *name, size_t size);
#ifdef __cplusplus
}
#endif

#endif
