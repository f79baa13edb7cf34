/* Warnings and failed assertions, on standard error. */
#include "format.h"

#include <glib.h>
#include <stdio.h>
#include <unistd.h>

static const char *level_name(GLogLevelFlags level)
{
    return level & G_LOG_LEVEL_ERROR      ? "ERROR"
           : level & G_LOG_LEVEL_CRITICAL ? "CRITICAL"
           : level & G_LOG_LEVEL_WARNING  ? "WARNING"
                                          : "Message";
}

static void log_text(const gchar *domain, GLogLevelFlags level, const char *text)
{
    /* What is for debugging is not shown unless asked for, and there is no environment to ask in. */
    if (level & (G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG)) {
        return;
    }
    fflush(stdout);
    fprintf(stderr, "%s%s%s%s: %s\n", domain ? domain : "", domain ? "-" : "** ", level_name(level),
            level & G_LOG_LEVEL_MESSAGE ? "" : " **", text);
    if (level & (G_LOG_LEVEL_ERROR | G_LOG_FLAG_FATAL)) {
        abort();
    }
}

void g_logv(const gchar *domain, GLogLevelFlags level, const gchar *format, va_list arguments)
{
    gchar *text = g_strdup_vprintf(format, arguments);
    log_text(domain, level, text);
    g_free(text);
}

void g_log(const gchar *domain, GLogLevelFlags level, const gchar *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_logv(domain, level, format, arguments);
    va_end(arguments);
}

void emuscope_log(const gchar *domain, GLogLevelFlags level, const gchar *format, ...)
{
    va_list arguments;
    size_t length;
    char *text;

    va_start(arguments, format);
    text = emuscope_format_new(format, arguments, &length);
    va_end(arguments);
    log_text(domain, level, text);
    free(text);
}

void emuscope_print(int fd, const gchar *format, ...)
{
    FILE *file = fd == 1 ? stdout : stderr;
    va_list arguments;
    size_t length;
    char *text;

    va_start(arguments, format);
    text = emuscope_format_new(format, arguments, &length);
    va_end(arguments);
    fwrite(text, 1, length, file);
    fflush(file);
    free(text);
}

void g_print(const gchar *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stdout, format, arguments);
    va_end(arguments);
    fflush(stdout);
}

void g_printerr(const gchar *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
}

void g_assertion_message_expr(const char *domain, const char *file, int line, const char *function,
                              const char *expression)
{
    fflush(stdout);
    fprintf(stderr, "**\n%s%sERROR:%s:%d:%s: %s%s%s\n", domain ? domain : "", domain ? ":" : "", file, line, function,
            expression ? "assertion failed: (" : "code should not be reached", expression ? expression : "",
            expression ? ")" : "");
    abort();
}

void g_return_if_fail_warning(const char *domain, const char *function, const char *expression)
{
    g_log(domain, G_LOG_LEVEL_CRITICAL, "%s: assertion '%s' failed", function, expression);
}
