/* UTF-8 */
#include <glib.h>

/* Bytes of the character that begins with this one, 0 where none does. */
static gsize width(guchar first)
{
    return first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
}

static gsize bytes_of(const gchar *text, gssize size)
{
    return size < 0 ? strlen(text) : strnlen(text, (gsize)size);
}

gchar *g_utf8_next(const gchar *text)
{
    return (gchar *)text + MAX(width((guchar)*text), 1);
}

gunichar g_utf8_get_char(const gchar *text)
{
    gsize length = width((guchar)*text);
    gunichar character = (guchar)*text;

    if (length < 2) {
        return length ? character : (gunichar)-1;
    }
    character &= 0x7f >> length;
    for (gsize i = 1; i < length; i++) {
        if (((guchar)text[i] & 0xc0) != 0x80) {
            return (gunichar)-1;
        }
        character = character << 6 | ((guchar)text[i] & 0x3f);
    }
    return character;
}

gboolean g_utf8_validate(const gchar *text, gssize size, const gchar **end)
{
    const gchar *last = text + bytes_of(text, size);
    gboolean valid = TRUE;

    while (text < last) {
        gsize length = width((guchar)*text);
        gunichar character = length && (gsize)(last - text) >= length ? g_utf8_get_char(text) : (gunichar)-1;
        gboolean shortest = length != 3 || character >= 0x800;
        if (character > 0x10ffff || (character & ~0x7ffu) == 0xd800 || !shortest || (length == 4 && character < 0x10000)) {
            valid = FALSE;
            break;
        }
        text += length;
    }
    if (end) {
        *end = text;
    }
    return valid;
}

glong g_utf8_strlen(const gchar *text, gssize size)
{
    const gchar *last = text + bytes_of(text, size);
    glong count = 0;

    for (; text < last; text = g_utf8_next(text)) {
        count++;
    }
    return count;
}

gchar *g_utf8_strdown(const gchar *text, gssize size)
{
    return g_ascii_strdown(text, size);
}

gchar *g_utf8_strup(const gchar *text, gssize size)
{
    return g_ascii_strup(text, size);
}

gint g_utf8_collate(const gchar *a, const gchar *b)
{
    return strcmp(a, b);
}
