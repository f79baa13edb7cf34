/* Arrays of pointers. What a plugin sees is the first two members. */
#include "call.h"

typedef struct {
    gpointer *pdata;
    guint len;
    guint capacity;
    guint references;
    GDestroyNotify destroy;
} PtrArray;

#define OWN(array) ((PtrArray *)(array))

static void reserve(PtrArray *array, guint more)
{
    if (array->len + more > array->capacity) {
        guint capacity = 16;
        while (capacity < array->len + more) {
            capacity *= 2;
        }
        array->pdata = g_renew(gpointer, array->pdata, capacity);
        array->capacity = capacity;
    }
}

GPtrArray *g_ptr_array_new_full(guint reserved, GDestroyNotify destroy)
{
    PtrArray *array = g_new0(PtrArray, 1);

    array->references = 1;
    array->destroy = destroy;
    if (reserved) {
        reserve(array, reserved);
    }
    return (GPtrArray *)array;
}

GPtrArray *g_ptr_array_new(void)
{
    return g_ptr_array_new_full(0, NULL);
}

GPtrArray *g_ptr_array_new_with_free_func(GDestroyNotify destroy)
{
    return g_ptr_array_new_full(0, destroy);
}

GPtrArray *g_ptr_array_sized_new(guint reserved)
{
    return g_ptr_array_new_full(reserved, NULL);
}

void g_ptr_array_set_free_func(GPtrArray *array, GDestroyNotify destroy)
{
    OWN(array)->destroy = destroy;
}

GPtrArray *g_ptr_array_ref(GPtrArray *array)
{
    OWN(array)->references++;
    return array;
}

static void destroy_elements(PtrArray *array, guint index, guint count)
{
    if (array->destroy) {
        for (guint i = index; i < index + count; i++) {
            CALL1(array->destroy, array->pdata[i]);
        }
    }
}

gpointer *g_ptr_array_free(GPtrArray *array, gboolean free_segment)
{
    PtrArray *own = OWN(array);
    gpointer *data = NULL;

    if (free_segment) {
        destroy_elements(own, 0, own->len);
        g_free(own->pdata);
    } else {
        data = own->pdata;
    }
    own->pdata = NULL;
    own->len = own->capacity = 0;
    if (--own->references == 0) {
        g_free(own);
    }
    return data;
}

void g_ptr_array_unref(GPtrArray *array)
{
    if (OWN(array)->references > 1) {
        OWN(array)->references--;
    } else {
        g_ptr_array_free(array, TRUE);
    }
}

gpointer *g_ptr_array_steal(GPtrArray *array, gsize *length)
{
    gpointer *data = array->pdata;

    if (length) {
        *length = array->len;
    }
    array->pdata = NULL;
    array->len = OWN(array)->capacity = 0;
    return data;
}

void g_ptr_array_insert(GPtrArray *array, gint index, gpointer data)
{
    guint at = index < 0 ? array->len : (guint)index;

    reserve(OWN(array), 1);
    memmove(array->pdata + at + 1, array->pdata + at, (array->len - at) * sizeof(gpointer));
    array->pdata[at] = data;
    array->len++;
}

void g_ptr_array_add(GPtrArray *array, gpointer data)
{
    g_ptr_array_insert(array, -1, data);
}

void g_ptr_array_extend(GPtrArray *array, GPtrArray *more, GCopyFunc copy, gpointer user_data)
{
    guint count = more->len;

    for (guint i = 0; i < count; i++) {
        g_ptr_array_add(array, copy ? copy(more->pdata[i], user_data) : more->pdata[i]);
    }
}

GPtrArray *g_ptr_array_copy(GPtrArray *array, GCopyFunc copy, gpointer user_data)
{
    GPtrArray *other = g_ptr_array_new_full(array->len, OWN(array)->destroy);
    g_ptr_array_extend(other, array, copy, user_data);
    return other;
}

gpointer g_ptr_array_steal_index(GPtrArray *array, guint index)
{
    gpointer data = array->pdata[index];

    array->len--;
    memmove(array->pdata + index, array->pdata + index + 1, (array->len - index) * sizeof(gpointer));
    return data;
}

gpointer g_ptr_array_steal_index_fast(GPtrArray *array, guint index)
{
    gpointer data = array->pdata[index];

    array->pdata[index] = array->pdata[--array->len];
    return data;
}

gpointer g_ptr_array_remove_index(GPtrArray *array, guint index)
{
    destroy_elements(OWN(array), index, 1);
    return g_ptr_array_steal_index(array, index);
}

gpointer g_ptr_array_remove_index_fast(GPtrArray *array, guint index)
{
    destroy_elements(OWN(array), index, 1);
    return g_ptr_array_steal_index_fast(array, index);
}

GPtrArray *g_ptr_array_remove_range(GPtrArray *array, guint index, guint count)
{
    destroy_elements(OWN(array), index, count);
    memmove(array->pdata + index, array->pdata + index + count, (array->len - index - count) * sizeof(gpointer));
    array->len -= count;
    return array;
}

void g_ptr_array_set_size(GPtrArray *array, gint length)
{
    guint wanted = (guint)length;

    if (wanted > array->len) {
        reserve(OWN(array), wanted - array->len);
        memset(array->pdata + array->len, 0, (wanted - array->len) * sizeof(gpointer));
    } else if (wanted < array->len) {
        g_ptr_array_remove_range(array, wanted, array->len - wanted);
    }
    array->len = wanted;
}

gboolean g_ptr_array_find_with_equal_func(GPtrArray *array, gconstpointer needle, GEqualFunc equal, guint *index)
{
    for (guint i = 0; i < array->len; i++) {
        if (equal ? equal(array->pdata[i], needle) : array->pdata[i] == needle) {
            if (index) {
                *index = i;
            }
            return TRUE;
        }
    }
    return FALSE;
}

gboolean g_ptr_array_find(GPtrArray *array, gconstpointer needle, guint *index)
{
    return g_ptr_array_find_with_equal_func(array, needle, NULL, index);
}

gboolean g_ptr_array_remove(GPtrArray *array, gpointer data)
{
    guint index;
    gboolean found = g_ptr_array_find(array, data, &index);

    if (found) {
        g_ptr_array_remove_index(array, index);
    }
    return found;
}

gboolean g_ptr_array_remove_fast(GPtrArray *array, gpointer data)
{
    guint index;
    gboolean found = g_ptr_array_find(array, data, &index);

    if (found) {
        g_ptr_array_remove_index_fast(array, index);
    }
    return found;
}

void g_ptr_array_foreach(GPtrArray *array, GFunc function, gpointer user_data)
{
    for (guint i = 0; i < array->len; i++) {
        CALL2(function, array->pdata[i], user_data);
    }
}

void g_ptr_array_sort_with_data(GPtrArray *array, GCompareDataFunc compare, gpointer user_data)
{
    if (array->len > 1) {
        g_qsort_with_data(array->pdata, (gint)array->len, sizeof(gpointer), compare, user_data);
    }
}

void g_ptr_array_sort(GPtrArray *array, GCompareFunc compare)
{
    g_ptr_array_sort_with_data(array, (GCompareDataFunc)compare, NULL);
}
