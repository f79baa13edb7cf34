/* Double-ended queues: a list that knows both of its ends and its length. */
#include "call.h"

void g_queue_init(GQueue *queue)
{
    queue->head = queue->tail = NULL;
    queue->length = 0;
}

GQueue *g_queue_new(void)
{
    return g_new0(GQueue, 1);
}

void g_queue_clear(GQueue *queue)
{
    g_list_free(queue->head);
    g_queue_init(queue);
}

void g_queue_clear_full(GQueue *queue, GDestroyNotify destroy)
{
    if (destroy) {
        g_list_free_full(queue->head, destroy);
        g_queue_init(queue);
    } else {
        g_queue_clear(queue);
    }
}

void g_queue_free(GQueue *queue)
{
    g_list_free(queue->head);
    g_free(queue);
}

void g_queue_free_full(GQueue *queue, GDestroyNotify destroy)
{
    g_list_free_full(queue->head, destroy);
    g_free(queue);
}

gboolean g_queue_is_empty(GQueue *queue)
{
    return !queue->head;
}

guint g_queue_get_length(GQueue *queue)
{
    return queue->length;
}

void g_queue_reverse(GQueue *queue)
{
    queue->tail = queue->head;
    queue->head = g_list_reverse(queue->head);
}

GQueue *g_queue_copy(GQueue *queue)
{
    GQueue *copy = g_queue_new();
    copy->head = g_list_copy(queue->head);
    copy->tail = g_list_last(copy->head);
    copy->length = queue->length;
    return copy;
}

void g_queue_foreach(GQueue *queue, GFunc function, gpointer user_data)
{
    g_list_foreach(queue->head, function, user_data);
}

GList *g_queue_find(GQueue *queue, gconstpointer data)
{
    return g_list_find(queue->head, data);
}

GList *g_queue_find_custom(GQueue *queue, gconstpointer data, GCompareFunc compare)
{
    return g_list_find_custom(queue->head, data, compare);
}

void g_queue_sort(GQueue *queue, GCompareDataFunc compare, gpointer user_data)
{
    queue->head = g_list_sort_with_data(queue->head, compare, user_data);
    queue->tail = g_list_last(queue->head);
}

/* Puts a link in front of another, or at the tail where there is none. */
static void insert_link(GQueue *queue, GList *sibling, GList *link)
{
    GList *before = sibling ? sibling->prev : queue->tail;

    link->prev = before;
    link->next = sibling;
    *(before ? &before->next : &queue->head) = link;
    *(sibling ? &sibling->prev : &queue->tail) = link;
    queue->length++;
}

static GList *link_of(gpointer data)
{
    GList *link = g_list_alloc();
    link->data = data;
    return link;
}

void g_queue_push_head_link(GQueue *queue, GList *link)
{
    insert_link(queue, queue->head, link);
}

void g_queue_push_tail_link(GQueue *queue, GList *link)
{
    insert_link(queue, NULL, link);
}

void g_queue_push_head(GQueue *queue, gpointer data)
{
    insert_link(queue, queue->head, link_of(data));
}

void g_queue_push_tail(GQueue *queue, gpointer data)
{
    insert_link(queue, NULL, link_of(data));
}

void g_queue_push_nth(GQueue *queue, gpointer data, gint n)
{
    insert_link(queue, n < 0 ? NULL : g_list_nth(queue->head, (guint)n), link_of(data));
}

void g_queue_insert_before(GQueue *queue, GList *sibling, gpointer data)
{
    insert_link(queue, sibling, link_of(data));
}

void g_queue_insert_after(GQueue *queue, GList *sibling, gpointer data)
{
    insert_link(queue, sibling ? sibling->next : queue->head, link_of(data));
}

void g_queue_insert_sorted(GQueue *queue, gpointer data, GCompareDataFunc compare, gpointer user_data)
{
    GList *link = queue->head;
    while (link && ASK3(compare, link->data, data, user_data) < 0) {
        link = link->next;
    }
    insert_link(queue, link, link_of(data));
}

void g_queue_unlink(GQueue *queue, GList *link)
{
    *(link->prev ? &link->prev->next : &queue->head) = link->next;
    *(link->next ? &link->next->prev : &queue->tail) = link->prev;
    link->next = link->prev = NULL;
    queue->length--;
}

void g_queue_delete_link(GQueue *queue, GList *link)
{
    g_queue_unlink(queue, link);
    g_free(link);
}

static GList *take(GQueue *queue, GList *link)
{
    if (link) {
        g_queue_unlink(queue, link);
    }
    return link;
}

static gpointer data_of(GList *link)
{
    return link ? link->data : NULL;
}

static gpointer take_data(GQueue *queue, GList *link)
{
    gpointer data = data_of(take(queue, link));
    g_free(link);
    return data;
}

GList *g_queue_pop_head_link(GQueue *queue)
{
    return take(queue, queue->head);
}

GList *g_queue_pop_tail_link(GQueue *queue)
{
    return take(queue, queue->tail);
}

gpointer g_queue_pop_head(GQueue *queue)
{
    return take_data(queue, queue->head);
}

gpointer g_queue_pop_tail(GQueue *queue)
{
    return take_data(queue, queue->tail);
}

gpointer g_queue_pop_nth(GQueue *queue, guint n)
{
    return take_data(queue, g_list_nth(queue->head, n));
}

gpointer g_queue_peek_head(GQueue *queue)
{
    return data_of(queue->head);
}

gpointer g_queue_peek_tail(GQueue *queue)
{
    return data_of(queue->tail);
}

gpointer g_queue_peek_nth(GQueue *queue, guint n)
{
    return data_of(g_list_nth(queue->head, n));
}

GList *g_queue_peek_head_link(GQueue *queue)
{
    return queue->head;
}

GList *g_queue_peek_tail_link(GQueue *queue)
{
    return queue->tail;
}

GList *g_queue_peek_nth_link(GQueue *queue, guint n)
{
    return g_list_nth(queue->head, n);
}

gint g_queue_index(GQueue *queue, gconstpointer data)
{
    return g_list_index(queue->head, data);
}

gint g_queue_link_index(GQueue *queue, GList *link)
{
    return g_list_position(queue->head, link);
}

gboolean g_queue_remove(GQueue *queue, gconstpointer data)
{
    GList *link = g_list_find(queue->head, data);
    take_data(queue, link);
    return link != NULL;
}

guint g_queue_remove_all(GQueue *queue, gconstpointer data)
{
    guint count = 0;
    while (g_queue_remove(queue, data)) {
        count++;
    }
    return count;
}
