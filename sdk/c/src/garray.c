/* Arrays of elements and of bytes. What a plugin sees is the first two members. */
#include "call.h"

typedef struct {
    gchar *data;
    guint len;
    guint capacity; /* elements */
    guint size; /* of an element */
    guint references;
    gboolean terminated; /* an element of zeros stands behind the last */
    gboolean clear; /* elements that come into being are zeros */
    GDestroyNotify destroy;
} Array;

struct _GBytes {
    gpointer data;
    gsize size;
    guint references;
};

#define OWN(array) ((Array *)(array))

static gchar *element(Array *array, guint index)
{
    return array->data + (gsize)index * array->size;
}

static void terminate(Array *array)
{
    if (array->terminated) {
        memset(element(array, array->len), 0, array->size);
    }
}

static void reserve(Array *array, guint more)
{
    gsize wanted = ((gsize)array->len + more + (array->terminated ? 1 : 0)) * array->size;

    if (wanted > (gsize)array->capacity * array->size) {
        gsize bytes = 16;
        while (bytes < wanted) {
            bytes *= 2;
        }
        array->data = g_realloc(array->data, bytes);
        array->capacity = (guint)(bytes / array->size);
    }
}

static void destroy_elements(Array *array, guint index, guint count)
{
    if (array->destroy) {
        for (guint i = index; i < index + count; i++) {
            CALL1(array->destroy, element(array, i));
        }
    }
}

GArray *g_array_sized_new(gboolean terminated, gboolean clear, guint size, guint reserved)
{
    Array *array = g_new0(Array, 1);

    array->size = size;
    array->references = 1;
    array->terminated = terminated != 0;
    array->clear = clear != 0;
    if (terminated || reserved) {
        reserve(array, reserved);
        terminate(array);
    }
    return (GArray *)array;
}

GArray *g_array_new(gboolean terminated, gboolean clear, guint size)
{
    return g_array_sized_new(terminated, clear, size, 0);
}

GArray *g_array_new_take(gpointer data, gsize length, gboolean clear, gsize size)
{
    Array *array = OWN(g_array_new(FALSE, clear, (guint)size));
    array->data = data;
    array->len = array->capacity = (guint)length;
    return (GArray *)array;
}

GArray *g_array_copy(GArray *array)
{
    Array *own = OWN(array);
    GArray *copy = g_array_sized_new(own->terminated, own->clear, own->size, own->len);
    OWN(copy)->destroy = own->destroy;
    return g_array_append_vals(copy, own->data, own->len);
}

gpointer g_array_steal(GArray *array, gsize *length)
{
    gpointer data = array->data;

    if (length) {
        *length = array->len;
    }
    array->data = NULL;
    array->len = OWN(array)->capacity = 0;
    return data;
}

GArray *g_array_ref(GArray *array)
{
    OWN(array)->references++;
    return array;
}

void g_array_unref(GArray *array)
{
    if (--OWN(array)->references == 0) {
        destroy_elements(OWN(array), 0, array->len);
        g_free(array->data);
        g_free(array);
    }
}

gchar *g_array_free(GArray *array, gboolean free_segment)
{
    gchar *data = NULL;

    if (free_segment) {
        destroy_elements(OWN(array), 0, array->len);
        g_free(array->data);
    } else {
        data = array->data;
    }
    array->data = NULL;
    array->len = OWN(array)->capacity = 0;
    if (--OWN(array)->references == 0) {
        g_free(array);
    }
    return data;
}

guint g_array_get_element_size(GArray *array)
{
    return OWN(array)->size;
}

void g_array_set_clear_func(GArray *array, GDestroyNotify destroy)
{
    OWN(array)->destroy = destroy;
}

GArray *g_array_insert_vals(GArray *array, guint index, gconstpointer data, guint count)
{
    Array *own = OWN(array);

    if (!count) {
        return array;
    }
    if (index > own->len) {
        g_array_set_size(array, index);
    }
    reserve(own, count);
    memmove(element(own, index + count), element(own, index), (gsize)(own->len - index) * own->size);
    memcpy(element(own, index), data, (gsize)count * own->size);
    own->len += count;
    terminate(own);
    return array;
}

GArray *g_array_append_vals(GArray *array, gconstpointer data, guint count)
{
    return g_array_insert_vals(array, array->len, data, count);
}

GArray *g_array_prepend_vals(GArray *array, gconstpointer data, guint count)
{
    return g_array_insert_vals(array, 0, data, count);
}

GArray *g_array_remove_range(GArray *array, guint index, guint count)
{
    Array *own = OWN(array);

    destroy_elements(own, index, count);
    memmove(element(own, index), element(own, index + count), (gsize)(own->len - index - count) * own->size);
    own->len -= count;
    terminate(own);
    return array;
}

GArray *g_array_remove_index(GArray *array, guint index)
{
    return g_array_remove_range(array, index, 1);
}

GArray *g_array_remove_index_fast(GArray *array, guint index)
{
    Array *own = OWN(array);

    destroy_elements(own, index, 1);
    if (index != own->len - 1) {
        memcpy(element(own, index), element(own, own->len - 1), own->size);
    }
    own->len--;
    terminate(own);
    return array;
}

GArray *g_array_set_size(GArray *array, guint length)
{
    Array *own = OWN(array);

    if (length > own->len) {
        reserve(own, length - own->len);
        if (own->clear) {
            memset(element(own, own->len), 0, (gsize)(length - own->len) * own->size);
        }
    } else if (length < own->len) {
        return g_array_remove_range(array, length, own->len - length);
    }
    own->len = length;
    if (own->data) {
        terminate(own);
    }
    return array;
}

void g_array_sort_with_data(GArray *array, GCompareDataFunc compare, gpointer user_data)
{
    if (array->len > 1) {
        g_qsort_with_data(array->data, (gint)array->len, OWN(array)->size, compare, user_data);
    }
}

void g_array_sort(GArray *array, GCompareFunc compare)
{
    g_array_sort_with_data(array, (GCompareDataFunc)compare, NULL);
}

gboolean g_array_binary_search(GArray *array, gconstpointer target, GCompareFunc compare, guint *match)
{
    guint low = 0, high = array->len;

    while (low < high) {
        guint middle = low + (high - 1 - low) / 2;
        gint order = ASK2(compare, element(OWN(array), middle), target);
        if (order == 0) {
            if (match) {
                *match = middle;
            }
            return TRUE;
        }
        *(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
    }
    return FALSE;
}

GByteArray *g_byte_array_sized_new(guint reserved)
{
    return (GByteArray *)g_array_sized_new(FALSE, FALSE, 1, reserved);
}

GByteArray *g_byte_array_new(void)
{
    return g_byte_array_sized_new(0);
}

GByteArray *g_byte_array_new_take(guint8 *data, gsize length)
{
    return (GByteArray *)g_array_new_take(data, length, FALSE, 1);
}

guint8 *g_byte_array_steal(GByteArray *array, gsize *length)
{
    return g_array_steal((GArray *)array, length);
}

guint8 *g_byte_array_free(GByteArray *array, gboolean free_segment)
{
    return (guint8 *)g_array_free((GArray *)array, free_segment);
}

GByteArray *g_byte_array_ref(GByteArray *array)
{
    return (GByteArray *)g_array_ref((GArray *)array);
}

void g_byte_array_unref(GByteArray *array)
{
    g_array_unref((GArray *)array);
}

GByteArray *g_byte_array_append(GByteArray *array, const guint8 *data, guint length)
{
    return (GByteArray *)g_array_append_vals((GArray *)array, data, length);
}

GByteArray *g_byte_array_prepend(GByteArray *array, const guint8 *data, guint length)
{
    return (GByteArray *)g_array_prepend_vals((GArray *)array, data, length);
}

GByteArray *g_byte_array_set_size(GByteArray *array, guint length)
{
    return (GByteArray *)g_array_set_size((GArray *)array, length);
}

GByteArray *g_byte_array_remove_index(GByteArray *array, guint index)
{
    return (GByteArray *)g_array_remove_index((GArray *)array, index);
}

GByteArray *g_byte_array_remove_index_fast(GByteArray *array, guint index)
{
    return (GByteArray *)g_array_remove_index_fast((GArray *)array, index);
}

GByteArray *g_byte_array_remove_range(GByteArray *array, guint index, guint count)
{
    return (GByteArray *)g_array_remove_range((GArray *)array, index, count);
}

void g_byte_array_sort(GByteArray *array, GCompareFunc compare)
{
    g_array_sort((GArray *)array, compare);
}

GBytes *g_bytes_new_take(gpointer data, gsize size)
{
    GBytes *bytes = g_new(GBytes, 1);
    *bytes = (GBytes){data, size, 1};
    return bytes;
}

GBytes *g_bytes_new(gconstpointer data, gsize size)
{
    return g_bytes_new_take(g_memdup2(data, size), size);
}

GBytes *g_byte_array_free_to_bytes(GByteArray *array)
{
    gsize length = array->len;
    return g_bytes_new_take(g_byte_array_free(array, FALSE), length);
}

gconstpointer g_bytes_get_data(GBytes *bytes, gsize *size)
{
    if (size) {
        *size = bytes->size;
    }
    return bytes->data;
}

gsize g_bytes_get_size(GBytes *bytes)
{
    return bytes->size;
}

GBytes *g_bytes_ref(GBytes *bytes)
{
    bytes->references++;
    return bytes;
}

void g_bytes_unref(GBytes *bytes)
{
    if (bytes && --bytes->references == 0) {
        g_free(bytes->data);
        g_free(bytes);
    }
}
