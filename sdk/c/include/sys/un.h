/* The address wasi-libc leaves without its path. */
#ifndef EMUSCOPE_SYS_UN_H
#define EMUSCOPE_SYS_UN_H

#define __wasilibc___struct_sockaddr_un_h
#include <__typedef_sa_family_t.h>

struct sockaddr_un {
    sa_family_t sun_family;
    char sun_path[108];
};

#endif
