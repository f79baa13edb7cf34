/* Sockets can be named but not made: each of these fails with ENOSYS. */
#ifndef EMUSCOPE_SYS_SOCKET_H
#define EMUSCOPE_SYS_SOCKET_H

#include_next <sys/socket.h>

#ifndef SO_REUSEADDR
#define SO_REUSEADDR 2
#define SO_ERROR 4
#define SO_DONTROUTE 5
#define SO_BROADCAST 6
#define SO_SNDBUF 7
#define SO_RCVBUF 8
#define SO_KEEPALIVE 9
#define SO_LINGER 13
#define SO_REUSEPORT 15
#define SO_RCVTIMEO 66
#define SO_SNDTIMEO 67
#endif
#ifndef SOMAXCONN
#define SOMAXCONN 128
#endif

#ifdef __cplusplus
extern "C" {
#endif
int socket(int domain, int type, int protocol);
int socketpair(int domain, int type, int protocol, int fds[2]);
int bind(int fd, const struct sockaddr *address, socklen_t length);
int connect(int fd, const struct sockaddr *address, socklen_t length);
int listen(int fd, int backlog);
int accept(int fd, struct sockaddr *__restrict address, socklen_t *__restrict length);
int setsockopt(int fd, int level, int option, const void *value, socklen_t length);
ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *address, socklen_t length);
ssize_t recvfrom(int fd, void *__restrict data, size_t size, int flags, struct sockaddr *__restrict address,
                 socklen_t *__restrict length);
#ifdef __cplusplus
}
#endif

#endif
