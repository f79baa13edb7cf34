/* Strings that grow: the text always ends in a NUL, and may hold others. */
#include "format.h"

#include <glib.h>
#include <stdio.h>

static void reserve(GString *string, gsize more)
{
    gsize wanted = string->len + more + 1;

    if (wanted > string->allocated_len) {
        gsize size = string->allocated_len ? string->allocated_len : 16;
        while (size < wanted) {
            size *= 2;
        }
        string->str = g_realloc(string->str, size);
        string->allocated_len = size;
    }
}

GString *g_string_sized_new(gsize size)
{
    GString *string = g_new0(GString, 1);
    reserve(string, size);
    string->str[0] = '\0';
    return string;
}

GString *g_string_new(const gchar *text)
{
    return text ? g_string_new_len(text, -1) : g_string_sized_new(2);
}

GString *g_string_new_len(const gchar *text, gssize length)
{
    gsize size = length < 0 ? strlen(text) : (gsize)length;
    GString *string = g_string_sized_new(size + 2);
    return text ? g_string_append_len(string, text, (gssize)size) : string;
}

gchar *g_string_free(GString *string, gboolean free_segment)
{
    gchar *text = string->str;

    g_free(string);
    if (free_segment) {
        g_free(text);
        return NULL;
    }
    return text;
}

gchar *g_string_free_and_steal(GString *string)
{
    return g_string_free(string, FALSE);
}

gboolean g_string_equal(const GString *a, const GString *b)
{
    return a->len == b->len && memcmp(a->str, b->str, a->len) == 0;
}

guint g_string_hash(const GString *string)
{
    guint hash = 0;
    for (gsize i = 0; i < string->len; i++) {
        hash = hash * 31 + (guint)string->str[i];
    }
    return hash;
}

GString *g_string_truncate(GString *string, gsize length)
{
    string->len = MIN(length, string->len);
    string->str[string->len] = '\0';
    return string;
}

GString *g_string_set_size(GString *string, gsize length)
{
    if (length > string->len) {
        reserve(string, length - string->len);
    }
    string->len = length;
    string->str[length] = '\0';
    return string;
}

GString *g_string_insert_len(GString *string, gssize position, const gchar *text, gssize length)
{
    gsize at = position < 0 ? string->len : (gsize)position;
    gsize size = length < 0 ? strlen(text) : (gsize)length;
    /* What is inserted may be part of the string, which moves. */
    gboolean own = text >= string->str && text <= string->str + string->len;
    gchar *copy = own ? g_memdup2(text, size) : NULL;

    reserve(string, size);
    memmove(string->str + at + size, string->str + at, string->len - at);
    if (size) {
        memcpy(string->str + at, own ? copy : text, size);
    }
    string->len += size;
    string->str[string->len] = '\0';
    g_free(copy);
    return string;
}

GString *g_string_assign(GString *string, const gchar *text)
{
    if (text != string->str) {
        g_string_truncate(string, 0);
        g_string_append(string, text);
    }
    return string;
}

GString *g_string_append(GString *string, const gchar *text)
{
    return g_string_insert_len(string, -1, text, -1);
}

GString *g_string_append_len(GString *string, const gchar *text, gssize length)
{
    return g_string_insert_len(string, -1, text, length);
}

GString *g_string_append_c(GString *string, gchar c)
{
    reserve(string, 1);
    string->str[string->len++] = c;
    string->str[string->len] = '\0';
    return string;
}

GString *g_string_prepend(GString *string, const gchar *text)
{
    return g_string_insert_len(string, 0, text, -1);
}

GString *g_string_prepend_c(GString *string, gchar c)
{
    return g_string_insert_len(string, 0, &c, 1);
}

GString *g_string_prepend_len(GString *string, const gchar *text, gssize length)
{
    return g_string_insert_len(string, 0, text, length);
}

GString *g_string_insert(GString *string, gssize position, const gchar *text)
{
    return g_string_insert_len(string, position, text, -1);
}

GString *g_string_insert_c(GString *string, gssize position, gchar c)
{
    return g_string_insert_len(string, position, &c, 1);
}

GString *g_string_overwrite(GString *string, gsize position, const gchar *text)
{
    gsize size = strlen(text), end = position + size;

    if (end > string->len) {
        reserve(string, end - string->len);
        string->len = end;
        string->str[end] = '\0';
    }
    memcpy(string->str + position, text, size);
    return string;
}

GString *g_string_erase(GString *string, gssize position, gssize length)
{
    gsize at = (gsize)position, size = length < 0 ? string->len - at : (gsize)length;

    memmove(string->str + at, string->str + at + size, string->len - at - size + 1);
    string->len -= size;
    return string;
}

guint g_string_replace(GString *string, const gchar *find, const gchar *replacement, guint limit)
{
    gsize gone = strlen(find), come = strlen(replacement), at = 0;
    guint count = 0;

    while (!limit || count < limit) {
        gchar *found = strstr(string->str + at, find);
        if (!found) {
            break;
        }
        at = (gsize)(found - string->str);
        g_string_erase(string, (gssize)at, (gssize)gone);
        g_string_insert_len(string, (gssize)at, replacement, (gssize)come);
        at += come;
        count++;
        if (gone == 0) { /* an empty text is found before each character and at the end */
            if (at >= string->len) {
                break;
            }
            at++;
        }
    }
    return count;
}

GString *g_string_ascii_down(GString *string)
{
    for (gsize i = 0; i < string->len; i++) {
        string->str[i] = g_ascii_tolower(string->str[i]);
    }
    return string;
}

GString *g_string_ascii_up(GString *string)
{
    for (gsize i = 0; i < string->len; i++) {
        string->str[i] = g_ascii_toupper(string->str[i]);
    }
    return string;
}

void g_string_append_vprintf(GString *string, const gchar *format, va_list arguments)
{
    gchar *text;
    gint length = g_vasprintf(&text, format, arguments);

    if (length >= 0) {
        g_string_append_len(string, text, length);
        g_free(text);
    }
}

void g_string_vprintf(GString *string, const gchar *format, va_list arguments)
{
    g_string_truncate(string, 0);
    g_string_append_vprintf(string, format, arguments);
}

void g_string_printf(GString *string, const gchar *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_string_vprintf(string, format, arguments);
    va_end(arguments);
}

void g_string_append_printf(GString *string, const gchar *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_string_append_vprintf(string, format, arguments);
    va_end(arguments);
}

/* Formatted behind what is there, in place where it fits. */
static void append_wide(GString *string, const gchar *format, va_list arguments)
{
    va_list again;
    size_t length;

    va_copy(again, arguments);
    reserve(string, 64);
    length = emuscope_format(string->str + string->len, string->allocated_len - string->len, format, arguments);
    if (string->len + length + 1 > string->allocated_len) {
        reserve(string, length);
        emuscope_format(string->str + string->len, length + 1, format, again);
    }
    string->len += length;
    va_end(again);
}

void emuscope_string_append_printf(GString *string, const gchar *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    append_wide(string, format, arguments);
    va_end(arguments);
}

void emuscope_string_printf(GString *string, const gchar *format, ...)
{
    GString *text = g_string_sized_new(64); /* arguments may point into the string */
    va_list arguments;

    va_start(arguments, format);
    append_wide(text, format, arguments);
    va_end(arguments);
    g_string_truncate(string, 0);
    g_string_append_len(string, text->str, (gssize)text->len);
    g_string_free(text, TRUE);
}
