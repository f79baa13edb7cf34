/* Assertions, warnings and plain output. A failed assertion ends the plugin. */
#ifndef EMUSCOPE_GLIB_MESSAGES_H
#define EMUSCOPE_GLIB_MESSAGES_H

#include "gmacros.h"
#include "gtypes.h"

#include "../emuscope/wide.h"

typedef enum {
    G_LOG_FLAG_RECURSION = 1 << 0,
    G_LOG_FLAG_FATAL = 1 << 1,
    G_LOG_LEVEL_ERROR = 1 << 2,
    G_LOG_LEVEL_CRITICAL = 1 << 3,
    G_LOG_LEVEL_WARNING = 1 << 4,
    G_LOG_LEVEL_MESSAGE = 1 << 5,
    G_LOG_LEVEL_INFO = 1 << 6,
    G_LOG_LEVEL_DEBUG = 1 << 7,
    G_LOG_LEVEL_MASK = ~(G_LOG_FLAG_RECURSION | G_LOG_FLAG_FATAL)
} GLogLevelFlags;

#ifndef G_LOG_DOMAIN
#define G_LOG_DOMAIN ((gchar *)0)
#endif

G_BEGIN_DECLS
void g_print(const gchar *format, ...);
void g_printerr(const gchar *format, ...);
void g_log(const gchar *domain, GLogLevelFlags level, const gchar *format, ...);
void g_logv(const gchar *domain, GLogLevelFlags level, const gchar *format, va_list arguments);
G_NORETURN void g_assertion_message_expr(const char *domain, const char *file, int line, const char *function,
                                         const char *expression);
void g_return_if_fail_warning(const char *domain, const char *function, const char *expression);
G_END_DECLS

#ifdef EMUSCOPE_WIDE
void emuscope_log(const gchar *domain, GLogLevelFlags level, const gchar *format, ...);
void emuscope_print(int fd, const gchar *format, ...);
#define g_log(domain, level, format, ...) emuscope_log(domain, level, format EMUSCOPE_WIDE_ALL(__VA_ARGS__))
#define g_print(format, ...) emuscope_print(1, format EMUSCOPE_WIDE_ALL(__VA_ARGS__))
#define g_printerr(format, ...) emuscope_print(2, format EMUSCOPE_WIDE_ALL(__VA_ARGS__))
#endif

#define g_error(...) \
    G_STMT_START \
    { \
        g_log(G_LOG_DOMAIN, G_LOG_LEVEL_ERROR, __VA_ARGS__); \
        for (;;) { \
            __builtin_trap(); \
        } \
    } \
    G_STMT_END
#define g_critical(...) g_log(G_LOG_DOMAIN, G_LOG_LEVEL_CRITICAL, __VA_ARGS__)
#define g_warning(...) g_log(G_LOG_DOMAIN, G_LOG_LEVEL_WARNING, __VA_ARGS__)
#define g_message(...) g_log(G_LOG_DOMAIN, G_LOG_LEVEL_MESSAGE, __VA_ARGS__)
#define g_info(...) g_log(G_LOG_DOMAIN, G_LOG_LEVEL_INFO, __VA_ARGS__)
#define g_debug(...) g_log(G_LOG_DOMAIN, G_LOG_LEVEL_DEBUG, __VA_ARGS__)

#define g_abort() abort()

#define emuscope_assertion_failed(text) g_assertion_message_expr(G_LOG_DOMAIN, __FILE__, __LINE__, __func__, text)
#ifdef G_DISABLE_ASSERT
#define g_assert(expression) ((void)0)
#define g_assert_not_reached() __builtin_unreachable()
#else
#define g_assert(expression) \
    G_STMT_START \
    { \
        if (!(expression)) { \
            emuscope_assertion_failed(#expression); \
        } \
    } \
    G_STMT_END
#define g_assert_not_reached() emuscope_assertion_failed((const char *)0)
#endif
#define g_assert_true(expression) g_assert(expression)
#define g_assert_false(expression) g_assert(!(expression))
#define g_assert_nonnull(expression) g_assert((expression) != NULL)
#define g_assert_null(expression) g_assert((expression) == NULL)
#define g_assert_cmpint(a, operator, b) g_assert((gint64)(a) operator (gint64)(b))
#define g_assert_cmpuint(a, operator, b) g_assert((guint64)(a) operator (guint64)(b))
#define g_assert_cmphex(a, operator, b) g_assert((guint64)(a) operator (guint64)(b))
#define g_assert_cmpfloat(a, operator, b) g_assert((double)(a) operator (double)(b))
#define g_assert_cmpstr(a, operator, b) g_assert(g_strcmp0((a), (b)) operator 0)

#define g_return_if_fail(expression) \
    G_STMT_START \
    { \
        if (!(expression)) { \
            g_return_if_fail_warning(G_LOG_DOMAIN, G_STRFUNC, #expression); \
            return; \
        } \
    } \
    G_STMT_END
#define g_return_val_if_fail(expression, value) \
    G_STMT_START \
    { \
        if (!(expression)) { \
            g_return_if_fail_warning(G_LOG_DOMAIN, G_STRFUNC, #expression); \
            return (value); \
        } \
    } \
    G_STMT_END
#define g_return_if_reached() g_return_if_fail(FALSE)
#define g_return_val_if_reached(value) g_return_val_if_fail(FALSE, value)
#define g_warn_if_fail(expression) \
    G_STMT_START \
    { \
        if (!(expression)) { \
            g_warning("runtime check failed: %s", #expression); \
        } \
    } \
    G_STMT_END
#define g_warn_if_reached() g_warn_if_fail(FALSE)

#endif
