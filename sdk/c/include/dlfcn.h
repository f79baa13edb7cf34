/* There is nothing to load at run time: each of these fails, and dlerror says so. */
#ifndef EMUSCOPE_DLFCN_H
#define EMUSCOPE_DLFCN_H

#include <stddef.h>

#define RTLD_LAZY 1
#define RTLD_NOW 2
#define RTLD_GLOBAL 0x100
#define RTLD_LOCAL 0
#define RTLD_DEFAULT ((void *)0)
#define RTLD_NEXT ((void *)-1)

static inline void *dlopen(const char *file, int mode)
{
    (void)file;
    (void)mode;
    return NULL;
}
static inline void *dlsym(void *handle, const char *name)
{
    (void)handle;
    (void)name;
    return NULL;
}
static inline int dlclose(void *handle)
{
    (void)handle;
    return -1;
}
static inline char *dlerror(void)
{
    return (char *)"plugins here cannot load libraries";
}

#endif
