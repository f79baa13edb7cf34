/*
 * The macros of QEMU's own header of this name that its test plugins, and plugins made of them, use. Nothing of it is part
 * of the plugin interface.
 */
#ifndef EMUSCOPE_COMPILER_H
#define EMUSCOPE_COMPILER_H

#include <stddef.h>

#define HOST_BIG_ENDIAN 0
#define HOST_LONG_BITS 32

#ifdef __cplusplus
#define QEMU_EXTERN_C extern "C"
#else
#define QEMU_EXTERN_C extern
#endif
#define QEMU_PACKED __attribute__((packed))
#define QEMU_ALIGNED(bytes) __attribute__((aligned(bytes)))
#define QEMU_ALWAYS_INLINE __attribute__((always_inline))
#define QEMU_NORETURN __attribute__((noreturn))
#define QEMU_WARN_UNUSED_RESULT __attribute__((warn_unused_result))
#define QEMU_SENTINEL __attribute__((sentinel))
#define QEMU_FALLTHROUGH __attribute__((fallthrough))
#define QEMU_DISABLE_CFI
#define QEMU_ANNOTATE(text)

#define QEMU_BUILD_BUG_MSG(condition, message) _Static_assert(!(condition), message)
#define QEMU_BUILD_BUG_ON(condition) QEMU_BUILD_BUG_MSG(condition, "must not be: " #condition)
#define QEMU_BUILD_BUG_ON_ZERO(condition) ((int)(0 * sizeof(struct { int holds : (condition) ? -1 : 1; })))

#define xglue(a, b) a##b
#define glue(a, b) xglue(a, b)
#define tostring(text) #text
#define stringify(text) tostring(text)
#define MAKE_IDENTIFIER(stem) glue(stem, __COUNTER__)

#ifndef likely
#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)
#endif

#define typeof_field(type, field) __typeof__(((type *)0)->field)
#define sizeof_field(type, field) sizeof(((type *)0)->field)
#define endof(type, field) (offsetof(type, field) + sizeof_field(type, field))
#ifndef container_of
#define container_of(pointer, type, member) \
    ({ \
        const typeof_field(type, member) *inner_ = (pointer); \
        (type *)((char *)inner_ - offsetof(type, member)); \
    })
#endif

#endif
