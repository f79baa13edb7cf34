/* Files and their names. */
#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <sys/stat.h>

static void set_file_error(GError **error, const gchar *what, const gchar *name)
{
    int code = errno == ENOENT ? G_FILE_ERROR_NOENT : G_FILE_ERROR_FAILED;
    g_set_error(error, G_FILE_ERROR, code, "Failed to %s file “%s”: %s", what, name, strerror(errno));
}

gboolean g_file_get_contents(const gchar *name, gchar **contents, gsize *length, GError **error)
{
    FILE *file = fopen(name, "rb");
    GString *all;
    gchar part[4096];

    *contents = NULL;
    if (!file) {
        set_file_error(error, "open", name);
        return FALSE;
    }
    all = g_string_new(NULL);
    for (gsize got; (got = fread(part, 1, sizeof part, file)) > 0;) {
        g_string_append_len(all, part, (gssize)got);
    }
    fclose(file);
    if (length) {
        *length = all->len;
    }
    *contents = g_string_free(all, FALSE);
    return TRUE;
}

gboolean g_file_set_contents(const gchar *name, const gchar *contents, gssize length, GError **error)
{
    FILE *file = fopen(name, "wb");
    gsize size = length < 0 ? strlen(contents) : (gsize)length;
    gboolean done;

    if (!file) {
        set_file_error(error, "create", name);
        return FALSE;
    }
    done = fwrite(contents, 1, size, file) == size;
    done = fclose(file) == 0 && done;
    if (!done) {
        set_file_error(error, "write", name);
    }
    return done;
}

gboolean g_file_test(const gchar *name, GFileTest test)
{
    struct stat status;

    if (stat(name, &status) != 0) {
        return FALSE;
    }
    return (test & G_FILE_TEST_EXISTS) || ((test & G_FILE_TEST_IS_DIR) && S_ISDIR(status.st_mode)) ||
           ((test & G_FILE_TEST_IS_REGULAR) && S_ISREG(status.st_mode));
}

gint g_mkdir_with_parents(const gchar *path, gint mode)
{
    gchar *name = g_strdup(path);

    for (gchar *end = name + (*name == '/'); *end; end++) {
        if (*end == '/') {
            *end = '\0';
            mkdir(name, (mode_t)mode);
            *end = '/';
        }
    }
    if (mkdir(name, (mode_t)mode) != 0 && errno != EEXIST) {
        g_free(name);
        return -1;
    }
    g_free(name);
    return 0;
}

gchar *g_get_current_dir(void)
{
    return g_strdup("/");
}

const gchar *g_get_tmp_dir(void)
{
    return "/tmp";
}

/* Joins parts with one separator between each two; empty parts are left out. */
static gchar *build(const gchar *separator, const gchar *first, va_list parts)
{
    GString *path = g_string_new(NULL);
    gsize width = strlen(separator);
    gboolean any = FALSE;

    for (const gchar *part = first; part; part = va_arg(parts, const gchar *)) {
        gsize length;
        if (!*part) {
            continue;
        }
        while (any && width && g_str_has_prefix(part, separator)) {
            part += width;
        }
        if (any) {
            while (path->len >= width && width && g_str_has_suffix(path->str, separator)) {
                g_string_truncate(path, path->len - width);
            }
            g_string_append(path, separator);
        }
        length = strlen(part);
        g_string_append_len(path, part, (gssize)length);
        any = TRUE;
    }
    return g_string_free(path, FALSE);
}

gchar *g_build_filename(const gchar *first, ...)
{
    va_list parts;
    gchar *path;

    va_start(parts, first);
    path = build("/", first, parts);
    va_end(parts);
    return path;
}

gchar *g_build_path(const gchar *separator, const gchar *first, ...)
{
    va_list parts;
    gchar *path;

    va_start(parts, first);
    path = build(separator, first, parts);
    va_end(parts);
    return path;
}

gchar *g_path_get_basename(const gchar *path)
{
    gsize end = strlen(path), start;

    if (!end) {
        return g_strdup(".");
    }
    while (end && path[end - 1] == '/') {
        end--;
    }
    if (!end) {
        return g_strdup("/");
    }
    for (start = end; start && path[start - 1] != '/';) {
        start--;
    }
    return g_strndup(path + start, end - start);
}

gchar *g_path_get_dirname(const gchar *path)
{
    const gchar *slash = strrchr(path, '/');

    if (!slash) {
        return g_strdup(".");
    }
    while (slash > path && slash[-1] == '/') {
        slash--;
    }
    return slash == path ? g_strdup("/") : g_strndup(path, (gsize)(slash - path));
}

gboolean g_path_is_absolute(const gchar *path)
{
    return *path == '/';
}

const gchar *g_getenv(const gchar *name)
{
    return getenv(name);
}

const gchar *g_get_prgname(void)
{
    return "emuscope";
}
