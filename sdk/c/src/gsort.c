/*
 * Sorting of arrays: a merge sort whose second half is the longer one and which takes of equal elements the first one
 * first. Comparisons that never answer "equal" are common in plugins, so the order of comparing matters.
 */
#include "call.h"

struct sort {
    gsize size;
    GCompareDataFunc compare;
    gpointer user_data;
    gchar *scratch;
};

static void sort_range(const struct sort *sort, gchar *data, gsize count)
{
    gsize size = sort->size, left = count / 2, right = count - left;
    gchar *a = data, *b = data + left * size, *out = sort->scratch;

    if (count < 2) {
        return;
    }
    sort_range(sort, a, left);
    sort_range(sort, b, right);
    while (left && right) {
        if (ASK3(sort->compare, a, b, sort->user_data) <= 0) {
            memcpy(out, a, size);
            a += size;
            left--;
        } else {
            memcpy(out, b, size);
            b += size;
            right--;
        }
        out += size;
    }
    memcpy(out, a, left * size);
    memcpy(data, sort->scratch, (count - right) * size);
}

void g_qsort_with_data(gconstpointer data, gint count, gsize size, GCompareDataFunc compare, gpointer user_data)
{
    struct sort sort = {size, compare, user_data, NULL};

    if (count > 1) {
        sort.scratch = g_malloc((gsize)count * size);
        sort_range(&sort, (gchar *)data, (gsize)count);
        g_free(sort.scratch);
    }
}
