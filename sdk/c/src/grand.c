/* Random numbers: MT19937 with the seeding of 2002. */
#include <glib.h>
#include <unistd.h>

#define WORDS 624
#define AHEAD 397

struct _GRand {
    guint32 state[WORDS];
    guint next;
};

static GRand *shared;

void g_rand_set_seed(GRand *rand, guint32 seed)
{
    rand->state[0] = seed;
    for (guint i = 1; i < WORDS; i++) {
        rand->state[i] = 1812433253u * (rand->state[i - 1] ^ rand->state[i - 1] >> 30) + i;
    }
    rand->next = WORDS;
}

GRand *g_rand_new_with_seed(guint32 seed)
{
    GRand *rand = g_new0(GRand, 1);
    g_rand_set_seed(rand, seed);
    return rand;
}

GRand *g_rand_new(void)
{
    guint32 seed = 0;
    getentropy(&seed, sizeof seed);
    return g_rand_new_with_seed(seed);
}

GRand *g_rand_copy(GRand *rand)
{
    return g_memdup2(rand, sizeof *rand);
}

void g_rand_free(GRand *rand)
{
    g_free(rand);
}

static void refill(GRand *rand)
{
    guint32 *state = rand->state;

    for (guint i = 0; i < WORDS; i++) {
        guint32 mixed = (state[i] & 0x80000000u) | (state[(i + 1) % WORDS] & 0x7fffffffu);
        state[i] = state[(i + AHEAD) % WORDS] ^ mixed >> 1 ^ (mixed & 1 ? 0x9908b0dfu : 0);
    }
    rand->next = 0;
}

guint32 g_rand_int(GRand *rand)
{
    guint32 y;

    if (rand->next >= WORDS) {
        refill(rand);
    }
    y = rand->state[rand->next++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

gint32 g_rand_int_range(GRand *rand, gint32 begin, gint32 end)
{
    guint32 distance = (guint32)end - (guint32)begin, largest, random;

    if (!distance) {
        return begin;
    }
    /* Numbers above the last whole multiple of the distance would favour small results. */
    if (distance <= 0x80000000u) {
        guint32 rest = 0x80000000u % distance * 2;
        largest = 0xffffffffu - (rest >= distance ? rest - distance : rest);
    } else {
        largest = distance - 1;
    }
    do {
        random = g_rand_int(rand);
    } while (random > largest);
    return (gint32)((guint32)begin + random % distance);
}

gdouble g_rand_double(GRand *rand)
{
    const gdouble unit = 2.3283064365386962890625e-10; /* 2^-32 */
    gdouble low = g_rand_int(rand) * unit, value = (low + g_rand_int(rand)) * unit;

    return value >= 1.0 ? g_rand_double(rand) : value;
}

gdouble g_rand_double_range(GRand *rand, gdouble begin, gdouble end)
{
    gdouble part = g_rand_double(rand);
    return part * end - (part - 1) * begin;
}

static GRand *shared_rand(void)
{
    return shared ? shared : (shared = g_rand_new());
}

void g_random_set_seed(guint32 seed)
{
    g_rand_set_seed(shared_rand(), seed);
}

guint32 g_random_int(void)
{
    return g_rand_int(shared_rand());
}

gint32 g_random_int_range(gint32 begin, gint32 end)
{
    return g_rand_int_range(shared_rand(), begin, end);
}

gdouble g_random_double(void)
{
    return g_rand_double(shared_rand());
}

gdouble g_random_double_range(gdouble begin, gdouble end)
{
    return g_rand_double_range(shared_rand(), begin, end);
}
