/* Singly linked lists. */
#include "call.h"

GSList *g_slist_alloc(void)
{
    return g_new0(GSList, 1);
}

void g_slist_free_1(GSList *link)
{
    g_free(link);
}

void g_slist_free(GSList *list)
{
    while (list) {
        GSList *next = list->next;
        g_free(list);
        list = next;
    }
}

void g_slist_free_full(GSList *list, GDestroyNotify destroy)
{
    for (GSList *link = list; link; link = link->next) {
        CALL1(destroy, link->data);
    }
    g_slist_free(list);
}

GSList *g_slist_prepend(GSList *list, gpointer data)
{
    GSList *link = g_slist_alloc();
    link->data = data;
    link->next = list;
    return link;
}

/* Where the pointer to the nth link, or to the end, stands. */
static GSList **place(GSList **list, guint n)
{
    for (; n && *list; n--) {
        list = &(*list)->next;
    }
    return list;
}

GSList *g_slist_insert(GSList *list, gpointer data, gint position)
{
    GSList **at = place(&list, (guint)position);
    *at = g_slist_prepend(*at, data);
    return list;
}

GSList *g_slist_append(GSList *list, gpointer data)
{
    return g_slist_insert(list, data, -1);
}

GSList *g_slist_insert_before(GSList *list, GSList *sibling, gpointer data)
{
    return g_slist_insert(list, data, sibling ? g_slist_position(list, sibling) : -1);
}

GSList *g_slist_insert_sorted_with_data(GSList *list, gpointer data, GCompareDataFunc compare, gpointer user_data)
{
    GSList **at = &list;
    while (*at && ASK3(compare, data, (*at)->data, user_data) > 0) {
        at = &(*at)->next;
    }
    *at = g_slist_prepend(*at, data);
    return list;
}

GSList *g_slist_insert_sorted(GSList *list, gpointer data, GCompareFunc compare)
{
    return g_slist_insert_sorted_with_data(list, data, (GCompareDataFunc)compare, NULL);
}

GSList *g_slist_concat(GSList *first, GSList *second)
{
    *place(&first, G_MAXUINT) = second;
    return first;
}

GSList *g_slist_remove_link(GSList *list, GSList *link)
{
    for (GSList **at = &list; *at; at = &(*at)->next) {
        if (*at == link) {
            *at = link->next;
            link->next = NULL;
            break;
        }
    }
    return list;
}

GSList *g_slist_delete_link(GSList *list, GSList *link)
{
    list = g_slist_remove_link(list, link);
    g_free(link);
    return list;
}

GSList *g_slist_find(GSList *list, gconstpointer data)
{
    while (list && list->data != data) {
        list = list->next;
    }
    return list;
}

GSList *g_slist_find_custom(GSList *list, gconstpointer data, GCompareFunc compare)
{
    while (list && ASK2(compare, list->data, data) != 0) {
        list = list->next;
    }
    return list;
}

GSList *g_slist_remove(GSList *list, gconstpointer data)
{
    GSList *link = g_slist_find(list, data);
    return link ? g_slist_delete_link(list, link) : list;
}

GSList *g_slist_remove_all(GSList *list, gconstpointer data)
{
    for (GSList *link; (link = g_slist_find(list, data));) {
        list = g_slist_delete_link(list, link);
    }
    return list;
}

GSList *g_slist_reverse(GSList *list)
{
    GSList *reversed = NULL;
    while (list) {
        GSList *next = list->next;
        list->next = reversed;
        reversed = list;
        list = next;
    }
    return reversed;
}

GSList *g_slist_copy_deep(GSList *list, GCopyFunc copy, gpointer user_data)
{
    GSList *first = NULL, **end = &first;

    for (; list; list = list->next, end = &(*end)->next) {
        *end = g_slist_prepend(NULL, copy ? copy(list->data, user_data) : list->data);
    }
    return first;
}

GSList *g_slist_copy(GSList *list)
{
    return g_slist_copy_deep(list, NULL, NULL);
}

GSList *g_slist_nth(GSList *list, guint n)
{
    return *place(&list, n);
}

gpointer g_slist_nth_data(GSList *list, guint n)
{
    list = g_slist_nth(list, n);
    return list ? list->data : NULL;
}

gint g_slist_position(GSList *list, GSList *link)
{
    for (gint i = 0; list; i++, list = list->next) {
        if (list == link) {
            return i;
        }
    }
    return -1;
}

gint g_slist_index(GSList *list, gconstpointer data)
{
    GSList *link = g_slist_find(list, data);
    return link ? g_slist_position(list, link) : -1;
}

GSList *g_slist_last(GSList *list)
{
    while (list && list->next) {
        list = list->next;
    }
    return list;
}

guint g_slist_length(GSList *list)
{
    guint length = 0;
    for (; list; list = list->next) {
        length++;
    }
    return length;
}

void g_slist_foreach(GSList *list, GFunc function, gpointer user_data)
{
    while (list) {
        GSList *next = list->next;
        CALL2(function, list->data, user_data);
        list = next;
    }
}

/* As of doubly linked lists: the first half is the longer one, equal elements keep their order. */
GSList *g_slist_sort_with_data(GSList *list, GCompareDataFunc compare, gpointer user_data)
{
    guint length = g_slist_length(list);
    GSList *a = list, *b, *middle, *sorted = NULL, **end = &sorted;

    if (length < 2) {
        return list;
    }
    middle = g_slist_nth(list, (length - 1) / 2);
    b = middle->next;
    middle->next = NULL;
    a = g_slist_sort_with_data(a, compare, user_data);
    b = g_slist_sort_with_data(b, compare, user_data);
    for (; a && b; end = &(*end)->next) {
        GSList **smaller = ASK3(compare, a->data, b->data, user_data) <= 0 ? &a : &b;
        *end = *smaller;
        *smaller = (*smaller)->next;
    }
    *end = a ? a : b;
    return sorted;
}

GSList *g_slist_sort(GSList *list, GCompareFunc compare)
{
    return g_slist_sort_with_data(list, (GCompareDataFunc)compare, NULL);
}
