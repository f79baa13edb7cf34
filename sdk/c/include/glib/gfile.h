/* Files and their names. What a plugin writes becomes a file among its results. */
#ifndef EMUSCOPE_GLIB_FILE_H
#define EMUSCOPE_GLIB_FILE_H

#include "gerror.h"

typedef enum {
    G_FILE_TEST_IS_REGULAR = 1 << 0,
    G_FILE_TEST_IS_SYMLINK = 1 << 1,
    G_FILE_TEST_IS_DIR = 1 << 2,
    G_FILE_TEST_IS_EXECUTABLE = 1 << 3,
    G_FILE_TEST_EXISTS = 1 << 4
} GFileTest;

typedef enum { G_FILE_ERROR_NOENT = 4, G_FILE_ERROR_FAILED = 24 } GFileError;
#define G_FILE_ERROR g_quark_from_static_string("g-file-error-quark")

G_BEGIN_DECLS
gboolean g_file_get_contents(const gchar *name, gchar **contents, gsize *length, GError **error);
gboolean g_file_set_contents(const gchar *name, const gchar *contents, gssize length, GError **error);
gboolean g_file_test(const gchar *name, GFileTest test);
gint g_mkdir_with_parents(const gchar *path, gint mode);
gchar *g_get_current_dir(void);
const gchar *g_get_tmp_dir(void);
gchar *g_build_filename(const gchar *first, ...) G_GNUC_NULL_TERMINATED;
gchar *g_build_path(const gchar *separator, const gchar *first, ...) G_GNUC_NULL_TERMINATED;
gchar *g_path_get_basename(const gchar *path);
gchar *g_path_get_dirname(const gchar *path);
gboolean g_path_is_absolute(const gchar *path);
const gchar *g_getenv(const gchar *name);
const gchar *g_get_prgname(void);
G_END_DECLS

#endif
