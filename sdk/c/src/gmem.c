/* Memory from libc. A plugin that runs out of it ends, with a line that says so. */
#include <glib.h>

#include <stdio.h>
#include <unistd.h>

static gpointer checked(gpointer memory, gsize size)
{
    if (!memory && size) {
        static const char message[] = "GLib: out of memory\n";
        write(2, message, sizeof message - 1);
        abort();
    }
    return memory;
}

/* Count * size, or the largest size where that does not fit: no allocator can give it. */
static gsize product(gsize count, gsize size)
{
    gsize bytes;
    return __builtin_mul_overflow(count, size, &bytes) ? G_MAXSIZE / 2 : bytes;
}

gpointer g_try_malloc(gsize size)
{
    return size ? malloc(size) : NULL;
}

gpointer g_try_malloc0(gsize size)
{
    return size ? calloc(1, size) : NULL;
}

gpointer g_try_realloc(gpointer memory, gsize size)
{
    if (!size) {
        free(memory);
        return NULL;
    }
    return realloc(memory, size);
}

gpointer g_try_malloc_n(gsize count, gsize size)
{
    return g_try_malloc(product(count, size));
}

gpointer g_try_malloc0_n(gsize count, gsize size)
{
    return g_try_malloc0(product(count, size));
}

gpointer g_try_realloc_n(gpointer memory, gsize count, gsize size)
{
    return g_try_realloc(memory, product(count, size));
}

gpointer g_malloc(gsize size)
{
    return checked(g_try_malloc(size), size);
}

gpointer g_malloc0(gsize size)
{
    return checked(g_try_malloc0(size), size);
}

gpointer g_realloc(gpointer memory, gsize size)
{
    return checked(g_try_realloc(memory, size), size);
}

gpointer g_malloc_n(gsize count, gsize size)
{
    return g_malloc(product(count, size));
}

gpointer g_malloc0_n(gsize count, gsize size)
{
    return g_malloc0(product(count, size));
}

gpointer g_realloc_n(gpointer memory, gsize count, gsize size)
{
    return g_realloc(memory, product(count, size));
}

void g_free(gpointer memory)
{
    free(memory);
}

gpointer g_aligned_alloc(gsize count, gsize size, gsize alignment)
{
    gsize bytes = product(count, size);
    return bytes ? checked(aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment), bytes) : NULL;
}

gpointer g_aligned_alloc0(gsize count, gsize size, gsize alignment)
{
    gpointer memory = g_aligned_alloc(count, size, alignment);
    return memory ? memset(memory, 0, count * size) : NULL;
}

void g_aligned_free(gpointer memory)
{
    free(memory);
}

gpointer g_memdup2(gconstpointer memory, gsize size)
{
    return memory && size ? memcpy(g_malloc(size), memory, size) : NULL;
}

gpointer g_memdup(gconstpointer memory, guint size)
{
    return g_memdup2(memory, size);
}

void(g_clear_pointer)(gpointer *pointer, GDestroyNotify destroy)
{
    g_clear_pointer(pointer, destroy);
}
