/* Patterns with `*` and `?`. */
#ifndef EMUSCOPE_GLIB_PATTERN_H
#define EMUSCOPE_GLIB_PATTERN_H

#include "gmacros.h"
#include "gtypes.h"

typedef struct _GPatternSpec GPatternSpec;

G_BEGIN_DECLS
GPatternSpec *g_pattern_spec_new(const gchar *pattern);
void g_pattern_spec_free(GPatternSpec *pattern);
GPatternSpec *g_pattern_spec_copy(GPatternSpec *pattern);
gboolean g_pattern_spec_equal(GPatternSpec *a, GPatternSpec *b);
gboolean g_pattern_spec_match(GPatternSpec *pattern, gsize length, const gchar *text, const gchar *reversed);
gboolean g_pattern_spec_match_string(GPatternSpec *pattern, const gchar *text);
gboolean g_pattern_match(GPatternSpec *pattern, guint length, const gchar *text, const gchar *reversed);
gboolean g_pattern_match_string(GPatternSpec *pattern, const gchar *text);
gboolean g_pattern_match_simple(const gchar *pattern, const gchar *text);
G_END_DECLS

#endif
