/* Doubly linked lists. */
#include "call.h"

GList *g_list_alloc(void)
{
    return g_new0(GList, 1);
}

void g_list_free_1(GList *link)
{
    g_free(link);
}

void g_list_free(GList *list)
{
    while (list) {
        GList *next = list->next;
        g_free(list);
        list = next;
    }
}

void g_list_free_full(GList *list, GDestroyNotify destroy)
{
    for (GList *link = list; link; link = link->next) {
        CALL1(destroy, link->data);
    }
    g_list_free(list);
}

/* Joins two links, either of which may be missing. */
static void join(GList *before, GList *after)
{
    if (before) {
        before->next = after;
    }
    if (after) {
        after->prev = before;
    }
}

/* A new link between two neighbours. */
static GList *between(GList *before, gpointer data, GList *after)
{
    GList *link = g_list_alloc();
    link->data = data;
    join(before, link);
    join(link, after);
    return link;
}

GList *g_list_first(GList *list)
{
    while (list && list->prev) {
        list = list->prev;
    }
    return list;
}

GList *g_list_last(GList *list)
{
    while (list && list->next) {
        list = list->next;
    }
    return list;
}

guint g_list_length(GList *list)
{
    guint length = 0;
    for (; list; list = list->next) {
        length++;
    }
    return length;
}

GList *g_list_append(GList *list, gpointer data)
{
    GList *link = between(g_list_last(list), data, NULL);
    return list ? list : link;
}

GList *g_list_prepend(GList *list, gpointer data)
{
    return between(list ? list->prev : NULL, data, list);
}

GList *g_list_insert_before(GList *list, GList *sibling, gpointer data)
{
    GList *link;

    if (!sibling) {
        return g_list_append(list, data);
    }
    link = between(sibling->prev, data, sibling);
    return sibling == list ? link : list;
}

GList *g_list_insert(GList *list, gpointer data, gint position)
{
    return position < 0 ? g_list_append(list, data) : g_list_insert_before(list, g_list_nth(list, (guint)position), data);
}

GList *g_list_insert_sorted_with_data(GList *list, gpointer data, GCompareDataFunc compare, gpointer user_data)
{
    GList *link = list;
    while (link && ASK3(compare, data, link->data, user_data) > 0) {
        link = link->next;
    }
    return g_list_insert_before(list, link, data);
}

GList *g_list_insert_sorted(GList *list, gpointer data, GCompareFunc compare)
{
    return g_list_insert_sorted_with_data(list, data, (GCompareDataFunc)compare, NULL);
}

GList *g_list_concat(GList *first, GList *second)
{
    if (second) {
        join(g_list_last(first), second);
    }
    return first ? first : second;
}

GList *g_list_remove_link(GList *list, GList *link)
{
    if (!link) {
        return list;
    }
    if (link == list) {
        list = list->next;
    }
    join(link->prev, link->next);
    link->next = link->prev = NULL;
    return list;
}

GList *g_list_delete_link(GList *list, GList *link)
{
    list = g_list_remove_link(list, link);
    g_free(link);
    return list;
}

GList *g_list_find(GList *list, gconstpointer data)
{
    while (list && list->data != data) {
        list = list->next;
    }
    return list;
}

GList *g_list_find_custom(GList *list, gconstpointer data, GCompareFunc compare)
{
    while (list && ASK2(compare, list->data, data) != 0) {
        list = list->next;
    }
    return list;
}

GList *g_list_remove(GList *list, gconstpointer data)
{
    return g_list_delete_link(list, g_list_find(list, data));
}

GList *g_list_remove_all(GList *list, gconstpointer data)
{
    for (GList *link; (link = g_list_find(list, data));) {
        list = g_list_delete_link(list, link);
    }
    return list;
}

GList *g_list_reverse(GList *list)
{
    GList *last = NULL;
    while (list) {
        last = list;
        list = last->next;
        last->next = last->prev;
        last->prev = list;
    }
    return last;
}

GList *g_list_copy_deep(GList *list, GCopyFunc copy, gpointer user_data)
{
    GList *first = NULL, *last = NULL;

    for (; list; list = list->next) {
        last = between(last, copy ? copy(list->data, user_data) : list->data, NULL);
        first = first ? first : last;
    }
    return first;
}

GList *g_list_copy(GList *list)
{
    return g_list_copy_deep(list, NULL, NULL);
}

GList *g_list_nth(GList *list, guint n)
{
    for (; n && list; n--) {
        list = list->next;
    }
    return list;
}

GList *g_list_nth_prev(GList *list, guint n)
{
    for (; n && list; n--) {
        list = list->prev;
    }
    return list;
}

gpointer g_list_nth_data(GList *list, guint n)
{
    list = g_list_nth(list, n);
    return list ? list->data : NULL;
}

gint g_list_position(GList *list, GList *link)
{
    for (gint i = 0; list; i++, list = list->next) {
        if (list == link) {
            return i;
        }
    }
    return -1;
}

gint g_list_index(GList *list, gconstpointer data)
{
    GList *link = g_list_find(list, data);
    return link ? g_list_position(list, link) : -1;
}

void g_list_foreach(GList *list, GFunc function, gpointer user_data)
{
    while (list) {
        GList *next = list->next;
        CALL2(function, list->data, user_data);
        list = next;
    }
}

static GList *merge(GList *a, GList *b, GCompareDataFunc compare, gpointer user_data)
{
    GList head = {0}, *last = &head;

    while (a && b) {
        GList **smaller = ASK3(compare, a->data, b->data, user_data) <= 0 ? &a : &b;
        join(last, *smaller);
        last = *smaller;
        *smaller = last->next;
    }
    join(last, a ? a : b);
    head.next->prev = NULL;
    return head.next;
}

/* The first half is the longer one, and equal elements keep their order. */
GList *g_list_sort_with_data(GList *list, GCompareDataFunc compare, gpointer user_data)
{
    GList *half, *middle;
    guint length = g_list_length(list);

    if (length < 2) {
        return list;
    }
    middle = g_list_nth(list, (length - 1) / 2);
    half = middle->next;
    middle->next = NULL;
    return merge(g_list_sort_with_data(list, compare, user_data), g_list_sort_with_data(half, compare, user_data),
                 compare, user_data);
}

GList *g_list_sort(GList *list, GCompareFunc compare)
{
    return g_list_sort_with_data(list, (GCompareDataFunc)compare, NULL);
}
