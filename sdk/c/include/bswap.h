/*
 * Byte order as QEMU's own header of this name has it: values turned round, values of either order made the plugin's (which
 * is little endian) and back, and values of any alignment loaded from memory and stored to it.
 */
#ifndef EMUSCOPE_BSWAP_H
#define EMUSCOPE_BSWAP_H

#include <compiler.h>
#include <stdint.h>
#include <string.h>

#undef bswap16
#undef bswap32
#undef bswap64
#define bswap16(value) __builtin_bswap16(value)
#define bswap32(value) __builtin_bswap32(value)
#define bswap64(value) __builtin_bswap64(value)
#define EMUSCOPE_SAME(value) (value)

/* Each conversion in its three forms: of a value, the way back, and in place. */
#define EMUSCOPE_CONVERT(order, bits, turned) \
    static inline uint##bits##_t order##bits##_to_cpu(uint##bits##_t value) \
    { \
        return turned(value); \
    } \
    static inline uint##bits##_t cpu_to_##order##bits(uint##bits##_t value) \
    { \
        return turned(value); \
    } \
    static inline void order##bits##_to_cpus(uint##bits##_t *place) \
    { \
        *place = turned(*place); \
    } \
    static inline void cpu_to_##order##bits##s(uint##bits##_t *place) \
    { \
        *place = turned(*place); \
    }
#define EMUSCOPE_SWAP(bits) \
    static inline void bswap##bits##s(uint##bits##_t *place) \
    { \
        *place = bswap##bits(*place); \
    } \
    EMUSCOPE_CONVERT(le, bits, EMUSCOPE_SAME) \
    EMUSCOPE_CONVERT(be, bits, bswap##bits)
EMUSCOPE_SWAP(16)
EMUSCOPE_SWAP(32)
EMUSCOPE_SWAP(64)

/* QEMU's letters: b, w, l and q have 1, 2, 4 and 8 bytes; u and s say what a short value is widened with. */
static inline int ldub_p(const void *place)
{
    return *(const uint8_t *)place;
}
static inline int ldsb_p(const void *place)
{
    return *(const int8_t *)place;
}
static inline void stb_p(void *place, uint8_t value)
{
    *(uint8_t *)place = value;
}
#define EMUSCOPE_LOAD(name, result, read, turned) \
    static inline result name(const void *place) \
    { \
        read value; \
        memcpy(&value, place, sizeof value); \
        return (read)turned(value); \
    }
#define EMUSCOPE_STORE(name, bits, turned) \
    static inline void name(void *place, uint##bits##_t value) \
    { \
        value = turned(value); \
        memcpy(place, &value, sizeof value); \
    }
#define EMUSCOPE_ORDER(order, turned16, turned32, turned64) \
    EMUSCOPE_LOAD(lduw_##order##_p, int, uint16_t, turned16) \
    EMUSCOPE_LOAD(ldsw_##order##_p, int, int16_t, turned16) \
    EMUSCOPE_LOAD(ldl_##order##_p, int, int32_t, turned32) \
    EMUSCOPE_LOAD(ldq_##order##_p, uint64_t, uint64_t, turned64) \
    EMUSCOPE_STORE(stw_##order##_p, 16, turned16) \
    EMUSCOPE_STORE(stl_##order##_p, 32, turned32) \
    EMUSCOPE_STORE(stq_##order##_p, 64, turned64) \
    static inline uint64_t ldn_##order##_p(const void *place, int bytes) \
    { \
        switch (bytes) { \
        case 1: \
            return (uint64_t)ldub_p(place); \
        case 2: \
            return (uint64_t)lduw_##order##_p(place); \
        case 4: \
            return (uint32_t)ldl_##order##_p(place); \
        case 8: \
            return ldq_##order##_p(place); \
        default: \
            __builtin_trap(); \
        } \
    } \
    static inline void stn_##order##_p(void *place, int bytes, uint64_t value) \
    { \
        switch (bytes) { \
        case 1: \
            stb_p(place, (uint8_t)value); \
            break; \
        case 2: \
            stw_##order##_p(place, (uint16_t)value); \
            break; \
        case 4: \
            stl_##order##_p(place, (uint32_t)value); \
            break; \
        case 8: \
            stq_##order##_p(place, value); \
            break; \
        default: \
            __builtin_trap(); \
        } \
    }
EMUSCOPE_ORDER(he, EMUSCOPE_SAME, EMUSCOPE_SAME, EMUSCOPE_SAME)
EMUSCOPE_ORDER(le, EMUSCOPE_SAME, EMUSCOPE_SAME, EMUSCOPE_SAME)
EMUSCOPE_ORDER(be, bswap16, bswap32, bswap64)

#undef EMUSCOPE_CONVERT
#undef EMUSCOPE_SWAP
#undef EMUSCOPE_LOAD
#undef EMUSCOPE_STORE
#undef EMUSCOPE_ORDER

#endif
