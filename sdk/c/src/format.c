/*
 * printf's and scanf's conversions for arguments as wide.h passes them: each integer as 64 bits, narrowed here to what
 * the conversion names, `l` being 64 bits. Floating-point conversions are libc's own.
 */
#include "format.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct out {
    char *text; /* where it goes; NULL only counts */
    size_t room; /* of text, without the NUL */
    size_t length;
};

static void put(struct out *out, const char *text, size_t length)
{
    if (out->length < out->room) {
        size_t fits = out->room - out->length;
        memcpy(out->text + out->length, text, length < fits ? length : fits);
    }
    out->length += length;
}

static void pad(struct out *out, char with, long count)
{
    for (; count > 0; count--) {
        put(out, &with, 1);
    }
}

struct spec {
    bool left, plus, space, alternate, zero;
    long width;
    long precision; /* -1: none */
    int size; /* bytes of the integer */
};

/* Sign or radix prefix, zeros up to the precision or width, digits. */
static void put_integer(struct out *out, const struct spec *spec, const char *prefix, const char *digits, size_t count)
{
    size_t prefix_length = strlen(prefix);
    long zeros = spec->precision > (long)count ? spec->precision - (long)count : 0;
    long blanks = spec->width - (long)(prefix_length + count) - zeros;

    if (spec->zero && !spec->left && spec->precision < 0 && blanks > 0) {
        zeros += blanks;
        blanks = 0;
    }
    if (!spec->left) {
        pad(out, ' ', blanks);
    }
    put(out, prefix, prefix_length);
    pad(out, '0', zeros);
    put(out, digits, count);
    if (spec->left) {
        pad(out, ' ', blanks);
    }
}

static void format_integer(struct out *out, const struct spec *spec, char conversion, unsigned long long value)
{
    static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
    const char *names = conversion == 'X' ? upper : lower;
    unsigned base = conversion == 'o' ? 8 : conversion == 'x' || conversion == 'X' ? 16 : 10;
    char digits[72];
    char *first = digits + sizeof digits;
    const char *prefix = "";
    int unused = 64 - 8 * spec->size;

    if (conversion == 'd' || conversion == 'i') {
        long long narrowed = (long long)(value << unused) >> unused;
        prefix = narrowed < 0 ? "-" : spec->plus ? "+" : spec->space ? " " : "";
        value = narrowed < 0 ? 0 - (unsigned long long)narrowed : (unsigned long long)narrowed;
    } else {
        value = value << unused >> unused;
        if (spec->alternate && value && base == 16) {
            prefix = conversion == 'X' ? "0X" : "0x";
        }
    }
    if (value == 0 && spec->precision != 0) {
        *--first = '0';
    }
    for (; value; value /= base) {
        *--first = names[value % base];
    }
    if (spec->alternate && base == 8 && (first == digits + sizeof digits || *first != '0')) {
        *--first = '0';
    }
    put_integer(out, spec, prefix, first, (size_t)(digits + sizeof digits - first));
}

static void format_text(struct out *out, const struct spec *spec, const char *text)
{
    size_t length;

    if (!text) {
        text = spec->precision >= 0 && spec->precision < 6 ? "" : "(null)";
    }
    length = spec->precision >= 0 ? strnlen(text, (size_t)spec->precision) : strlen(text);
    if (!spec->left) {
        pad(out, ' ', spec->width - (long)length);
    }
    put(out, text, length);
    if (spec->left) {
        pad(out, ' ', spec->width - (long)length);
    }
}

static void format_double(struct out *out, const struct spec *spec, char conversion, double value)
{
    char rebuilt[16] = "%", small[128], *text = small, *end = rebuilt + 1;
    int length;

    for (const char *flag = "-+ #0"; *flag; flag++) {
        bool set = *flag == '-'   ? spec->left
                   : *flag == '+' ? spec->plus
                   : *flag == ' ' ? spec->space
                   : *flag == '#' ? spec->alternate
                                  : spec->zero;
        if (set) {
            *end++ = *flag;
        }
    }
    strcpy(end, "*.*");
    end[3] = conversion;
    length = snprintf(text, sizeof small, rebuilt, (int)spec->width, (int)spec->precision, value);
    if (length >= (int)sizeof small) {
        text = malloc((size_t)length + 1);
        snprintf(text, (size_t)length + 1, rebuilt, (int)spec->width, (int)spec->precision, value);
    }
    put(out, text, (size_t)length);
    if (text != small) {
        free(text);
    }
}

/* The size a length modifier names, as on a 64-bit host; moves past it. */
static int modifier_size(const char **at)
{
    const char *modifier = *at;

    switch (*modifier) {
    case 'h':
        *at += modifier[1] == 'h' ? 2 : 1;
        return modifier[1] == 'h' ? 1 : 2;
    case 'l':
        *at += modifier[1] == 'l' ? 2 : 1;
        return 8;
    case 'q':
    case 'j':
    case 'z':
    case 'Z':
    case 't':
    case 'L':
        *at += 1;
        return 8;
    default:
        return 4;
    }
}

static long number(const char **at)
{
    long value = 0;

    for (; isdigit((unsigned char)**at); ++*at) {
        value = value * 10 + (**at - '0');
    }
    return value;
}

static void format_all(struct out *out, const char *at, va_list arguments)
{
    while (*at) {
        size_t plain = strcspn(at, "%");
        struct spec spec = {.precision = -1};
        char conversion;

        put(out, at, plain);
        at += plain;
        if (!*at) {
            break;
        }
        for (at++;; at++) {
            if (*at == '-') {
                spec.left = true;
            } else if (*at == '+') {
                spec.plus = true;
            } else if (*at == ' ') {
                spec.space = true;
            } else if (*at == '#') {
                spec.alternate = true;
            } else if (*at == '0') {
                spec.zero = true;
            } else if (*at != '\'') {
                break;
            }
        }
        if (*at == '*') {
            at++;
            spec.width = (int)va_arg(arguments, long long);
            if (spec.width < 0) {
                spec.left = true;
                spec.width = -spec.width;
            }
        } else {
            spec.width = number(&at);
        }
        if (*at == '.') {
            at++;
            if (*at == '*') {
                at++;
                spec.precision = (int)va_arg(arguments, long long);
                spec.precision = spec.precision < 0 ? -1 : spec.precision;
            } else {
                spec.precision = number(&at);
            }
        }
        spec.size = modifier_size(&at);
        conversion = *at;
        if (!conversion) {
            break;
        }
        at++;
        switch (conversion) {
        case 'd':
        case 'i':
        case 'u':
        case 'x':
        case 'X':
        case 'o':
            format_integer(out, &spec, conversion, va_arg(arguments, unsigned long long));
            break;
        case 'c': {
            char c = (char)va_arg(arguments, long long);
            pad(out, ' ', spec.left ? 0 : spec.width - 1);
            put(out, &c, 1);
            pad(out, ' ', spec.left ? spec.width - 1 : 0);
            break;
        }
        case 's':
            format_text(out, &spec, va_arg(arguments, const char *));
            break;
        case 'p': {
            uintptr_t pointer = (uintptr_t)va_arg(arguments, const void *);
            if (pointer) {
                spec.alternate = true;
                spec.size = 8;
                format_integer(out, &spec, 'x', pointer);
            } else {
                spec.precision = -1;
                format_text(out, &spec, "(nil)");
            }
            break;
        }
        case 'm':
            format_text(out, &spec, strerror(errno));
            break;
        case 'n':
            (void)va_arg(arguments, void *);
            break;
        case '%':
            put(out, "%", 1);
            break;
        case 'e':
        case 'E':
        case 'f':
        case 'F':
        case 'g':
        case 'G':
        case 'a':
        case 'A':
            format_double(out, &spec, conversion, va_arg(arguments, double));
            break;
        default: /* as written */
            put(out, "%", 1);
            put(out, &conversion, 1);
        }
    }
}

size_t emuscope_format(char *text, size_t size, const char *format, va_list arguments)
{
    struct out out = {.text = text, .room = size ? size - 1 : 0};

    format_all(&out, format, arguments);
    if (size) {
        text[out.length < out.room ? out.length : out.room] = '\0';
    }
    return out.length;
}

char *emuscope_format_new(const char *format, va_list arguments, size_t *length)
{
    char small[256], *text;
    va_list again;

    va_copy(again, arguments);
    *length = emuscope_format(small, sizeof small, format, arguments);
    text = malloc(*length + 1);
    if (!text) {
        abort();
    }
    if (*length < sizeof small) {
        memcpy(text, small, *length + 1);
    } else {
        emuscope_format(text, *length + 1, format, again);
    }
    va_end(again);
    return text;
}

int emuscope_fprintf(FILE *file, const char *format, ...)
{
    va_list arguments;
    size_t length;
    char *text;

    va_start(arguments, format);
    text = emuscope_format_new(format, arguments, &length);
    va_end(arguments);
    length = fwrite(text, 1, length, file);
    free(text);
    return (int)length;
}

int emuscope_dprintf(int fd, const char *format, ...)
{
    va_list arguments;
    size_t length;
    char *text;

    va_start(arguments, format);
    text = emuscope_format_new(format, arguments, &length);
    va_end(arguments);
    length = (size_t)write(fd, text, length);
    free(text);
    return (int)length;
}

int emuscope_snprintf(char *text, size_t size, const char *format, ...)
{
    va_list arguments;
    size_t length;

    va_start(arguments, format);
    length = emuscope_format(text, size, format, arguments);
    va_end(arguments);
    return (int)length;
}

int emuscope_asprintf(char **text, const char *format, ...)
{
    va_list arguments;
    size_t length;

    va_start(arguments, format);
    *text = emuscope_format_new(format, arguments, &length);
    va_end(arguments);
    return (int)length;
}

#define MOST_PLACES 32

/* Each pointer's size decides how much an integer conversion stores; the format is rewritten to say so. */
static int scan(const char *text, FILE *file, const char *format, va_list arguments)
{
    char *rebuilt = malloc(3 * strlen(format) + 1), *end = rebuilt;
    void *p[MOST_PLACES] = {0};
    int places = 0, found;

    for (const char *at = format; *at;) {
        *end++ = *at;
        if (*at++ != '%') {
            continue;
        }
        if (*at == '%') {
            *end++ = *at++;
            continue;
        }
        bool skipped = *at == '*';
        size_t size = 0;
        if (skipped) {
            *end++ = *at++;
        }
        while (isdigit((unsigned char)*at)) {
            *end++ = *at++;
        }
        modifier_size(&at);
        if (!skipped && places < MOST_PLACES) {
            p[places++] = va_arg(arguments, void *);
            size = va_arg(arguments, size_t);
        }
        if (*at && strchr("diouxXn", *at) && !skipped) {
            const char *name = size == 1 ? "hh" : size == 2 ? "h" : size == 8 ? "ll" : "";
            end = stpcpy(end, name);
        } else if (*at && strchr("eEfFgGaA", *at) && !skipped) {
            end = stpcpy(end, size == 8 ? "l" : "");
        }
        if (*at == '[') { /* a set may hold '%' */
            *end++ = *at++;
            if (*at == '^') {
                *end++ = *at++;
            }
            if (*at == ']') {
                *end++ = *at++;
            }
            while (*at && *at != ']') {
                *end++ = *at++;
            }
        }
        if (*at) {
            *end++ = *at++;
        }
    }
    *end = '\0';
#define PLACES \
    p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10], p[11], p[12], p[13], p[14], p[15], p[16], p[17], \
        p[18], p[19], p[20], p[21], p[22], p[23], p[24], p[25], p[26], p[27], p[28], p[29], p[30], p[31]
    found = text ? sscanf(text, rebuilt, PLACES) : fscanf(file, rebuilt, PLACES);
    free(rebuilt);
    return found;
}

int emuscope_sscanf(const char *text, const char *format, ...)
{
    va_list arguments;
    int found;

    va_start(arguments, format);
    found = scan(text, NULL, format, arguments);
    va_end(arguments);
    return found;
}

int emuscope_fscanf(FILE *file, const char *format, ...)
{
    va_list arguments;
    int found;

    va_start(arguments, format);
    found = scan(NULL, file, format, arguments);
    va_end(arguments);
    return found;
}
