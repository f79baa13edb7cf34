/* stdlib of wasi-libc; what converts text to a `long` gives all 64 bits, as on the hosts plugins are written for. */
#ifndef EMUSCOPE_STDLIB_H
#define EMUSCOPE_STDLIB_H

#include_next <stdlib.h>

#if !defined(__cplusplus) && !defined(EMUSCOPE_NO_WIDE)
#define strtol(text, end, base) strtoll(text, end, base)
#define strtoul(text, end, base) strtoull(text, end, base)
#define atol(text) atoll(text)
#define labs(value) llabs(value)
#endif

#ifdef __cplusplus
extern "C" {
#endif
char *realpath(const char *path, char *resolved);
int mkstemp(char *name);
int system(const char *command);
#ifdef __cplusplus
}
#endif

#endif
