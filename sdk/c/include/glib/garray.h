/* Arrays of elements, of pointers and of bytes that grow. */
#ifndef EMUSCOPE_GLIB_ARRAY_H
#define EMUSCOPE_GLIB_ARRAY_H

#include "gmacros.h"
#include "gtypes.h"

typedef struct _GArray {
    gchar *data;
    guint len;
} GArray;

typedef struct _GByteArray {
    guint8 *data;
    guint len;
} GByteArray;

typedef struct _GPtrArray {
    gpointer *pdata;
    guint len;
} GPtrArray;

typedef struct _GBytes GBytes;

#define g_array_index(array, type, index) (((type *)(void *)(array)->data)[(index)])
#define g_array_append_val(array, value) g_array_append_vals(array, &(value), 1)
#define g_array_prepend_val(array, value) g_array_prepend_vals(array, &(value), 1)
#define g_array_insert_val(array, index, value) g_array_insert_vals(array, index, &(value), 1)
#define g_ptr_array_index(array, index) ((array)->pdata)[index]

G_BEGIN_DECLS
GArray *g_array_new(gboolean zero_terminated, gboolean clear, guint element_size);
GArray *g_array_new_take(gpointer data, gsize length, gboolean clear, gsize element_size);
GArray *g_array_sized_new(gboolean zero_terminated, gboolean clear, guint element_size, guint reserved);
GArray *g_array_copy(GArray *array);
gpointer g_array_steal(GArray *array, gsize *length);
gchar *g_array_free(GArray *array, gboolean free_segment);
GArray *g_array_ref(GArray *array);
void g_array_unref(GArray *array);
guint g_array_get_element_size(GArray *array);
GArray *g_array_append_vals(GArray *array, gconstpointer data, guint count);
GArray *g_array_prepend_vals(GArray *array, gconstpointer data, guint count);
GArray *g_array_insert_vals(GArray *array, guint index, gconstpointer data, guint count);
GArray *g_array_set_size(GArray *array, guint length);
GArray *g_array_remove_index(GArray *array, guint index);
GArray *g_array_remove_index_fast(GArray *array, guint index);
GArray *g_array_remove_range(GArray *array, guint index, guint count);
void g_array_sort(GArray *array, GCompareFunc compare);
void g_array_sort_with_data(GArray *array, GCompareDataFunc compare, gpointer user_data);
gboolean g_array_binary_search(GArray *array, gconstpointer target, GCompareFunc compare, guint *match);
void g_array_set_clear_func(GArray *array, GDestroyNotify clear);

GPtrArray *g_ptr_array_new(void);
GPtrArray *g_ptr_array_new_with_free_func(GDestroyNotify free_element);
GPtrArray *g_ptr_array_new_full(guint reserved, GDestroyNotify free_element);
GPtrArray *g_ptr_array_sized_new(guint reserved);
GPtrArray *g_ptr_array_copy(GPtrArray *array, GCopyFunc copy, gpointer user_data);
gpointer *g_ptr_array_steal(GPtrArray *array, gsize *length);
gpointer *g_ptr_array_free(GPtrArray *array, gboolean free_segment);
GPtrArray *g_ptr_array_ref(GPtrArray *array);
void g_ptr_array_unref(GPtrArray *array);
void g_ptr_array_set_free_func(GPtrArray *array, GDestroyNotify free_element);
void g_ptr_array_set_size(GPtrArray *array, gint length);
void g_ptr_array_add(GPtrArray *array, gpointer data);
void g_ptr_array_extend(GPtrArray *array, GPtrArray *more, GCopyFunc copy, gpointer user_data);
void g_ptr_array_insert(GPtrArray *array, gint index, gpointer data);
gpointer g_ptr_array_remove_index(GPtrArray *array, guint index);
gpointer g_ptr_array_remove_index_fast(GPtrArray *array, guint index);
gpointer g_ptr_array_steal_index(GPtrArray *array, guint index);
gpointer g_ptr_array_steal_index_fast(GPtrArray *array, guint index);
gboolean g_ptr_array_remove(GPtrArray *array, gpointer data);
gboolean g_ptr_array_remove_fast(GPtrArray *array, gpointer data);
GPtrArray *g_ptr_array_remove_range(GPtrArray *array, guint index, guint count);
gboolean g_ptr_array_find(GPtrArray *array, gconstpointer needle, guint *index);
gboolean g_ptr_array_find_with_equal_func(GPtrArray *array, gconstpointer needle, GEqualFunc equal, guint *index);
void g_ptr_array_foreach(GPtrArray *array, GFunc function, gpointer user_data);
void g_ptr_array_sort(GPtrArray *array, GCompareFunc compare);
void g_ptr_array_sort_with_data(GPtrArray *array, GCompareDataFunc compare, gpointer user_data);

GByteArray *g_byte_array_new(void);
GByteArray *g_byte_array_new_take(guint8 *data, gsize length);
GByteArray *g_byte_array_sized_new(guint reserved);
guint8 *g_byte_array_free(GByteArray *array, gboolean free_segment);
GBytes *g_byte_array_free_to_bytes(GByteArray *array);
guint8 *g_byte_array_steal(GByteArray *array, gsize *length);
GByteArray *g_byte_array_ref(GByteArray *array);
void g_byte_array_unref(GByteArray *array);
GByteArray *g_byte_array_append(GByteArray *array, const guint8 *data, guint length);
GByteArray *g_byte_array_prepend(GByteArray *array, const guint8 *data, guint length);
GByteArray *g_byte_array_set_size(GByteArray *array, guint length);
GByteArray *g_byte_array_remove_index(GByteArray *array, guint index);
GByteArray *g_byte_array_remove_index_fast(GByteArray *array, guint index);
GByteArray *g_byte_array_remove_range(GByteArray *array, guint index, guint count);
void g_byte_array_sort(GByteArray *array, GCompareFunc compare);

GBytes *g_bytes_new(gconstpointer data, gsize size);
GBytes *g_bytes_new_take(gpointer data, gsize size);
gconstpointer g_bytes_get_data(GBytes *bytes, gsize *size);
gsize g_bytes_get_size(GBytes *bytes);
GBytes *g_bytes_ref(GBytes *bytes);
void g_bytes_unref(GBytes *bytes);

void g_qsort_with_data(gconstpointer data, gint count, gsize size, GCompareDataFunc compare, gpointer user_data);
G_END_DECLS

#endif
