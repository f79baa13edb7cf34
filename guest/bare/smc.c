/*
 * Code that changes while it runs, after fence.i: an instruction patched in a loop that is hot, the instruction right
 * behind the fence, code written to a buffer and run from there again and again, data beside code in one page, and an
 * instruction that lies across a page boundary with either half replaced.
 */
#include "../lib/guest.h"

#define ITERATIONS 300
#define CHECK 0x0684529a782e85cfu /* after ITERATIONS */
volatile uint64_t iterations __attribute__((section(".data"))) = ITERATIONS;

static uint16_t code[3][2048] __attribute__((aligned(4096)));

#define FENCE_I() __asm__ volatile("fence.i" ::: "memory")
typedef uint64_t function(uint64_t, uint64_t);

#define RET 0x8082u
/* addi a0, a0, n */
static uint32_t add_constant(int n)
{
    return ((uint32_t)n & 0xfff) << 20 | 0x00050513;
}

static uint16_t *put32(uint16_t *at, uint32_t word)
{
    at[0] = (uint16_t)word;
    at[1] = (uint16_t)(word >> 16);
    return at + 2;
}

static void expect(const char *what, uint64_t seen, uint64_t wanted)
{
    if (seen == wanted)
        return;
    put_string("smc: ");
    put_string(what);
    put_string(": ");
    put_hex(seen, 16);
    put_string(", wanted ");
    put_hex(wanted, 16);
    put_char('\n');
    finish(1);
}

/* A loop of a1 rounds over one patched instruction; the patch is made between calls. */
static void hot_loop(uint64_t round)
{
    uint16_t *at = code[0];
    int n = (int)(round % 1000);
    at = put32(at, add_constant(n));
    at = put32(at, 0xfff58593); /* addi a1, a1, -1 */
    at = put32(at, 0xfe059ce3); /* bnez a1, .-8 */
    *at = RET;
    FENCE_I();
    expect("hot loop", ((function *)code[0])(round, 500), round + 500 * (uint64_t)n);
}

/* The loop patches itself: at each turn it stores the next instruction word over its first one, and fences. */
static void patches_itself(void)
{
    uint16_t *at = code[0] + 512;
    uint16_t *patched = at + 8;
    at = put32(at, 0x00000517); /* auipc a0, 0 */
    at = put32(at, 0x00b52823); /* sw a1, 16(a0): over the li below */
    at = put32(at, 0x0000100f); /* fence.i */
    at = put32(at, 0x00000013); /* nop */
    at = put32(at, 0x00100513); /* li a0, 1, to be replaced */
    *at = RET;
    FENCE_I();
    for (uint64_t n = 0; n < 20; n++)
        expect("patched ahead", ((function *)(code[0] + 512))(0, (uint32_t)(n << 20) | 0x513), n);
    expect("patch in memory", patched[0], 0x0513);
}

/* Data in the same page as code: stores to it must not disturb the code, nor be lost. */
static void data_beside_code(uint64_t round)
{
    volatile uint64_t *data = (volatile uint64_t *)(code[0] + 1024);
    uint16_t *at = code[0] + 768;
    at = put32(at, add_constant(7));
    *at = RET;
    FENCE_I();
    for (uint64_t i = 0; i < 50; i++) {
        data[i & 7] = round + i;
        expect("code beside data", ((function *)(code[0] + 768))(i, 0), i + 7);
        expect("data beside code", data[i & 7], round + i);
    }
}

/* A four-byte instruction with two bytes in either page. */
static void across_pages(uint64_t round)
{
    uint16_t *at = code[2] - 1;
    int n = (int)(round % 2000);
    put32(at, add_constant(n));
    at[2] = RET;
    FENCE_I();
    expect("across pages", ((function *)at)(5, 0), 5 + (uint64_t)n);
    at[1] = (uint16_t)(add_constant(n + 1) >> 16); /* second half */
    FENCE_I();
    expect("second half replaced", ((function *)at)(5, 0), 6 + (uint64_t)n);
    at[0] = 0x4513; /* first half: xori */
    FENCE_I();
    expect("first half replaced", ((function *)at)(5, 0), 5 ^ (uint64_t)(n + 1));
}

/* A little compiler: a random chain of additions, written and run once. */
static uint64_t compiled(uint64_t *random)
{
    uint16_t *at = code[1];
    uint64_t sum = 0;
    for (int i = 0; i < 100; i++) {
        int n = (int)(next_random(random) % 4096) - 2048;
        at = put32(at, add_constant(n));
        sum += (uint64_t)(int64_t)n;
    }
    *at = RET;
    FENCE_I();
    uint64_t seen = ((function *)code[1])(1, 0);
    expect("compiled", seen, sum + 1);
    return seen;
}

void main(void)
{
    uint64_t random = 9, sum = 0;
    for (uint64_t round = 0; round < iterations; round++) {
        hot_loop(round);
        patches_itself();
        data_beside_code(round);
        across_pages(round);
        sum = sum * 31 + compiled(&random);
    }
    report("smc", sum, iterations == ITERATIONS ? CHECK : 0);
}
