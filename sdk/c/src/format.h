/* Formatting of arguments that were widened to 64 bits (include/emuscope/wide.h). */
#ifndef EMUSCOPE_FORMAT_H
#define EMUSCOPE_FORMAT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As vsnprintf. */
size_t emuscope_format(char *text, size_t size, const char *format, va_list arguments);
/* The text in memory from malloc. */
char *emuscope_format_new(const char *format, va_list arguments, size_t *length);

#endif
