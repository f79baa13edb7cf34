/* Calls and returns: two recursions, a table of functions, and a small interpreter that jumps by computed address. */
#include "../lib/guest.h"

#define ITERATIONS 135
#define CHECK 0x9d0e889060be396bu /* after ITERATIONS */
volatile uint64_t iterations __attribute__((section(".data"))) = ITERATIONS;

__attribute__((noinline, noclone, optimize("no-optimize-sibling-calls"))) static uint64_t fibonacci(uint64_t n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

__attribute__((noinline, noclone, optimize("no-optimize-sibling-calls"))) static uint64_t ackermann(uint64_t m, uint64_t n)
{
    if (m == 0)
        return n + 1;
    return n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

typedef uint64_t operation(uint64_t, uint64_t);
static uint64_t op_add(uint64_t a, uint64_t b) { return a + b; }
static uint64_t op_xor(uint64_t a, uint64_t b) { return a ^ b; }
static uint64_t op_mul(uint64_t a, uint64_t b) { return a * (b | 1); }
static uint64_t op_rot(uint64_t a, uint64_t b) { return a << (b & 63) | a >> (-b & 63); }
static operation *const volatile operations[4] = {op_add, op_xor, op_mul, op_rot};

static uint64_t through_table(uint64_t value)
{
    for (uint64_t i = 0; i < 60000; i++)
        value = operations[(value >> 5 ^ i) & 3](value, i);
    return value;
}

/* A stack machine; each instruction ends with a jump to the next one's code. */
static uint64_t interpret(const uint8_t *code, uint64_t start)
{
    static const void *const labels[] = {&&op_push, &&op_plus, &&op_times, &&op_dup, &&op_loop, &&op_stop};
    uint64_t stack[16], *top = stack, counter = 20000;
    const uint8_t *pc = code;
    *top = start;
#define NEXT goto *labels[*pc++]
    NEXT;
op_push: *++top = *pc++; NEXT;
op_plus: top--, top[0] += top[1]; NEXT;
op_times: top--, top[0] *= top[1]; NEXT;
op_dup: top[1] = top[0], top++; NEXT;
op_loop: if (--counter) pc = code; NEXT;
op_stop: return *top;
}

void main(void)
{
    static const uint8_t code[] = {0, 3, 2, 0, 17, 1, 3, 0, 5, 2, 1, 4, 5};
    uint64_t sum = 0;
    begin("calls");
    for (uint64_t i = 0; i < iterations; i++) {
        sum = sum * 31 + fibonacci(23);
        sum = sum * 31 + ackermann(2, 200 + i);
        sum = sum * 31 + through_table(sum);
        sum = sum * 31 + interpret(code, sum);
    }
    report("calls", sum, iterations == ITERATIONS ? CHECK : 0);
}
