/* UTF-8: characters are counted and stepped over; only those of ASCII have another case. */
#ifndef EMUSCOPE_GLIB_UTF8_H
#define EMUSCOPE_GLIB_UTF8_H

#include "gmacros.h"
#include "gtypes.h"

G_BEGIN_DECLS
glong g_utf8_strlen(const gchar *text, gssize size);
gboolean g_utf8_validate(const gchar *text, gssize size, const gchar **end);
gunichar g_utf8_get_char(const gchar *text);
gchar *g_utf8_next(const gchar *text);
gchar *g_utf8_strdown(const gchar *text, gssize size);
gchar *g_utf8_strup(const gchar *text, gssize size);
gint g_utf8_collate(const gchar *a, const gchar *b);
G_END_DECLS

#define g_utf8_next_char(text) g_utf8_next(text)

#endif
