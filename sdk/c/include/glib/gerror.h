/* Errors as values. */
#ifndef EMUSCOPE_GLIB_ERROR_H
#define EMUSCOPE_GLIB_ERROR_H

#include "gmacros.h"
#include "gtypes.h"

#include "../emuscope/wide.h"

typedef struct _GError {
    GQuark domain;
    gint code;
    gchar *message;
} GError;

G_BEGIN_DECLS
GQuark g_quark_from_string(const gchar *text);
GQuark g_quark_from_static_string(const gchar *text);
GQuark g_quark_try_string(const gchar *text);
const gchar *g_quark_to_string(GQuark quark);
const gchar *g_intern_string(const gchar *text);
const gchar *g_intern_static_string(const gchar *text);
GError *g_error_new(GQuark domain, gint code, const gchar *format, ...);
GError *g_error_new_literal(GQuark domain, gint code, const gchar *message);
GError *g_error_copy(const GError *error);
void g_error_free(GError *error);
gboolean g_error_matches(const GError *error, GQuark domain, gint code);
void g_set_error(GError **error, GQuark domain, gint code, const gchar *format, ...);
void g_set_error_literal(GError **error, GQuark domain, gint code, const gchar *message);
void g_propagate_error(GError **to, GError *error);
void g_clear_error(GError **error);
void g_prefix_error(GError **error, const gchar *format, ...);
G_END_DECLS

#ifdef EMUSCOPE_WIDE
gchar *emuscope_strdup_printf(const gchar *format, ...);
GError *emuscope_error_take(GQuark domain, gint code, gchar *message);
void emuscope_set_error_take(GError **error, GQuark domain, gint code, gchar *message);
void emuscope_prefix_error_take(GError **error, gchar *prefix);
#define g_error_new(domain, code, format, ...) \
    emuscope_error_take(domain, code, emuscope_strdup_printf(format EMUSCOPE_WIDE_ALL(__VA_ARGS__)))
#define g_set_error(error, domain, code, format, ...) \
    emuscope_set_error_take(error, domain, code, emuscope_strdup_printf(format EMUSCOPE_WIDE_ALL(__VA_ARGS__)))
#define g_prefix_error(error, format, ...) \
    emuscope_prefix_error_take(error, emuscope_strdup_printf(format EMUSCOPE_WIDE_ALL(__VA_ARGS__)))
#endif

#endif
