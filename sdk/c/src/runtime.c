/*
 * The compiler's helper functions for 128-bit integers, which Debian has no library of for WebAssembly. Written with
 * 64-bit halves only: 128-bit multiplication here would call itself.
 */
#include <stdint.h>

typedef __int128 i128;
typedef unsigned __int128 u128;

union halves {
    u128 whole;
    struct {
        uint64_t low, high;
    };
};

static u128 make(uint64_t high, uint64_t low)
{
    union halves value = {.low = low, .high = high};
    return value.whole;
}

u128 __multi3(u128 a, u128 b)
{
    union halves x = {a}, y = {b};
    uint64_t xl = (uint32_t)x.low, xh = x.low >> 32, yl = (uint32_t)y.low, yh = y.low >> 32;
    uint64_t low = xl * yl, middle = xh * yl + (low >> 32), other = xl * yh + (uint32_t)middle;
    uint64_t high = xh * yh + (middle >> 32) + (other >> 32);

    return make(high + x.high * y.low + x.low * y.high, other << 32 | (uint32_t)low);
}

u128 __ashlti3(u128 a, int bits)
{
    union halves x = {a};
    return bits >= 64 ? make(x.low << (bits - 64), 0)
           : bits     ? make(x.high << bits | x.low >> (64 - bits), x.low << bits)
                      : a;
}

u128 __lshrti3(u128 a, int bits)
{
    union halves x = {a};
    return bits >= 64 ? make(0, x.high >> (bits - 64))
           : bits     ? make(x.high >> bits, x.low >> bits | x.high << (64 - bits))
                      : a;
}

i128 __ashrti3(i128 a, int bits)
{
    union halves x = {(u128)a};
    int64_t high = (int64_t)x.high;
    return (i128)(bits >= 64 ? make((uint64_t)(high >> 63), (uint64_t)(high >> (bits - 64)))
                  : bits     ? make((uint64_t)(high >> bits), x.low >> bits | x.high << (64 - bits))
                             : x.whole);
}

static int below(union halves a, union halves b)
{
    return a.high < b.high || (a.high == b.high && a.low < b.low);
}

/* Long division, a bit at a time. */
static u128 divide(u128 dividend, u128 divisor, u128 *rest)
{
    union halves n = {dividend}, d = {divisor}, r = {0}, q = {0};

    for (int bit = 127; bit >= 0; bit--) {
        uint64_t next = (bit >= 64 ? n.high >> (bit - 64) : n.low >> bit) & 1;
        uint64_t carry = r.high >> 63;
        r.high = r.high << 1 | r.low >> 63;
        r.low = r.low << 1 | next;
        if (carry || !below(r, d)) {
            r.high -= d.high + (r.low < d.low);
            r.low -= d.low;
            if (bit >= 64) {
                q.high |= (uint64_t)1 << (bit - 64);
            } else {
                q.low |= (uint64_t)1 << bit;
            }
        }
    }
    *rest = r.whole;
    return q.whole;
}

u128 __udivti3(u128 a, u128 b)
{
    u128 rest;
    return divide(a, b, &rest);
}

u128 __umodti3(u128 a, u128 b)
{
    u128 rest;
    divide(a, b, &rest);
    return rest;
}

i128 __divti3(i128 a, i128 b)
{
    u128 rest, quotient = divide(a < 0 ? -(u128)a : (u128)a, b < 0 ? -(u128)b : (u128)b, &rest);
    return (i128)((a < 0) != (b < 0) ? -quotient : quotient);
}

i128 __modti3(i128 a, i128 b)
{
    u128 rest;
    divide(a < 0 ? -(u128)a : (u128)a, b < 0 ? -(u128)b : (u128)b, &rest);
    return (i128)(a < 0 ? -rest : rest);
}

/* The product, and whether it does not fit. */
i128 __muloti4(i128 a, i128 b, int *overflow)
{
    u128 x = a < 0 ? -(u128)a : (u128)a, y = b < 0 ? -(u128)b : (u128)b, rest;
    u128 largest = ((u128)1 << 127) - ((a < 0) == (b < 0));

    *overflow = y && x > divide(largest, y, &rest);
    return (i128)((u128)a * (u128)b);
}
