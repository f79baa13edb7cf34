/* Hash tables. They are walked in the order GLib walks them, which depends on hashes and on the order of insertion. */
#ifndef EMUSCOPE_GLIB_HASH_H
#define EMUSCOPE_GLIB_HASH_H

#include "garray.h"
#include "glist.h"

typedef struct _GHashTable GHashTable;

/* A caller's variable; what is in it is the implementation's. */
typedef struct _GHashTableIter {
    gpointer dummy1;
    gpointer dummy2;
    gpointer dummy3;
    int dummy4;
    gboolean dummy5;
    gpointer dummy6;
} GHashTableIter;

G_BEGIN_DECLS
GHashTable *g_hash_table_new(GHashFunc hash, GEqualFunc equal);
GHashTable *g_hash_table_new_full(GHashFunc hash, GEqualFunc equal, GDestroyNotify destroy_key,
                                  GDestroyNotify destroy_value);
GHashTable *g_hash_table_new_similar(GHashTable *other);
void g_hash_table_destroy(GHashTable *table);
GHashTable *g_hash_table_ref(GHashTable *table);
void g_hash_table_unref(GHashTable *table);
gboolean g_hash_table_insert(GHashTable *table, gpointer key, gpointer value);
gboolean g_hash_table_replace(GHashTable *table, gpointer key, gpointer value);
gboolean g_hash_table_add(GHashTable *table, gpointer key);
gboolean g_hash_table_remove(GHashTable *table, gconstpointer key);
void g_hash_table_remove_all(GHashTable *table);
gboolean g_hash_table_steal(GHashTable *table, gconstpointer key);
gboolean g_hash_table_steal_extended(GHashTable *table, gconstpointer key, gpointer *stolen_key,
                                     gpointer *stolen_value);
void g_hash_table_steal_all(GHashTable *table);
gpointer g_hash_table_lookup(GHashTable *table, gconstpointer key);
gboolean g_hash_table_contains(GHashTable *table, gconstpointer key);
gboolean g_hash_table_lookup_extended(GHashTable *table, gconstpointer key, gpointer *original_key, gpointer *value);
void g_hash_table_foreach(GHashTable *table, GHFunc function, gpointer user_data);
gpointer g_hash_table_find(GHashTable *table, GHRFunc predicate, gpointer user_data);
guint g_hash_table_foreach_remove(GHashTable *table, GHRFunc predicate, gpointer user_data);
guint g_hash_table_foreach_steal(GHashTable *table, GHRFunc predicate, gpointer user_data);
guint g_hash_table_size(GHashTable *table);
GList *g_hash_table_get_keys(GHashTable *table);
GList *g_hash_table_get_values(GHashTable *table);
gpointer *g_hash_table_get_keys_as_array(GHashTable *table, guint *length);
void g_hash_table_iter_init(GHashTableIter *iter, GHashTable *table);
gboolean g_hash_table_iter_next(GHashTableIter *iter, gpointer *key, gpointer *value);
GHashTable *g_hash_table_iter_get_hash_table(GHashTableIter *iter);
void g_hash_table_iter_remove(GHashTableIter *iter);
void g_hash_table_iter_replace(GHashTableIter *iter, gpointer value);
void g_hash_table_iter_steal(GHashTableIter *iter);

gboolean g_direct_equal(gconstpointer a, gconstpointer b);
guint g_direct_hash(gconstpointer pointer);
gboolean g_int_equal(gconstpointer a, gconstpointer b);
guint g_int_hash(gconstpointer pointer);
gboolean g_int64_equal(gconstpointer a, gconstpointer b);
guint g_int64_hash(gconstpointer pointer);
gboolean g_double_equal(gconstpointer a, gconstpointer b);
guint g_double_hash(gconstpointer pointer);
G_END_DECLS

#define g_hash_table_freeze(table) ((void)0)
#define g_hash_table_thaw(table) ((void)0)

#endif
