/* Memory. Allocation never returns NULL for a size that is not 0: the plugin ends when its memory is used up. */
#ifndef EMUSCOPE_GLIB_MEM_H
#define EMUSCOPE_GLIB_MEM_H

#include "gmacros.h"
#include "gtypes.h"

G_BEGIN_DECLS
gpointer g_malloc(gsize size);
gpointer g_malloc0(gsize size);
gpointer g_malloc_n(gsize count, gsize size);
gpointer g_malloc0_n(gsize count, gsize size);
gpointer g_realloc(gpointer memory, gsize size);
gpointer g_realloc_n(gpointer memory, gsize count, gsize size);
gpointer g_try_malloc(gsize size);
gpointer g_try_malloc0(gsize size);
gpointer g_try_malloc_n(gsize count, gsize size);
gpointer g_try_malloc0_n(gsize count, gsize size);
gpointer g_try_realloc(gpointer memory, gsize size);
gpointer g_try_realloc_n(gpointer memory, gsize count, gsize size);
void g_free(gpointer memory);
gpointer g_aligned_alloc(gsize count, gsize size, gsize alignment);
gpointer g_aligned_alloc0(gsize count, gsize size, gsize alignment);
void g_aligned_free(gpointer memory);
gpointer g_memdup(gconstpointer memory, guint size);
gpointer g_memdup2(gconstpointer memory, gsize size);
void g_clear_pointer(gpointer *pointer, GDestroyNotify destroy);
G_END_DECLS

#define g_new(type, count) ((type *)g_malloc_n((count), sizeof(type)))
#define g_new0(type, count) ((type *)g_malloc0_n((count), sizeof(type)))
#define g_try_new(type, count) ((type *)g_try_malloc_n((count), sizeof(type)))
#define g_try_new0(type, count) ((type *)g_try_malloc0_n((count), sizeof(type)))
#define g_renew(type, memory, count) ((type *)g_realloc_n((memory), (count), sizeof(type)))
#define g_try_renew(type, memory, count) ((type *)g_try_realloc_n((memory), (count), sizeof(type)))
#define g_alloca(size) __builtin_alloca(size)
#define g_alloca0(size) memset(__builtin_alloca(size), 0, (size))
#define g_newa(type, count) ((type *)__builtin_alloca(sizeof(type) * (gsize)(count)))
#define g_newa0(type, count) ((type *)memset(g_newa(type, count), 0, sizeof(type) * (gsize)(count)))
#define g_memmove(to, from, size) memmove((to), (from), (size))

/* The slice allocator is the general one. */
#define g_slice_alloc(size) g_malloc(size)
#define g_slice_alloc0(size) g_malloc0(size)
#define g_slice_copy(size, memory) g_memdup2((memory), (size))
#define g_slice_new(type) ((type *)g_malloc(sizeof(type)))
#define g_slice_new0(type) ((type *)g_malloc0(sizeof(type)))
#define g_slice_dup(type, memory) ((type *)g_memdup2((memory), sizeof(type)))
#define g_slice_free(type, memory) g_free(memory)
#define g_slice_free1(size, memory) g_free(memory)

/* Takes what a pointer variable holds and leaves NULL there. */
static inline gpointer emuscope_steal_pointer(gpointer variable)
{
    gpointer *pointer = (gpointer *)variable;
    gpointer held = *pointer;
    *pointer = NULL;
    return held;
}
#define g_steal_pointer(variable) ((__typeof__(*(variable)))emuscope_steal_pointer(variable))

#define g_clear_pointer(variable, destroy) \
    G_STMT_START \
    { \
        __typeof__(*(variable)) emuscope_held = *(variable); \
        *(variable) = NULL; \
        if (emuscope_held) { \
            (destroy)(emuscope_held); \
        } \
    } \
    G_STMT_END

#endif
