/* Strings that grow. */
#ifndef EMUSCOPE_GLIB_STRING_H
#define EMUSCOPE_GLIB_STRING_H

#include "gmacros.h"
#include "gtypes.h"

#include "../emuscope/wide.h"

typedef struct _GString {
    gchar *str;
    gsize len;
    gsize allocated_len;
} GString;

G_BEGIN_DECLS
GString *g_string_new(const gchar *text);
GString *g_string_new_len(const gchar *text, gssize length);
GString *g_string_sized_new(gsize size);
gchar *g_string_free(GString *string, gboolean free_segment);
gchar *g_string_free_and_steal(GString *string);
gboolean g_string_equal(const GString *a, const GString *b);
guint g_string_hash(const GString *string);
GString *g_string_assign(GString *string, const gchar *text);
GString *g_string_truncate(GString *string, gsize length);
GString *g_string_set_size(GString *string, gsize length);
GString *g_string_insert_len(GString *string, gssize position, const gchar *text, gssize length);
GString *g_string_append(GString *string, const gchar *text);
GString *g_string_append_len(GString *string, const gchar *text, gssize length);
GString *g_string_append_c(GString *string, gchar c);
GString *g_string_prepend(GString *string, const gchar *text);
GString *g_string_prepend_c(GString *string, gchar c);
GString *g_string_prepend_len(GString *string, const gchar *text, gssize length);
GString *g_string_insert(GString *string, gssize position, const gchar *text);
GString *g_string_insert_c(GString *string, gssize position, gchar c);
GString *g_string_overwrite(GString *string, gsize position, const gchar *text);
GString *g_string_erase(GString *string, gssize position, gssize length);
guint g_string_replace(GString *string, const gchar *find, const gchar *replacement, guint limit);
GString *g_string_ascii_down(GString *string);
GString *g_string_ascii_up(GString *string);
void g_string_printf(GString *string, const gchar *format, ...);
void g_string_vprintf(GString *string, const gchar *format, va_list arguments);
void g_string_append_printf(GString *string, const gchar *format, ...);
void g_string_append_vprintf(GString *string, const gchar *format, va_list arguments);
G_END_DECLS

#ifdef EMUSCOPE_WIDE
void emuscope_string_printf(GString *string, const gchar *format, ...);
void emuscope_string_append_printf(GString *string, const gchar *format, ...);
#define g_string_printf(string, format, ...) emuscope_string_printf(string, format EMUSCOPE_WIDE_ALL(__VA_ARGS__))
#define g_string_append_printf(string, format, ...) \
    emuscope_string_append_printf(string, format EMUSCOPE_WIDE_ALL(__VA_ARGS__))
#endif

#define g_string_sprintf g_string_printf
#define g_string_sprintfa g_string_append_printf

#endif
