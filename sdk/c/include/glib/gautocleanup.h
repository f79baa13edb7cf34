/* Variables that free what they hold when they go out of scope. */
#ifndef EMUSCOPE_GLIB_AUTOCLEANUP_H
#define EMUSCOPE_GLIB_AUTOCLEANUP_H

#include "garray.h"
#include "gerror.h"
#include "ghash.h"
#include "gpattern.h"
#include "gqueue.h"
#include "grand.h"
#include "gstrfuncs.h"
#include "gstring.h"
#include "gthread.h"
#include "gtime.h"
#include "gtree.h"

static inline void g_autoptr_cleanup_generic_gfree(void *variable)
{
    g_free(*(void **)variable);
}

#define G_DEFINE_AUTOPTR_CLEANUP_FUNC(type, destroy) \
    typedef type *emuscope_autoptr_##type; \
    static inline G_GNUC_UNUSED void emuscope_autoptr_cleanup_##type(type **variable) \
    { \
        if (*variable) { \
            (destroy)(*variable); \
        } \
    } \
    typedef GList *emuscope_autolist_##type; \
    static inline G_GNUC_UNUSED void emuscope_autolist_cleanup_##type(GList **variable) \
    { \
        GList *link; \
        for (link = *variable; link; link = link->next) { \
            (destroy)((type *)link->data); \
        } \
        g_list_free(*variable); \
    } \
    typedef GSList *emuscope_autoslist_##type; \
    static inline G_GNUC_UNUSED void emuscope_autoslist_cleanup_##type(GSList **variable) \
    { \
        GSList *link; \
        for (link = *variable; link; link = link->next) { \
            (destroy)((type *)link->data); \
        } \
        g_slist_free(*variable); \
    }
#define G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(type, clear) \
    static inline G_GNUC_UNUSED void emuscope_auto_cleanup_##type(type *variable) { (clear)(variable); }
#define G_DEFINE_AUTO_CLEANUP_FREE_FUNC(type, destroy, none) \
    static inline G_GNUC_UNUSED void emuscope_auto_cleanup_##type(type *variable) \
    { \
        if (*variable != (none)) { \
            (destroy)(*variable); \
        } \
    }

#define g_autoptr(type) __attribute__((cleanup(emuscope_autoptr_cleanup_##type))) emuscope_autoptr_##type
#define g_autolist(type) __attribute__((cleanup(emuscope_autolist_cleanup_##type))) emuscope_autolist_##type
#define g_autoslist(type) __attribute__((cleanup(emuscope_autoslist_cleanup_##type))) emuscope_autoslist_##type
#define g_auto(type) __attribute__((cleanup(emuscope_auto_cleanup_##type))) type
#define g_autofree __attribute__((cleanup(g_autoptr_cleanup_generic_gfree)))

static inline void emuscope_free_string(GString *string) { g_string_free(string, TRUE); }

G_DEFINE_AUTOPTR_CLEANUP_FUNC(GString, emuscope_free_string)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GArray, g_array_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GPtrArray, g_ptr_array_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GByteArray, g_byte_array_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GBytes, g_bytes_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GHashTable, g_hash_table_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GTree, g_tree_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GList, g_list_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GSList, g_slist_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GQueue, g_queue_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GAsyncQueue, g_async_queue_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GError, g_error_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GRand, g_rand_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GTimer, g_timer_destroy)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GPatternSpec, g_pattern_spec_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GMutexLocker, g_mutex_locker_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GRecMutexLocker, g_rec_mutex_locker_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GRWLockReaderLocker, g_rw_lock_reader_locker_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GRWLockWriterLocker, g_rw_lock_writer_locker_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GMutex, g_mutex_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GRecMutex, g_rec_mutex_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GRWLock, g_rw_lock_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GCond, g_cond_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GQueue, g_queue_clear)
G_DEFINE_AUTO_CLEANUP_FREE_FUNC(GStrv, g_strfreev, NULL)

#endif
