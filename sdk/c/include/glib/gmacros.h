/* Macros of the language: attributes, minimum and maximum, compile-time assertions. */
#ifndef EMUSCOPE_GLIB_MACROS_H
#define EMUSCOPE_GLIB_MACROS_H

#define G_GNUC_CONST __attribute__((const))
#define G_GNUC_PURE __attribute__((pure))
#define G_GNUC_MALLOC __attribute__((malloc))
#define G_GNUC_NORETURN __attribute__((noreturn))
#define G_NORETURN __attribute__((noreturn))
#define G_GNUC_UNUSED __attribute__((unused))
#define G_GNUC_USED __attribute__((used))
#define G_GNUC_PACKED __attribute__((packed))
#define G_GNUC_DEPRECATED __attribute__((deprecated))
#define G_GNUC_DEPRECATED_FOR(other) __attribute__((deprecated))
#define G_GNUC_NULL_TERMINATED __attribute__((sentinel))
#define G_GNUC_WARN_UNUSED_RESULT __attribute__((warn_unused_result))
#define G_GNUC_PRINTF(format_index, first_argument) __attribute__((format(printf, format_index, first_argument)))
#define G_GNUC_FORMAT(index) __attribute__((format_arg(index)))
#define G_GNUC_EXTENSION __extension__
#define G_GNUC_INTERNAL __attribute__((visibility("hidden")))
#define G_GNUC_FALLTHROUGH __attribute__((fallthrough))
#define G_GNUC_BEGIN_IGNORE_DEPRECATIONS
#define G_GNUC_END_IGNORE_DEPRECATIONS
#define G_INLINE_FUNC static inline
#define G_LIKELY(expression) __builtin_expect(!!(expression), 1)
#define G_UNLIKELY(expression) __builtin_expect(!!(expression), 0)
#define G_ALIGNOF(type) _Alignof(type)

#ifndef MAX
#define MAX(a, b) (((a) > (b)) ? (a) : (b))
#endif
#ifndef MIN
#define MIN(a, b) (((a) < (b)) ? (a) : (b))
#endif
#ifndef ABS
#define ABS(a) (((a) < 0) ? -(a) : (a))
#endif
#ifndef CLAMP
#define CLAMP(x, low, high) (((x) > (high)) ? (high) : (((x) < (low)) ? (low) : (x)))
#endif
#define G_APPROX_VALUE(a, b, epsilon) ((((a) > (b)) ? (a) - (b) : (b) - (a)) < (epsilon))

#define G_N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))
#define G_STRINGIFY(text) G_STRINGIFY_ARG(text)
#define G_STRINGIFY_ARG(text) #text
#define G_PASTE_ARGS(a, b) a##b
#define G_PASTE(a, b) G_PASTE_ARGS(a, b)
#ifdef __cplusplus
#define G_STATIC_ASSERT(expression) static_assert(expression, #expression)
#else
#define G_STATIC_ASSERT(expression) _Static_assert(expression, #expression)
#endif
#define G_STATIC_ASSERT_EXPR(expression) ((void)sizeof(char[(expression) ? 1 : -1]))
#define G_STRLOC __FILE__ ":" G_STRINGIFY(__LINE__)
#define G_STRFUNC ((const char *)(__func__))
#define G_STMT_START do
#define G_STMT_END while (0)
#define G_STRUCT_OFFSET(type, member) ((glong)offsetof(type, member))
#define G_STRUCT_MEMBER_P(structure, offset) ((gpointer)((guint8 *)(structure) + (glong)(offset)))
#define G_STRUCT_MEMBER(type, structure, offset) (*(type *)G_STRUCT_MEMBER_P((structure), (offset)))
#define G_VA_COPY(to, from) va_copy(to, from)
#define G_IS_DIR_SEPARATOR(c) ((c) == '/')
#define G_DIR_SEPARATOR '/'
#define G_DIR_SEPARATOR_S "/"
#define G_SEARCHPATH_SEPARATOR ':'
#define G_SEARCHPATH_SEPARATOR_S ":"

/* Bits a number needs, at least one; positions of set bits below and above one. */
static inline unsigned g_bit_storage(unsigned long number)
{
    return number ? 8 * sizeof number - (unsigned)__builtin_clzl(number) : 1;
}
static inline int g_bit_nth_lsf(unsigned long mask, int above)
{
    int first = above < 0 ? 0 : above + 1;
    unsigned long rest = first < (int)(8 * sizeof mask) ? mask >> first << first : 0;
    return rest ? __builtin_ctzl(rest) : -1;
}
static inline int g_bit_nth_msf(unsigned long mask, int below)
{
    int bits = 8 * (int)sizeof mask;
    unsigned long rest = below < 0 || below >= bits ? mask : mask & ((1ul << below) - 1);
    return rest ? bits - 1 - __builtin_clzl(rest) : -1;
}

/* True unless the result does not fit. */
#define g_uint_checked_add(result, a, b) (!__builtin_add_overflow((a), (b), (unsigned *)(result)))
#define g_uint_checked_mul(result, a, b) (!__builtin_mul_overflow((a), (b), (unsigned *)(result)))
#define g_uint64_checked_add(result, a, b) (!__builtin_add_overflow((a), (b), (uint64_t *)(result)))
#define g_uint64_checked_mul(result, a, b) (!__builtin_mul_overflow((a), (b), (uint64_t *)(result)))
#define g_size_checked_add(result, a, b) (!__builtin_add_overflow((a), (b), (size_t *)(result)))
#define g_size_checked_mul(result, a, b) (!__builtin_mul_overflow((a), (b), (size_t *)(result)))

#define G_OS_UNIX
#define GLIB_MAJOR_VERSION 2
#define GLIB_MINOR_VERSION 74
#define GLIB_MICRO_VERSION 0
#define GLIB_CHECK_VERSION(major, minor, micro) \
    (GLIB_MAJOR_VERSION > (major) || (GLIB_MAJOR_VERSION == (major) && GLIB_MINOR_VERSION > (minor)) || \
     (GLIB_MAJOR_VERSION == (major) && GLIB_MINOR_VERSION == (minor) && GLIB_MICRO_VERSION >= (micro)))
#define GLIB_VERSION_2_56 (G_ENCODE_VERSION(2, 56))
#define GLIB_VERSION_2_66 (G_ENCODE_VERSION(2, 66))
#define G_ENCODE_VERSION(major, minor) ((major) << 16 | (minor) << 8)

#endif
