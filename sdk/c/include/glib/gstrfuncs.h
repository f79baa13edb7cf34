/* Functions on strings and on arrays of strings; characters are classified as in the C locale. */
#ifndef EMUSCOPE_GLIB_STRFUNCS_H
#define EMUSCOPE_GLIB_STRFUNCS_H

#include "gerror.h"
#include "gmacros.h"
#include "gtypes.h"

#include <stdio.h>

#define G_ASCII_DTOSTR_BUF_SIZE (29 + 10)
#define G_STR_DELIMITERS "_-|> <."

G_BEGIN_DECLS
gchar *g_strdup(const gchar *text);
gchar *g_strndup(const gchar *text, gsize length);
gchar *g_strnfill(gsize length, gchar fill);
gchar *g_strdup_printf(const gchar *format, ...);
gchar *g_strdup_vprintf(const gchar *format, va_list arguments);
gint g_snprintf(gchar *text, gulong size, const gchar *format, ...);
gint g_vsnprintf(gchar *text, gulong size, const gchar *format, va_list arguments);
gint g_sprintf(gchar *text, const gchar *format, ...);
gint g_printf(const gchar *format, ...);
gint g_vasprintf(gchar **text, const gchar *format, va_list arguments);
gchar *g_strconcat(const gchar *first, ...) G_GNUC_NULL_TERMINATED;
gchar *g_strjoin(const gchar *separator, ...) G_GNUC_NULL_TERMINATED;
gchar *g_strjoinv(const gchar *separator, gchar **strings);
gchar **g_strsplit(const gchar *text, const gchar *delimiter, gint max_tokens);
gchar **g_strsplit_set(const gchar *text, const gchar *delimiters, gint max_tokens);
gchar **g_strdupv(gchar **strings);
void g_strfreev(gchar **strings);
guint g_strv_length(gchar **strings);
gboolean g_strv_contains(const gchar *const *strings, const gchar *text);
gboolean g_strv_equal(const gchar *const *a, const gchar *const *b);

int g_strcmp0(const char *a, const char *b);
gboolean g_str_has_prefix(const gchar *text, const gchar *prefix);
gboolean g_str_has_suffix(const gchar *text, const gchar *suffix);
gboolean g_str_is_ascii(const gchar *text);
gchar *g_strstr_len(const gchar *text, gssize length, const gchar *needle);
gchar *g_strrstr(const gchar *text, const gchar *needle);
gchar *g_strrstr_len(const gchar *text, gssize length, const gchar *needle);
gchar *g_strreverse(gchar *text);
gchar *g_strchug(gchar *text);
gchar *g_strchomp(gchar *text);
gchar *g_strdelimit(gchar *text, const gchar *delimiters, gchar replacement);
gchar *g_strcanon(gchar *text, const gchar *valid, gchar replacement);
gchar *g_strescape(const gchar *text, const gchar *exceptions);
gchar *g_strcompress(const gchar *text);
gsize g_strlcpy(gchar *to, const gchar *from, gsize size);
gsize g_strlcat(gchar *to, const gchar *from, gsize size);
gchar *g_stpcpy(gchar *to, const char *from);
const gchar *g_strerror(gint number);

gint g_ascii_strcasecmp(const gchar *a, const gchar *b);
gint g_ascii_strncasecmp(const gchar *a, const gchar *b, gsize length);
gchar *g_ascii_strdown(const gchar *text, gssize length);
gchar *g_ascii_strup(const gchar *text, gssize length);
gint64 g_ascii_strtoll(const gchar *text, gchar **end, guint base);
guint64 g_ascii_strtoull(const gchar *text, gchar **end, guint base);
gboolean g_ascii_string_to_signed(const gchar *text, guint base, gint64 least, gint64 most, gint64 *result, GError **error);
gboolean g_ascii_string_to_unsigned(const gchar *text, guint base, guint64 least, guint64 most, guint64 *result,
                                    GError **error);
gdouble g_ascii_strtod(const gchar *text, gchar **end);
gdouble g_strtod(const gchar *text, gchar **end);
gchar *g_ascii_dtostr(gchar *buffer, gint size, gdouble value);
gchar g_ascii_tolower(gchar c);
gchar g_ascii_toupper(gchar c);
gint g_ascii_digit_value(gchar c);
gint g_ascii_xdigit_value(gchar c);
gboolean g_str_equal(gconstpointer a, gconstpointer b);
guint g_str_hash(gconstpointer text);
G_END_DECLS

#ifdef EMUSCOPE_WIDE
gchar *emuscope_strdup_printf(const gchar *format, ...);
#define g_strdup_printf(format, ...) emuscope_strdup_printf(format EMUSCOPE_WIDE_ALL(__VA_ARGS__))
#define g_snprintf(text, size, format, ...) emuscope_snprintf(text, size, format EMUSCOPE_WIDE_ALL(__VA_ARGS__))
#define g_sprintf(text, format, ...) emuscope_snprintf(text, (gsize)-1, format EMUSCOPE_WIDE_ALL(__VA_ARGS__))
#define g_printf(format, ...) emuscope_fprintf(stdout, format EMUSCOPE_WIDE_ALL(__VA_ARGS__))
#endif

#define g_strstrip(text) g_strchomp(g_strchug(text))

static inline gboolean emuscope_in_range(gchar c, gchar first, gchar last)
{
    return c >= first && c <= last;
}
static inline gboolean g_ascii_isdigit(gchar c) { return emuscope_in_range(c, '0', '9'); }
static inline gboolean g_ascii_islower(gchar c) { return emuscope_in_range(c, 'a', 'z'); }
static inline gboolean g_ascii_isupper(gchar c) { return emuscope_in_range(c, 'A', 'Z'); }
static inline gboolean g_ascii_isalpha(gchar c) { return g_ascii_islower(c) || g_ascii_isupper(c); }
static inline gboolean g_ascii_isalnum(gchar c) { return g_ascii_isalpha(c) || g_ascii_isdigit(c); }
static inline gboolean g_ascii_isspace(gchar c) { return c == ' ' || (c >= 9 && c <= 13 && c != 11); }
static inline gboolean g_ascii_isgraph(gchar c) { return emuscope_in_range(c, 33, 126); }
static inline gboolean g_ascii_isprint(gchar c) { return emuscope_in_range(c, 32, 126); }
static inline gboolean g_ascii_ispunct(gchar c) { return g_ascii_isgraph(c) && !g_ascii_isalnum(c); }
static inline gboolean g_ascii_iscntrl(gchar c) { return emuscope_in_range(c, 0, 31) || c == 127; }
static inline gboolean g_ascii_isxdigit(gchar c)
{
    return g_ascii_isdigit(c) || emuscope_in_range(c, 'a', 'f') || emuscope_in_range(c, 'A', 'F');
}

#endif
