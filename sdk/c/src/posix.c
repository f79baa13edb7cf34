/* What of POSIX wasi-libc leaves out and plugins name: it says that there is no such thing here. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static int none(void)
{
    errno = ENOSYS;
    return -1;
}

int socket(int domain, int type, int protocol)
{
    return (void)domain, (void)type, (void)protocol, none();
}

int socketpair(int domain, int type, int protocol, int fds[2])
{
    return (void)domain, (void)type, (void)protocol, (void)fds, none();
}

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
    return (void)fd, (void)address, (void)length, none();
}

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    return (void)fd, (void)address, (void)length, none();
}

int listen(int fd, int backlog)
{
    return (void)fd, (void)backlog, none();
}

int accept(int fd, struct sockaddr *restrict address, socklen_t *restrict length)
{
    return (void)fd, (void)address, (void)length, none();
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t length)
{
    return (void)fd, (void)level, (void)option, (void)value, (void)length, none();
}

ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *address, socklen_t length)
{
    return (void)fd, (void)data, (void)size, (void)flags, (void)address, (void)length, none();
}

ssize_t recvfrom(int fd, void *restrict data, size_t size, int flags, struct sockaddr *restrict address,
                 socklen_t *restrict length)
{
    return (void)fd, (void)data, (void)size, (void)flags, (void)address, (void)length, none();
}

int pipe(int fds[2])
{
    return (void)fds, none();
}

int dup(int fd)
{
    return (void)fd, none();
}

int dup2(int from, int to)
{
    return (void)from, (void)to, none();
}

int shm_open(const char *name, int flags, mode_t mode)
{
    return (void)name, (void)flags, (void)mode, none();
}

int shm_unlink(const char *name)
{
    return (void)name, none();
}

int madvise(void *memory, size_t size, int advice)
{
    return (void)memory, (void)size, (void)advice, 0;
}

int mlock(const void *memory, size_t size)
{
    return (void)memory, (void)size, 0;
}

pid_t fork(void)
{
    return none();
}

int system(const char *command)
{
    return (void)command, none();
}

int mkstemp(char *name)
{
    return (void)name, none();
}

int kill(pid_t process, int number)
{
    return (void)process, (void)number, none();
}

pid_t getpid(void)
{
    return 1;
}

pid_t getppid(void)
{
    return 0;
}

pid_t gettid(void)
{
    return 1;
}

uid_t getuid(void)
{
    return 0;
}

uid_t geteuid(void)
{
    return 0;
}

gid_t getgid(void)
{
    return 0;
}

gid_t getegid(void)
{
    return 0;
}

int gethostname(char *name, size_t size)
{
    strncpy(name, "emuscope", size);
    return 0;
}

/* There is one directory, and no links. */
char *realpath(const char *path, char *resolved)
{
    char *result = resolved ? resolved : malloc(strlen(path) + 2);
    if (result) {
        strcpy(result, *path == '/' ? "" : "/");
        strcat(result, path);
    }
    return result;
}

sighandler_t signal(int number, sighandler_t handler)
{
    return (void)number, (void)handler, SIG_DFL;
}

int sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
    (void)number;
    (void)action;
    if (old) {
        memset(old, 0, sizeof *old);
    }
    return 0;
}

int raise(int number)
{
    (void)number;
    abort();
}

#define MOST_KEYS 64

static void *specific[MOST_KEYS];
static pthread_key_t keys;

int pthread_key_create(pthread_key_t *key, void (*destroy)(void *))
{
    (void)destroy; /* no thread ends */
    if (keys == MOST_KEYS) {
        return EAGAIN;
    }
    *key = keys++;
    return 0;
}

int pthread_key_delete(pthread_key_t key)
{
    return (void)key, 0;
}

void *pthread_getspecific(pthread_key_t key)
{
    return key < keys ? specific[key] : NULL;
}

int pthread_setspecific(pthread_key_t key, const void *value)
{
    if (key >= keys) {
        return EINVAL;
    }
    specific[key] = (void *)value;
    return 0;
}
