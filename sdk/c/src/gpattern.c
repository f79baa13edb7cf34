/* Patterns: `*` stands for any text, `?` for one character of UTF-8. */
#include <glib.h>

struct _GPatternSpec {
    gchar *pattern;
};

static gboolean continues(const gchar *text)
{
    return ((guchar)*text & 0xc0) == 0x80;
}

gboolean g_pattern_match_simple(const gchar *pattern, const gchar *text)
{
    const gchar *star = NULL, *resume = NULL;

    while (*text) {
        if (*pattern == '*') {
            star = ++pattern;
            resume = text;
        } else if (*pattern == '?') {
            pattern++;
            do {
                text++;
            } while (continues(text));
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star) { /* the last star takes one more */
            pattern = star;
            text = ++resume;
        } else {
            return FALSE;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return !*pattern;
}

GPatternSpec *g_pattern_spec_new(const gchar *pattern)
{
    GPatternSpec *spec = g_new(GPatternSpec, 1);
    spec->pattern = g_strdup(pattern);
    return spec;
}

GPatternSpec *g_pattern_spec_copy(GPatternSpec *pattern)
{
    return g_pattern_spec_new(pattern->pattern);
}

void g_pattern_spec_free(GPatternSpec *pattern)
{
    g_free(pattern->pattern);
    g_free(pattern);
}

gboolean g_pattern_spec_equal(GPatternSpec *a, GPatternSpec *b)
{
    return strcmp(a->pattern, b->pattern) == 0;
}

gboolean g_pattern_spec_match(GPatternSpec *pattern, gsize length, const gchar *text, const gchar *reversed)
{
    (void)length;
    (void)reversed;
    return g_pattern_match_simple(pattern->pattern, text);
}

gboolean g_pattern_spec_match_string(GPatternSpec *pattern, const gchar *text)
{
    return g_pattern_match_simple(pattern->pattern, text);
}

gboolean g_pattern_match(GPatternSpec *pattern, guint length, const gchar *text, const gchar *reversed)
{
    return g_pattern_spec_match(pattern, length, text, reversed);
}

gboolean g_pattern_match_string(GPatternSpec *pattern, const gchar *text)
{
    return g_pattern_match_simple(pattern->pattern, text);
}
