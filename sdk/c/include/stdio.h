/* stdio of wasi-libc, with the conversions of wide.h. */
#ifndef EMUSCOPE_STDIO_H
#define EMUSCOPE_STDIO_H

#include_next <stdio.h>

#include "emuscope/wide.h"

#ifdef EMUSCOPE_WIDE
int emuscope_fprintf(FILE *file, const char *format, ...);
int emuscope_dprintf(int fd, const char *format, ...);
int emuscope_snprintf(char *text, size_t size, const char *format, ...);
int emuscope_asprintf(char **text, const char *format, ...);
int emuscope_sscanf(const char *text, const char *format, ...);
int emuscope_fscanf(FILE *file, const char *format, ...);

#undef printf
#undef fprintf
#undef dprintf
#undef sprintf
#undef snprintf
#undef asprintf
#undef sscanf
#undef fscanf
#undef scanf
#define printf(format, ...) emuscope_fprintf(stdout, format EMUSCOPE_WIDE_ALL(__VA_ARGS__))
#define fprintf(file, format, ...) emuscope_fprintf(file, format EMUSCOPE_WIDE_ALL(__VA_ARGS__))
#define dprintf(fd, format, ...) emuscope_dprintf(fd, format EMUSCOPE_WIDE_ALL(__VA_ARGS__))
#define sprintf(text, format, ...) emuscope_snprintf(text, (size_t)-1, format EMUSCOPE_WIDE_ALL(__VA_ARGS__))
#define snprintf(text, size, format, ...) emuscope_snprintf(text, size, format EMUSCOPE_WIDE_ALL(__VA_ARGS__))
#define asprintf(text, format, ...) emuscope_asprintf(text, format EMUSCOPE_WIDE_ALL(__VA_ARGS__))
#define sscanf(text, format, ...) emuscope_sscanf(text, format EMUSCOPE_PLACE_ALL(__VA_ARGS__))
#define fscanf(file, format, ...) emuscope_fscanf(file, format EMUSCOPE_PLACE_ALL(__VA_ARGS__))
#define scanf(format, ...) emuscope_fscanf(stdin, format EMUSCOPE_PLACE_ALL(__VA_ARGS__))
#endif

#endif
