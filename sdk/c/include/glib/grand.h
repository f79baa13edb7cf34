/* Random numbers: the Mersenne Twister, so that a given seed gives the sequence GLib gives. */
#ifndef EMUSCOPE_GLIB_RAND_H
#define EMUSCOPE_GLIB_RAND_H

#include "gmacros.h"
#include "gtypes.h"

typedef struct _GRand GRand;

G_BEGIN_DECLS
GRand *g_rand_new(void);
GRand *g_rand_new_with_seed(guint32 seed);
GRand *g_rand_copy(GRand *rand);
void g_rand_free(GRand *rand);
void g_rand_set_seed(GRand *rand, guint32 seed);
guint32 g_rand_int(GRand *rand);
gint32 g_rand_int_range(GRand *rand, gint32 begin, gint32 end);
gdouble g_rand_double(GRand *rand);
gdouble g_rand_double_range(GRand *rand, gdouble begin, gdouble end);
void g_random_set_seed(guint32 seed);
guint32 g_random_int(void);
gint32 g_random_int_range(gint32 begin, gint32 end);
gdouble g_random_double(void);
gdouble g_random_double_range(gdouble begin, gdouble end);
G_END_DECLS

#define g_rand_boolean(rand) ((g_rand_int(rand) & (1 << 15)) != 0)
#define g_random_boolean() ((g_random_int() & (1 << 15)) != 0)

#endif
