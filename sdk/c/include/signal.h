/* Signals never arrive: handlers are taken and forgotten. */
#ifndef EMUSCOPE_SIGNAL_H
#define EMUSCOPE_SIGNAL_H

#define _WASI_EMULATED_SIGNAL
#include <sys/types.h>

typedef int sig_atomic_t;
typedef void (*sighandler_t)(int);
typedef struct {
    unsigned long bits[2];
} emuscope_sigset_t;
#define sigset_t emuscope_sigset_t
struct sigaction {
    sighandler_t sa_handler;
    emuscope_sigset_t sa_mask;
    int sa_flags;
};

#define SIG_DFL ((sighandler_t)0)
#define SIG_IGN ((sighandler_t)1)
#define SIG_ERR ((sighandler_t)-1)
#define SIGHUP 1
#define SIGINT 2
#define SIGQUIT 3
#define SIGTRAP 5
#define SIGABRT 6
#define SIGFPE 8
#define SIGKILL 9
#define SIGUSR1 10
#define SIGSEGV 11
#define SIGUSR2 12
#define SIGPIPE 13
#define SIGALRM 14
#define SIGTERM 15
#define SIGCHLD 17

#ifdef __cplusplus
extern "C" {
#endif
sighandler_t signal(int number, sighandler_t handler);
int sigaction(int number, const struct sigaction *action, struct sigaction *old);
int raise(int number);
int kill(pid_t process, int number);
#ifdef __cplusplus
}
#endif
static inline int sigemptyset(emuscope_sigset_t *set)
{
    set->bits[0] = set->bits[1] = 0;
    return 0;
}
static inline int sigfillset(emuscope_sigset_t *set)
{
    set->bits[0] = set->bits[1] = ~0ul;
    return 0;
}

#endif
