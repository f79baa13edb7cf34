/*
 * Hash tables with open addressing. The order of walking is the order of slots, and plugins print in it; so sizes, the
 * mapping of hashes to slots, probing, growing and the way entries are moved when the size changes are all those of GLib.
 */
#include "call.h"

#define FREE 0u /* a slot's hash where nothing ever was */
#define REMOVED 1u /* where something was; probing goes on behind it */
#define LEAST_SHIFT 3

struct slot {
    guint hash;
    gpointer key;
    gpointer value;
};

struct _GHashTable {
    struct slot *slots;
    guint size; /* a power of two */
    guint modulus; /* the prime below it */
    guint used;
    guint touched; /* used and removed ones */
    guint references;
    GHashFunc hash;
    GEqualFunc equal;
    GDestroyNotify destroy_key;
    GDestroyNotify destroy_value;
};

/* Largest prime that is not above each power of two, from 2^0. */
static const guint primes[] = {1,        2,        3,        7,         13,        31,        61,         127,
                               251,      509,      1021,     2039,      4093,      8191,      16381,      32749,
                               65521,    131071,   262139,   524287,    1048573,   2097143,   4194301,    8388593,
                               16777213, 33554393, 67108859, 134217689, 268435399, 536870909, 1073741789, 2147483647};

static void set_shift(GHashTable *table, guint shift)
{
    table->size = 1u << shift;
    table->modulus = primes[shift];
}

static void set_up(GHashTable *table)
{
    set_shift(table, LEAST_SHIFT);
    table->used = table->touched = 0;
    table->slots = g_new0(struct slot, table->size);
}

GHashTable *g_hash_table_new_full(GHashFunc hash, GEqualFunc equal, GDestroyNotify destroy_key,
                                  GDestroyNotify destroy_value)
{
    GHashTable *table = g_new0(GHashTable, 1);

    table->references = 1;
    table->hash = hash ? hash : g_direct_hash;
    table->equal = equal;
    table->destroy_key = destroy_key;
    table->destroy_value = destroy_value;
    set_up(table);
    return table;
}

GHashTable *g_hash_table_new(GHashFunc hash, GEqualFunc equal)
{
    return g_hash_table_new_full(hash, equal, NULL, NULL);
}

GHashTable *g_hash_table_new_similar(GHashTable *other)
{
    return g_hash_table_new_full(other->hash, other->equal, other->destroy_key, other->destroy_value);
}

static gboolean is_used(const struct slot *slot)
{
    return slot->hash > REMOVED;
}

static guint first_slot(const GHashTable *table, guint hash)
{
    return hash * 11u % table->modulus;
}

/* The key's slot, or the one it is to go to; `hash` gets the key's hash. */
static guint find(GHashTable *table, gconstpointer key, guint *hash)
{
    guint value = table->hash(key), at, step = 0, removed = G_MAXUINT;

    *hash = value = value > REMOVED ? value : 2;
    at = first_slot(table, value);
    while (table->slots[at].hash != FREE) {
        struct slot *slot = &table->slots[at];
        if (slot->hash == value && (slot->key == key || (table->equal && table->equal(slot->key, key)))) {
            return at;
        }
        if (slot->hash == REMOVED && removed == G_MAXUINT) {
            removed = at;
        }
        at = (at + ++step) & (table->size - 1);
    }
    return removed != G_MAXUINT ? removed : at;
}

/*
 * Moves all entries to where they belong in the new size, in place: an entry that is put where another still waits takes
 * its slot, and the displaced one is placed next.
 */
static void move_entries(GHashTable *table, guint old_size)
{
    guint8 *placed = g_new0(guint8, MAX(table->size, old_size));

    for (guint i = 0; i < old_size; i++) {
        struct slot moving = table->slots[i];
        if (placed[i]) {
            continue;
        }
        table->slots[i] = (struct slot){0};
        while (is_used(&moving)) {
            guint at = first_slot(table, moving.hash), step = 0;
            struct slot displaced;
            while (placed[at]) {
                at = (at + ++step) & (table->size - 1);
            }
            placed[at] = 1;
            displaced = table->slots[at];
            table->slots[at] = moving;
            moving = displaced;
        }
    }
    g_free(placed);
}

static void resize(GHashTable *table)
{
    guint old_size = table->size, shift = 0;

    for (guint wanted = (guint)(table->used * 1.333); wanted; wanted >>= 1) {
        shift++;
    }
    set_shift(table, MAX(shift, LEAST_SHIFT));
    if (table->size > old_size) {
        table->slots = g_renew(struct slot, table->slots, table->size);
        memset(table->slots + old_size, 0, (table->size - old_size) * sizeof(struct slot));
    }
    move_entries(table, old_size);
    if (table->size < old_size) {
        table->slots = g_renew(struct slot, table->slots, table->size);
    }
    table->touched = table->used;
}

static void resize_if_due(GHashTable *table)
{
    if ((table->size > table->used * 4 && table->size > 1 << LEAST_SHIFT) ||
        table->size <= table->touched + table->touched / 16) {
        resize(table);
    }
}

static void destroy_pair(GHashTable *table, gpointer key, gpointer value)
{
    if (table->destroy_key) {
        CALL1(table->destroy_key, key);
    }
    if (table->destroy_value) {
        CALL1(table->destroy_value, value);
    }
}

static void remove_slot(GHashTable *table, guint at, gboolean destroy)
{
    struct slot old = table->slots[at];

    table->slots[at] = (struct slot){.hash = REMOVED};
    table->used--;
    if (destroy) {
        destroy_pair(table, old.key, old.value);
    }
}

static gboolean put(GHashTable *table, gpointer key, gpointer value, gboolean keep_new_key)
{
    guint hash, at = find(table, key, &hash);
    struct slot *slot = &table->slots[at], old = *slot;

    if (is_used(&old)) {
        slot->value = value;
        if (keep_new_key) {
            slot->key = key;
        }
        if (table->destroy_key) {
            CALL1(table->destroy_key, keep_new_key ? old.key : key);
        }
        if (table->destroy_value) {
            CALL1(table->destroy_value, old.value);
        }
        return FALSE;
    }
    *slot = (struct slot){hash, key, value};
    table->used++;
    if (old.hash == FREE) {
        table->touched++;
        resize_if_due(table);
    }
    return TRUE;
}

gboolean g_hash_table_insert(GHashTable *table, gpointer key, gpointer value)
{
    return put(table, key, value, FALSE);
}

gboolean g_hash_table_replace(GHashTable *table, gpointer key, gpointer value)
{
    return put(table, key, value, TRUE);
}

gboolean g_hash_table_add(GHashTable *table, gpointer key)
{
    return put(table, key, key, TRUE);
}

static gboolean take_out(GHashTable *table, gconstpointer key, gboolean destroy)
{
    guint hash, at = find(table, key, &hash);

    if (!is_used(&table->slots[at])) {
        return FALSE;
    }
    remove_slot(table, at, destroy);
    resize_if_due(table);
    return TRUE;
}

gboolean g_hash_table_remove(GHashTable *table, gconstpointer key)
{
    return take_out(table, key, TRUE);
}

gboolean g_hash_table_steal(GHashTable *table, gconstpointer key)
{
    return take_out(table, key, FALSE);
}

gboolean g_hash_table_steal_extended(GHashTable *table, gconstpointer key, gpointer *stolen_key, gpointer *stolen_value)
{
    gboolean found = g_hash_table_lookup_extended(table, key, stolen_key, stolen_value);

    if (found) {
        g_hash_table_steal(table, key);
        return TRUE;
    }
    if (stolen_key) {
        *stolen_key = NULL;
    }
    if (stolen_value) {
        *stolen_value = NULL;
    }
    return FALSE;
}

/* Entries are out of the table before anything of the plugin's runs, as that may use the table. */
static void empty(GHashTable *table, gboolean destroy)
{
    struct slot *old = table->slots;
    guint size = table->size;

    set_up(table);
    for (guint i = 0; destroy && i < size; i++) {
        if (is_used(&old[i])) {
            destroy_pair(table, old[i].key, old[i].value);
        }
    }
    g_free(old);
}

void g_hash_table_remove_all(GHashTable *table)
{
    empty(table, TRUE);
}

void g_hash_table_steal_all(GHashTable *table)
{
    empty(table, FALSE);
}

GHashTable *g_hash_table_ref(GHashTable *table)
{
    table->references++;
    return table;
}

void g_hash_table_unref(GHashTable *table)
{
    if (--table->references == 0) {
        empty(table, TRUE);
        g_free(table->slots);
        g_free(table);
    }
}

void g_hash_table_destroy(GHashTable *table)
{
    g_hash_table_remove_all(table);
    g_hash_table_unref(table);
}

gboolean g_hash_table_lookup_extended(GHashTable *table, gconstpointer key, gpointer *original_key, gpointer *value)
{
    guint hash;
    struct slot *slot = &table->slots[find(table, key, &hash)];

    if (!is_used(slot)) {
        return FALSE;
    }
    if (original_key) {
        *original_key = slot->key;
    }
    if (value) {
        *value = slot->value;
    }
    return TRUE;
}

gpointer g_hash_table_lookup(GHashTable *table, gconstpointer key)
{
    gpointer value = NULL;
    g_hash_table_lookup_extended(table, key, NULL, &value);
    return value;
}

gboolean g_hash_table_contains(GHashTable *table, gconstpointer key)
{
    return g_hash_table_lookup_extended(table, key, NULL, NULL);
}

guint g_hash_table_size(GHashTable *table)
{
    return table->used;
}

void g_hash_table_foreach(GHashTable *table, GHFunc function, gpointer user_data)
{
    for (guint i = 0; i < table->size; i++) {
        if (is_used(&table->slots[i])) {
            CALL3(function, table->slots[i].key, table->slots[i].value, user_data);
        }
    }
}

gpointer g_hash_table_find(GHashTable *table, GHRFunc predicate, gpointer user_data)
{
    for (guint i = 0; i < table->size; i++) {
        struct slot *slot = &table->slots[i];
        if (is_used(slot) && ASK3(predicate, slot->key, slot->value, user_data)) {
            return slot->value;
        }
    }
    return NULL;
}

static guint remove_chosen(GHashTable *table, GHRFunc predicate, gpointer user_data, gboolean destroy)
{
    guint count = 0;

    for (guint i = 0; i < table->size; i++) {
        struct slot *slot = &table->slots[i];
        if (is_used(slot) && ASK3(predicate, slot->key, slot->value, user_data)) {
            remove_slot(table, i, destroy);
            count++;
        }
    }
    resize_if_due(table);
    return count;
}

guint g_hash_table_foreach_remove(GHashTable *table, GHRFunc predicate, gpointer user_data)
{
    return remove_chosen(table, predicate, user_data, TRUE);
}

guint g_hash_table_foreach_steal(GHashTable *table, GHRFunc predicate, gpointer user_data)
{
    return remove_chosen(table, predicate, user_data, FALSE);
}

GList *g_hash_table_get_keys(GHashTable *table)
{
    GList *keys = NULL;
    for (guint i = 0; i < table->size; i++) {
        if (is_used(&table->slots[i])) {
            keys = g_list_prepend(keys, table->slots[i].key);
        }
    }
    return keys;
}

GList *g_hash_table_get_values(GHashTable *table)
{
    GList *values = NULL;
    for (guint i = 0; i < table->size; i++) {
        if (is_used(&table->slots[i])) {
            values = g_list_prepend(values, table->slots[i].value);
        }
    }
    return values;
}

gpointer *g_hash_table_get_keys_as_array(GHashTable *table, guint *length)
{
    gpointer *keys = g_new(gpointer, table->used + 1);
    guint count = 0;

    for (guint i = 0; i < table->size; i++) {
        if (is_used(&table->slots[i])) {
            keys[count++] = table->slots[i].key;
        }
    }
    keys[count] = NULL;
    if (length) {
        *length = count;
    }
    return keys;
}

/* An iterator holds the table in dummy1 and the slot it stands at in dummy4. */
void g_hash_table_iter_init(GHashTableIter *iter, GHashTable *table)
{
    iter->dummy1 = table;
    iter->dummy4 = -1;
}

GHashTable *g_hash_table_iter_get_hash_table(GHashTableIter *iter)
{
    return iter->dummy1;
}

gboolean g_hash_table_iter_next(GHashTableIter *iter, gpointer *key, gpointer *value)
{
    GHashTable *table = iter->dummy1;

    while (++iter->dummy4 < (int)table->size) {
        struct slot *slot = &table->slots[iter->dummy4];
        if (is_used(slot)) {
            if (key) {
                *key = slot->key;
            }
            if (value) {
                *value = slot->value;
            }
            return TRUE;
        }
    }
    return FALSE;
}

void g_hash_table_iter_remove(GHashTableIter *iter)
{
    remove_slot(iter->dummy1, (guint)iter->dummy4, TRUE);
}

void g_hash_table_iter_steal(GHashTableIter *iter)
{
    remove_slot(iter->dummy1, (guint)iter->dummy4, FALSE);
}

void g_hash_table_iter_replace(GHashTableIter *iter, gpointer value)
{
    GHashTable *table = iter->dummy1;
    struct slot *slot = &table->slots[iter->dummy4];
    gpointer old = slot->value;

    slot->value = value;
    if (table->destroy_value) {
        CALL1(table->destroy_value, old);
    }
}

gboolean g_direct_equal(gconstpointer a, gconstpointer b)
{
    return a == b;
}

guint g_direct_hash(gconstpointer pointer)
{
    return GPOINTER_TO_UINT(pointer);
}

gboolean g_int_equal(gconstpointer a, gconstpointer b)
{
    return *(const gint *)a == *(const gint *)b;
}

guint g_int_hash(gconstpointer pointer)
{
    return (guint) * (const gint *)pointer;
}

gboolean g_int64_equal(gconstpointer a, gconstpointer b)
{
    return *(const gint64 *)a == *(const gint64 *)b;
}

guint g_int64_hash(gconstpointer pointer)
{
    return (guint) * (const gint64 *)pointer;
}

gboolean g_double_equal(gconstpointer a, gconstpointer b)
{
    return *(const gdouble *)a == *(const gdouble *)b;
}

guint g_double_hash(gconstpointer pointer)
{
    return (guint) * (const gdouble *)pointer;
}
