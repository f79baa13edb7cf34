/* Errors as values, and the table of interned texts their domains are numbers in. */
#include <glib.h>

static GHashTable *numbers; /* text to quark */
static GPtrArray *texts; /* by quark; 0 is no text */

static GQuark intern(const gchar *text, gboolean copy)
{
    GQuark quark;

    if (!text) {
        return 0;
    }
    if (!numbers) {
        numbers = g_hash_table_new(g_str_hash, g_str_equal);
        texts = g_ptr_array_new();
        g_ptr_array_add(texts, NULL);
    }
    quark = GPOINTER_TO_UINT(g_hash_table_lookup(numbers, text));
    if (!quark) {
        gchar *kept = copy ? g_strdup(text) : (gchar *)text;
        quark = texts->len;
        g_ptr_array_add(texts, kept);
        g_hash_table_insert(numbers, kept, GUINT_TO_POINTER(quark));
    }
    return quark;
}

GQuark g_quark_from_string(const gchar *text)
{
    return intern(text, TRUE);
}

GQuark g_quark_from_static_string(const gchar *text)
{
    return intern(text, FALSE);
}

GQuark g_quark_try_string(const gchar *text)
{
    return text && numbers ? GPOINTER_TO_UINT(g_hash_table_lookup(numbers, text)) : 0;
}

const gchar *g_quark_to_string(GQuark quark)
{
    return texts && quark < texts->len ? texts->pdata[quark] : NULL;
}

const gchar *g_intern_string(const gchar *text)
{
    return g_quark_to_string(g_quark_from_string(text));
}

const gchar *g_intern_static_string(const gchar *text)
{
    return g_quark_to_string(g_quark_from_static_string(text));
}

GError *emuscope_error_take(GQuark domain, gint code, gchar *message)
{
    GError *error = g_new(GError, 1);
    *error = (GError){domain, code, message};
    return error;
}

void emuscope_set_error_take(GError **error, GQuark domain, gint code, gchar *message)
{
    if (error) {
        *error = emuscope_error_take(domain, code, message);
    } else {
        g_free(message);
    }
}

void emuscope_prefix_error_take(GError **error, gchar *prefix)
{
    if (error && *error) {
        gchar *message = g_strconcat(prefix, (*error)->message, NULL);
        g_free((*error)->message);
        (*error)->message = message;
    }
    g_free(prefix);
}

GError *g_error_new(GQuark domain, gint code, const gchar *format, ...)
{
    va_list arguments;
    GError *error;

    va_start(arguments, format);
    error = emuscope_error_take(domain, code, g_strdup_vprintf(format, arguments));
    va_end(arguments);
    return error;
}

void g_set_error(GError **error, GQuark domain, gint code, const gchar *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    emuscope_set_error_take(error, domain, code, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

void g_prefix_error(GError **error, const gchar *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    emuscope_prefix_error_take(error, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

GError *g_error_new_literal(GQuark domain, gint code, const gchar *message)
{
    return emuscope_error_take(domain, code, g_strdup(message));
}

void g_set_error_literal(GError **error, GQuark domain, gint code, const gchar *message)
{
    emuscope_set_error_take(error, domain, code, g_strdup(message));
}

GError *g_error_copy(const GError *error)
{
    return g_error_new_literal(error->domain, error->code, error->message);
}

void g_error_free(GError *error)
{
    g_free(error->message);
    g_free(error);
}

void g_clear_error(GError **error)
{
    if (error && *error) {
        g_error_free(*error);
        *error = NULL;
    }
}

void g_propagate_error(GError **to, GError *error)
{
    if (to) {
        *to = error;
    } else if (error) {
        g_error_free(error);
    }
}

gboolean g_error_matches(const GError *error, GQuark domain, gint code)
{
    return error && error->domain == domain && error->code == code;
}
