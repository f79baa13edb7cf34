/* Trees of keys in order. */
#ifndef EMUSCOPE_GLIB_TREE_H
#define EMUSCOPE_GLIB_TREE_H

#include "gmacros.h"
#include "gtypes.h"

typedef struct _GTree GTree;
typedef gboolean (*GTraverseFunc)(gpointer key, gpointer value, gpointer user_data);

G_BEGIN_DECLS
GTree *g_tree_new(GCompareFunc compare);
GTree *g_tree_new_with_data(GCompareDataFunc compare, gpointer user_data);
GTree *g_tree_new_full(GCompareDataFunc compare, gpointer user_data, GDestroyNotify destroy_key,
                       GDestroyNotify destroy_value);
GTree *g_tree_ref(GTree *tree);
void g_tree_unref(GTree *tree);
void g_tree_destroy(GTree *tree);
void g_tree_insert(GTree *tree, gpointer key, gpointer value);
void g_tree_replace(GTree *tree, gpointer key, gpointer value);
gboolean g_tree_remove(GTree *tree, gconstpointer key);
gboolean g_tree_steal(GTree *tree, gconstpointer key);
gpointer g_tree_lookup(GTree *tree, gconstpointer key);
gboolean g_tree_lookup_extended(GTree *tree, gconstpointer key, gpointer *original_key, gpointer *value);
void g_tree_foreach(GTree *tree, GTraverseFunc function, gpointer user_data);
gpointer g_tree_search(GTree *tree, GCompareFunc search, gconstpointer user_data);
gint g_tree_nnodes(GTree *tree);
gint g_tree_height(GTree *tree);
G_END_DECLS

#endif
