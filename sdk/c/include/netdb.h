/* There is nobody to ask for addresses. */
#ifndef EMUSCOPE_NETDB_H
#define EMUSCOPE_NETDB_H

#include <netinet/in.h>
#include <sys/socket.h>

struct addrinfo {
    int ai_flags;
    int ai_family;
    int ai_socktype;
    int ai_protocol;
    socklen_t ai_addrlen;
    struct sockaddr *ai_addr;
    char *ai_canonname;
    struct addrinfo *ai_next;
};

#define AI_PASSIVE 1
#define EAI_FAIL (-4)

static inline int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                              struct addrinfo **result)
{
    (void)node;
    (void)service;
    (void)hints;
    *result = NULL;
    return EAI_FAIL;
}
static inline void freeaddrinfo(struct addrinfo *list)
{
    (void)list;
}
static inline const char *gai_strerror(int code)
{
    (void)code;
    return "no network";
}

#endif
