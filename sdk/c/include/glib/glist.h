/* Doubly and singly linked lists. Sorting is a stable merge sort that compares in GLib's order. */
#ifndef EMUSCOPE_GLIB_LIST_H
#define EMUSCOPE_GLIB_LIST_H

#include "gmacros.h"
#include "gtypes.h"

typedef struct _GList GList;
struct _GList {
    gpointer data;
    GList *next;
    GList *prev;
};

typedef struct _GSList GSList;
struct _GSList {
    gpointer data;
    GSList *next;
};

G_BEGIN_DECLS
GList *g_list_alloc(void);
void g_list_free(GList *list);
void g_list_free_1(GList *link);
void g_list_free_full(GList *list, GDestroyNotify destroy);
GList *g_list_append(GList *list, gpointer data);
GList *g_list_prepend(GList *list, gpointer data);
GList *g_list_insert(GList *list, gpointer data, gint position);
GList *g_list_insert_before(GList *list, GList *sibling, gpointer data);
GList *g_list_insert_sorted(GList *list, gpointer data, GCompareFunc compare);
GList *g_list_insert_sorted_with_data(GList *list, gpointer data, GCompareDataFunc compare, gpointer user_data);
GList *g_list_concat(GList *first, GList *second);
GList *g_list_remove(GList *list, gconstpointer data);
GList *g_list_remove_all(GList *list, gconstpointer data);
GList *g_list_remove_link(GList *list, GList *link);
GList *g_list_delete_link(GList *list, GList *link);
GList *g_list_reverse(GList *list);
GList *g_list_copy(GList *list);
GList *g_list_copy_deep(GList *list, GCopyFunc copy, gpointer user_data);
GList *g_list_nth(GList *list, guint n);
GList *g_list_nth_prev(GList *list, guint n);
gpointer g_list_nth_data(GList *list, guint n);
GList *g_list_find(GList *list, gconstpointer data);
GList *g_list_find_custom(GList *list, gconstpointer data, GCompareFunc compare);
gint g_list_position(GList *list, GList *link);
gint g_list_index(GList *list, gconstpointer data);
GList *g_list_first(GList *list);
GList *g_list_last(GList *list);
guint g_list_length(GList *list);
void g_list_foreach(GList *list, GFunc function, gpointer user_data);
GList *g_list_sort(GList *list, GCompareFunc compare);
GList *g_list_sort_with_data(GList *list, GCompareDataFunc compare, gpointer user_data);

GSList *g_slist_alloc(void);
void g_slist_free(GSList *list);
void g_slist_free_1(GSList *link);
void g_slist_free_full(GSList *list, GDestroyNotify destroy);
GSList *g_slist_append(GSList *list, gpointer data);
GSList *g_slist_prepend(GSList *list, gpointer data);
GSList *g_slist_insert(GSList *list, gpointer data, gint position);
GSList *g_slist_insert_before(GSList *list, GSList *sibling, gpointer data);
GSList *g_slist_insert_sorted(GSList *list, gpointer data, GCompareFunc compare);
GSList *g_slist_insert_sorted_with_data(GSList *list, gpointer data, GCompareDataFunc compare, gpointer user_data);
GSList *g_slist_concat(GSList *first, GSList *second);
GSList *g_slist_remove(GSList *list, gconstpointer data);
GSList *g_slist_remove_all(GSList *list, gconstpointer data);
GSList *g_slist_remove_link(GSList *list, GSList *link);
GSList *g_slist_delete_link(GSList *list, GSList *link);
GSList *g_slist_reverse(GSList *list);
GSList *g_slist_copy(GSList *list);
GSList *g_slist_copy_deep(GSList *list, GCopyFunc copy, gpointer user_data);
GSList *g_slist_nth(GSList *list, guint n);
gpointer g_slist_nth_data(GSList *list, guint n);
GSList *g_slist_find(GSList *list, gconstpointer data);
GSList *g_slist_find_custom(GSList *list, gconstpointer data, GCompareFunc compare);
gint g_slist_position(GSList *list, GSList *link);
gint g_slist_index(GSList *list, gconstpointer data);
GSList *g_slist_last(GSList *list);
guint g_slist_length(GSList *list);
void g_slist_foreach(GSList *list, GFunc function, gpointer user_data);
GSList *g_slist_sort(GSList *list, GCompareFunc compare);
GSList *g_slist_sort_with_data(GSList *list, GCompareDataFunc compare, gpointer user_data);
G_END_DECLS

#define g_list_free1 g_list_free_1
#define g_list_previous(link) ((link) ? (((GList *)(link))->prev) : NULL)
#define g_list_next(link) ((link) ? (((GList *)(link))->next) : NULL)
#define g_slist_free1 g_slist_free_1
#define g_slist_next(link) ((link) ? (((GSList *)(link))->next) : NULL)
#define g_clear_list(variable, destroy) \
    G_STMT_START \
    { \
        GList *emuscope_list = *(variable); \
        *(variable) = NULL; \
        g_list_free_full(emuscope_list, (destroy)); \
    } \
    G_STMT_END
#define g_clear_slist(variable, destroy) \
    G_STMT_START \
    { \
        GSList *emuscope_list = *(variable); \
        *(variable) = NULL; \
        g_slist_free_full(emuscope_list, (destroy)); \
    } \
    G_STMT_END

#endif
