/* Functions on strings. */
#include "format.h"

#include <errno.h>
#include <glib.h>
#include <stdio.h>

gchar *g_strndup(const gchar *text, gsize length)
{
    gchar *copy;

    if (!text) {
        return NULL;
    }
    copy = g_malloc(length + 1);
    strncpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

gchar *g_strdup(const gchar *text)
{
    return text ? g_memdup2(text, strlen(text) + 1) : NULL;
}

gchar *g_strnfill(gsize length, gchar fill)
{
    gchar *text = g_malloc(length + 1);
    memset(text, fill, length);
    text[length] = '\0';
    return text;
}

gint g_vasprintf(gchar **text, const gchar *format, va_list arguments)
{
    va_list again;
    int length;

    va_copy(again, arguments);
    length = vsnprintf(NULL, 0, format, arguments);
    if (length >= 0) {
        *text = g_malloc((gsize)length + 1);
        vsnprintf(*text, (gsize)length + 1, format, again);
    } else {
        *text = NULL;
    }
    va_end(again);
    return length;
}

gchar *g_strdup_vprintf(const gchar *format, va_list arguments)
{
    gchar *text;
    g_vasprintf(&text, format, arguments);
    return text;
}

gchar *g_strdup_printf(const gchar *format, ...)
{
    va_list arguments;
    gchar *text;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return text;
}

gchar *emuscope_strdup_printf(const gchar *format, ...)
{
    va_list arguments;
    size_t length;
    gchar *text;

    va_start(arguments, format);
    text = emuscope_format_new(format, arguments, &length);
    va_end(arguments);
    return text;
}

gint g_vsnprintf(gchar *text, gulong size, const gchar *format, va_list arguments)
{
    return vsnprintf(text, size, format, arguments);
}

gint g_snprintf(gchar *text, gulong size, const gchar *format, ...)
{
    va_list arguments;
    gint length;

    va_start(arguments, format);
    length = vsnprintf(text, size, format, arguments);
    va_end(arguments);
    return length;
}

gint g_sprintf(gchar *text, const gchar *format, ...)
{
    va_list arguments;
    gint length;

    va_start(arguments, format);
    length = vsprintf(text, format, arguments);
    va_end(arguments);
    return length;
}

gint g_printf(const gchar *format, ...)
{
    va_list arguments;
    gint length;

    va_start(arguments, format);
    length = vprintf(format, arguments);
    va_end(arguments);
    return length;
}

gchar *g_strconcat(const gchar *first, ...)
{
    va_list arguments;
    GString *all;

    if (!first) {
        return NULL;
    }
    all = g_string_new(first);
    va_start(arguments, first);
    for (const gchar *next; (next = va_arg(arguments, const gchar *));) {
        g_string_append(all, next);
    }
    va_end(arguments);
    return g_string_free(all, FALSE);
}

gchar *g_strjoin(const gchar *separator, ...)
{
    GString *all = g_string_new(NULL);
    gboolean first = TRUE;
    va_list arguments;

    va_start(arguments, separator);
    for (const gchar *next; (next = va_arg(arguments, const gchar *)); first = FALSE) {
        if (!first && separator) {
            g_string_append(all, separator);
        }
        g_string_append(all, next);
    }
    va_end(arguments);
    return g_string_free(all, FALSE);
}

gchar *g_strjoinv(const gchar *separator, gchar **strings)
{
    GString *all = g_string_new(NULL);

    for (gsize i = 0; strings[i]; i++) {
        if (i && separator) {
            g_string_append(all, separator);
        }
        g_string_append(all, strings[i]);
    }
    return g_string_free(all, FALSE);
}

/* The vector under construction is a pointer array that a NULL ends. */
static gchar **finish_vector(GPtrArray *parts)
{
    g_ptr_array_add(parts, NULL);
    return (gchar **)g_ptr_array_free(parts, FALSE);
}

gchar **g_strsplit(const gchar *text, const gchar *delimiter, gint max_tokens)
{
    GPtrArray *parts = g_ptr_array_new();
    gsize skip = strlen(delimiter);
    const gchar *rest = text;

    for (const gchar *found; max_tokens != 1 && (found = strstr(rest, delimiter)); rest = found + skip) {
        g_ptr_array_add(parts, g_strndup(rest, (gsize)(found - rest)));
        max_tokens -= max_tokens > 0;
    }
    if (*text) {
        g_ptr_array_add(parts, g_strdup(rest));
    }
    return finish_vector(parts);
}

gchar **g_strsplit_set(const gchar *text, const gchar *delimiters, gint max_tokens)
{
    GPtrArray *parts = g_ptr_array_new();
    const gchar *rest = text;

    if (!*text) {
        return finish_vector(parts);
    }
    while (max_tokens != 1) {
        gsize length = strcspn(rest, delimiters);
        if (!rest[length]) {
            break;
        }
        g_ptr_array_add(parts, g_strndup(rest, length));
        rest += length + 1;
        max_tokens -= max_tokens > 0;
    }
    g_ptr_array_add(parts, g_strdup(rest));
    return finish_vector(parts);
}

gchar **g_strdupv(gchar **strings)
{
    GPtrArray *copies;

    if (!strings) {
        return NULL;
    }
    copies = g_ptr_array_new();
    for (gsize i = 0; strings[i]; i++) {
        g_ptr_array_add(copies, g_strdup(strings[i]));
    }
    return finish_vector(copies);
}

void g_strfreev(gchar **strings)
{
    for (gsize i = 0; strings && strings[i]; i++) {
        g_free(strings[i]);
    }
    g_free(strings);
}

guint g_strv_length(gchar **strings)
{
    guint length = 0;
    while (strings[length]) {
        length++;
    }
    return length;
}

gboolean g_strv_contains(const gchar *const *strings, const gchar *text)
{
    for (; *strings; strings++) {
        if (strcmp(*strings, text) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

gboolean g_strv_equal(const gchar *const *a, const gchar *const *b)
{
    for (; *a && *b; a++, b++) {
        if (strcmp(*a, *b) != 0) {
            return FALSE;
        }
    }
    return !*a && !*b;
}

int g_strcmp0(const char *a, const char *b)
{
    return !a ? -(a != b) : !b ? a != b : strcmp(a, b);
}

gboolean g_str_equal(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b) == 0;
}

guint g_str_hash(gconstpointer text)
{
    guint hash = 5381;
    for (const signed char *c = text; *c; c++) {
        hash = hash * 33 + (guint)*c;
    }
    return hash;
}

gboolean g_str_has_prefix(const gchar *text, const gchar *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

gboolean g_str_has_suffix(const gchar *text, const gchar *suffix)
{
    gsize length = strlen(text), end = strlen(suffix);
    return length >= end && strcmp(text + length - end, suffix) == 0;
}

gboolean g_str_is_ascii(const gchar *text)
{
    for (; *text; text++) {
        if (*text & 0x80) {
            return FALSE;
        }
    }
    return TRUE;
}

gchar *g_strstr_len(const gchar *text, gssize length, const gchar *needle)
{
    gsize size = strlen(needle);

    if (length < 0) {
        return strstr(text, needle);
    }
    for (gsize end = strnlen(text, (gsize)length); end >= size; end--, text++) {
        if (memcmp(text, needle, size) == 0) {
            return (gchar *)text;
        }
    }
    return NULL;
}

gchar *g_strrstr_len(const gchar *text, gssize length, const gchar *needle)
{
    gsize size = strlen(needle), have = length < 0 ? strlen(text) : strnlen(text, (gsize)length);

    for (gsize at = have; at >= size; at--) {
        if (memcmp(text + at - size, needle, size) == 0) {
            return (gchar *)text + at - size;
        }
    }
    return NULL;
}

gchar *g_strrstr(const gchar *text, const gchar *needle)
{
    return *needle ? g_strrstr_len(text, -1, needle) : (gchar *)text;
}

gchar *g_strreverse(gchar *text)
{
    if (*text) {
        for (gchar *a = text, *b = text + strlen(text) - 1; a < b; a++, b--) {
            gchar c = *a;
            *a = *b;
            *b = c;
        }
    }
    return text;
}

gchar *g_strchug(gchar *text)
{
    gsize blanks = 0;
    while (text[blanks] && g_ascii_isspace(text[blanks])) {
        blanks++;
    }
    memmove(text, text + blanks, strlen(text + blanks) + 1);
    return text;
}

gchar *g_strchomp(gchar *text)
{
    gsize length = strlen(text);
    while (length && g_ascii_isspace(text[length - 1])) {
        text[--length] = '\0';
    }
    return text;
}

gchar *g_strdelimit(gchar *text, const gchar *delimiters, gchar replacement)
{
    for (gchar *c = text; *c; c++) {
        if (strchr(delimiters ? delimiters : G_STR_DELIMITERS, *c)) {
            *c = replacement;
        }
    }
    return text;
}

gchar *g_strcanon(gchar *text, const gchar *valid, gchar replacement)
{
    for (gchar *c = text; *c; c++) {
        if (!strchr(valid, *c)) {
            *c = replacement;
        }
    }
    return text;
}

static const char escapes[] = "b\bf\fn\nr\rt\tv\v\\\\\"\"";

gchar *g_strescape(const gchar *text, const gchar *exceptions)
{
    GString *escaped = g_string_new(NULL);

    for (; *text; text++) {
        const char *named = NULL;
        for (const char *pair = escapes; *pair; pair += 2) {
            if (pair[1] == *text) {
                named = pair;
            }
        }
        if (exceptions && strchr(exceptions, *text)) {
            g_string_append_c(escaped, *text);
        } else if (named) {
            g_string_append_c(escaped, '\\');
            g_string_append_c(escaped, *named);
        } else if (*text < ' ' || *text >= 127) {
            g_string_append_printf(escaped, "\\%03o", (guint)(guchar)*text);
        } else {
            g_string_append_c(escaped, *text);
        }
    }
    return g_string_free(escaped, FALSE);
}

gchar *g_strcompress(const gchar *text)
{
    GString *plain = g_string_new(NULL);

    while (*text) {
        const char *named = NULL;
        if (*text != '\\' || !text[1]) {
            g_string_append_c(plain, *text++);
            continue;
        }
        text++;
        if (*text >= '0' && *text <= '7') {
            guint code = 0;
            for (int i = 0; i < 3 && *text >= '0' && *text <= '7'; i++) {
                code = code * 8 + (guint)(*text++ - '0');
            }
            g_string_append_c(plain, (gchar)code);
            continue;
        }
        for (const char *pair = escapes; *pair; pair += 2) {
            if (pair[0] == *text) {
                named = pair;
            }
        }
        g_string_append_c(plain, named ? named[1] : *text);
        text++;
    }
    return g_string_free(plain, FALSE);
}

gsize g_strlcpy(gchar *to, const gchar *from, gsize size)
{
    gsize length = strlen(from);
    if (size) {
        gsize copied = MIN(length, size - 1);
        memcpy(to, from, copied);
        to[copied] = '\0';
    }
    return length;
}

gsize g_strlcat(gchar *to, const gchar *from, gsize size)
{
    gsize have = strnlen(to, size);
    return have + (have == size ? strlen(from) : g_strlcpy(to + have, from, size - have));
}

gchar *g_stpcpy(gchar *to, const char *from)
{
    return stpcpy(to, from);
}

const gchar *g_strerror(gint number)
{
    return strerror(number);
}

gchar g_ascii_tolower(gchar c)
{
    return g_ascii_isupper(c) ? c - 'A' + 'a' : c;
}

gchar g_ascii_toupper(gchar c)
{
    return g_ascii_islower(c) ? c - 'a' + 'A' : c;
}

gint g_ascii_digit_value(gchar c)
{
    return g_ascii_isdigit(c) ? c - '0' : -1;
}

gint g_ascii_xdigit_value(gchar c)
{
    return g_ascii_isdigit(c) ? c - '0' : g_ascii_isxdigit(c) ? g_ascii_tolower(c) - 'a' + 10 : -1;
}

gint g_ascii_strncasecmp(const gchar *a, const gchar *b, gsize length)
{
    for (; length; length--, a++, b++) {
        gint difference = (guchar)g_ascii_tolower(*a) - (guchar)g_ascii_tolower(*b);
        if (difference || !*a) {
            return difference;
        }
    }
    return 0;
}

gint g_ascii_strcasecmp(const gchar *a, const gchar *b)
{
    return g_ascii_strncasecmp(a, b, G_MAXSIZE);
}

static gchar *mapped(const gchar *text, gssize length, gchar (*map)(gchar))
{
    gchar *copy = g_strndup(text, length < 0 ? strlen(text) : (gsize)length);
    for (gchar *c = copy; *c; c++) {
        *c = map(*c);
    }
    return copy;
}

gchar *g_ascii_strdown(const gchar *text, gssize length)
{
    return mapped(text, length, g_ascii_tolower);
}

gchar *g_ascii_strup(const gchar *text, gssize length)
{
    return mapped(text, length, g_ascii_toupper);
}

gint64 g_ascii_strtoll(const gchar *text, gchar **end, guint base)
{
    return strtoll(text, end, (int)base);
}

guint64 g_ascii_strtoull(const gchar *text, gchar **end, guint base)
{
    return strtoull(text, end, (int)base);
}

/* Whether the text is a number from its first to its last character. */
static gboolean is_number(const gchar *text, guint base, gboolean sign, GError **error)
{
    gchar *end;

    errno = 0;
    if (!*text || g_ascii_isspace(*text) || (!sign && (*text == '-' || *text == '+')) ||
        (base == 16 && (text + (*text == '-' || *text == '+'))[0] == '0' &&
         g_ascii_tolower((text + (*text == '-' || *text == '+'))[1]) == 'x')) {
        end = (gchar *)text;
    } else if (sign) {
        strtoll(text, &end, (int)base);
    } else {
        strtoull(text, &end, (int)base);
    }
    if (!*text) {
        g_set_error_literal(error, g_quark_from_static_string("g-number-parser-error-quark"), 0,
                            "Empty string is not a number");
        return FALSE;
    }
    if (end == text || *end) {
        g_set_error(error, g_quark_from_static_string("g-number-parser-error-quark"), 0,
                    sign ? "“%s” is not a signed number" : "“%s” is not an unsigned number", text);
        return FALSE;
    }
    return TRUE;
}

static gboolean out_of_bounds(const gchar *text, const gchar *bounds, GError **error)
{
    g_set_error(error, g_quark_from_static_string("g-number-parser-error-quark"), 1, "Number “%s” is out of bounds %s",
                text, bounds);
    return FALSE;
}

gboolean g_ascii_string_to_signed(const gchar *text, guint base, gint64 least, gint64 most, gint64 *result, GError **error)
{
    gint64 value;

    if (!is_number(text, base, TRUE, error)) {
        return FALSE;
    }
    value = strtoll(text, NULL, (int)base);
    if (errno || value < least || value > most) {
        g_autofree gchar *bounds = g_strdup_printf("[%" PRId64 ", %" PRId64 "]", least, most);
        return out_of_bounds(text, bounds, error);
    }
    if (result) {
        *result = value;
    }
    return TRUE;
}

gboolean g_ascii_string_to_unsigned(const gchar *text, guint base, guint64 least, guint64 most, guint64 *result,
                                    GError **error)
{
    guint64 value;

    if (!is_number(text, base, FALSE, error)) {
        return FALSE;
    }
    value = strtoull(text, NULL, (int)base);
    if (errno || value < least || value > most) {
        g_autofree gchar *bounds = g_strdup_printf("[%" PRIu64 ", %" PRIu64 "]", least, most);
        return out_of_bounds(text, bounds, error);
    }
    if (result) {
        *result = value;
    }
    return TRUE;
}

gdouble g_ascii_strtod(const gchar *text, gchar **end)
{
    return strtod(text, end);
}

gdouble g_strtod(const gchar *text, gchar **end)
{
    return strtod(text, end);
}

gchar *g_ascii_dtostr(gchar *buffer, gint size, gdouble value)
{
    snprintf(buffer, (gsize)size, "%.17g", value);
    return buffer;
}
