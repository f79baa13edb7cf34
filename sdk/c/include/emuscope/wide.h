/*
 * Formatted output and input as on a 64-bit host. Plugins are written for hosts whose `long` has 64 bits, and many print
 * an uint64_t with %lx; here `long` has 32. So calls of printf's and scanf's families become calls that pass every
 * integer as 64 bits, whatever its type, and for input the size of what each pointer points to: the conversion then
 * decides how much of it is used, and %lx and %llx are the same. In C only; functions that take a va_list stay as they are.
 */
#ifndef EMUSCOPE_WIDE_H
#define EMUSCOPE_WIDE_H

#if !defined(__cplusplus) && !defined(EMUSCOPE_NO_WIDE) && defined(__wasm__)

#include <stddef.h>

#define EMUSCOPE_INLINE static inline __attribute__((always_inline, unused))
EMUSCOPE_INLINE long long emuscope_wide_s(long long value) { return value; }
EMUSCOPE_INLINE unsigned long long emuscope_wide_u(unsigned long long value) { return value; }
EMUSCOPE_INLINE double emuscope_wide_d(double value) { return value; }
EMUSCOPE_INLINE const volatile void *emuscope_wide_p(const volatile void *value) { return value; }
#undef EMUSCOPE_INLINE

#define EMUSCOPE_WIDE(x) \
    _Generic((x), \
        _Bool: emuscope_wide_u, \
        char: emuscope_wide_s, \
        signed char: emuscope_wide_s, \
        unsigned char: emuscope_wide_u, \
        short: emuscope_wide_s, \
        unsigned short: emuscope_wide_u, \
        int: emuscope_wide_s, \
        unsigned int: emuscope_wide_u, \
        long: emuscope_wide_s, \
        unsigned long: emuscope_wide_u, \
        long long: emuscope_wide_s, \
        unsigned long long: emuscope_wide_u, \
        float: emuscope_wide_d, \
        double: emuscope_wide_d, \
        long double: emuscope_wide_d, \
        default: emuscope_wide_p)(x)
#define EMUSCOPE_PLACE(p) (void *)(p), sizeof(*(p))

/* `, WRAP(a), WRAP(b) ...` of up to 32 arguments, nothing of none. */
#define EMUSCOPE_COUNT(...) \
    EMUSCOPE_COUNT_(0 __VA_OPT__(, ) __VA_ARGS__, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, \
                    15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define EMUSCOPE_COUNT_(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, \
                        a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32, count, ...) \
    count
#define EMUSCOPE_JOIN(a, b) EMUSCOPE_JOIN_(a, b)
#define EMUSCOPE_JOIN_(a, b) a##b
#define EMUSCOPE_EACH(wrap, ...) EMUSCOPE_JOIN(EMUSCOPE_EACH_, EMUSCOPE_COUNT(__VA_ARGS__))(wrap __VA_OPT__(, ) __VA_ARGS__)
#define EMUSCOPE_EACH_0(wrap)
#define EMUSCOPE_EACH_1(wrap, a) , wrap(a)
#define EMUSCOPE_EACH_2(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_1(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_3(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_2(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_4(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_3(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_5(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_4(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_6(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_5(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_7(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_6(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_8(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_7(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_9(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_8(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_10(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_9(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_11(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_10(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_12(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_11(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_13(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_12(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_14(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_13(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_15(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_14(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_16(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_15(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_17(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_16(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_18(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_17(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_19(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_18(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_20(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_19(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_21(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_20(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_22(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_21(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_23(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_22(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_24(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_23(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_25(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_24(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_26(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_25(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_27(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_26(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_28(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_27(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_29(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_28(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_30(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_29(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_31(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_30(wrap, __VA_ARGS__)
#define EMUSCOPE_EACH_32(wrap, a, ...) , wrap(a) EMUSCOPE_EACH_31(wrap, __VA_ARGS__)
#define EMUSCOPE_WIDE_ALL(...) EMUSCOPE_EACH(EMUSCOPE_WIDE __VA_OPT__(, ) __VA_ARGS__)
#define EMUSCOPE_PLACE_ALL(...) EMUSCOPE_EACH(EMUSCOPE_PLACE __VA_OPT__(, ) __VA_ARGS__)

#endif
#endif
