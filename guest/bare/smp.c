/*
 * Up to eight harts share memory: a spin lock made of amoswap, counters by amoadd, by lr/sc and under the lock, a
 * barrier, and interprocessor interrupts through the CLINT. Says how many harts took part.
 */
#include "../lib/guest.h"

#define ITERATIONS 2000
volatile uint64_t iterations __attribute__((section(".data"))) = ITERATIONS;

#define HARTS 8
#define MSIP(hart) MMIO32(0x02000000ul + 4 * (hart))
#define MTIME MMIO64(0x0200bff8ul)
#define MTIMECMP MMIO64(0x02004000ul) /* of hart 0 */
#define MIE_MSIE 8u
#define MIE_MTIE 0x80u

static volatile uint32_t lock, present, arrived, phase, answered;
static volatile uint64_t by_amo, by_reservation, by_lock, left, right;

static uint64_t add_atomically(volatile uint64_t *to, uint64_t what)
{
    uint64_t old;
    __asm__ volatile("amoadd.d.aqrl %0, %2, (%1)" : "=r"(old) : "r"(to), "r"(what) : "memory");
    return old;
}

static uint32_t add_word(volatile uint32_t *to, uint32_t what)
{
    uint32_t old;
    __asm__ volatile("amoadd.w.aqrl %0, %2, (%1)" : "=r"(old) : "r"(to), "r"(what) : "memory");
    return old;
}

static void add_by_reservation(volatile uint64_t *to, uint64_t what)
{
    uint64_t value, failed;
    __asm__ volatile("1: lr.d.aq %0, (%2)\n\tadd %0, %0, %3\n\tsc.d.rl %1, %0, (%2)\n\tbnez %1, 1b"
                     : "=&r"(value), "=&r"(failed) : "r"(to), "r"(what) : "memory");
}

static void take(volatile uint32_t *what)
{
    uint32_t old;
    do
        __asm__ volatile("amoswap.w.aq %0, %2, (%1)" : "=r"(old) : "r"(what), "r"(1) : "memory");
    while (old);
}

static void release(volatile uint32_t *what)
{
    __asm__ volatile("amoswap.w.rl zero, zero, (%0)" ::"r"(what) : "memory");
}

static void barrier(uint32_t harts)
{
    uint32_t now = phase;
    if (add_word(&arrived, 1) + 1 == harts) {
        arrived = 0;
        add_word(&phase, 1);
    }
    while (phase == now)
        ;
}

static void work(uint32_t harts)
{
    barrier(harts);
    for (uint64_t i = 0; i < iterations; i++) {
        add_atomically(&by_amo, 1);
        add_by_reservation(&by_reservation, 3);
        take(&lock);
        by_lock++;
        left = left + 1; /* two words that must stay equal */
        right = right + 1;
        if (left != right)
            finish(2);
        release(&lock);
    }
    barrier(harts);
}

static volatile uint32_t harts;

/* Sleeps until another hart sends an interrupt. Interrupts are off, so it is only woken. */
static void wait_for_call(uint64_t id)
{
    CSR_WRITE(mie, MIE_MSIE);
    while (!(CSR_READ(mip) & MIE_MSIE))
        __asm__ volatile("wfi");
    MSIP(id) = 0;
}

void other_hart(uint64_t id)
{
    if (id >= HARTS)
        return;
    __asm__ volatile("amoor.w zero, %1, (%0)" ::"r"(&present), "r"(1u << id) : "memory");
    wait_for_call(id); /* who is late is never called */
    work(harts);
    wait_for_call(id);
    add_word(&answered, 1);
}

void main(void)
{
    MTIMECMP = MTIME + 1000000; /* 100 ms, until the others are there */
    CSR_WRITE(mie, MIE_MTIE);
    while (!(CSR_READ(mip) & MIE_MTIE))
        __asm__ volatile("wfi");
    uint32_t called = present;
    uint32_t count = 1;
    for (uint32_t hart = 1; hart < HARTS; hart++)
        count += called >> hart & 1;
    harts = count;
    for (uint32_t hart = 1; hart < HARTS; hart++)
        if (called >> hart & 1)
            MSIP(hart) = 1;
    work(harts);
    for (uint32_t hart = 1; hart < HARTS; hart++)
        if (called >> hart & 1)
            MSIP(hart) = 1;
    while (answered != harts - 1)
        ;
    put_string("harts=");
    put_decimal(harts);
    put_string(" amo=");
    put_decimal(by_amo);
    put_string(" lrsc=");
    put_decimal(by_reservation);
    put_string(" lock=");
    put_decimal(by_lock);
    put_char('\n');
    bool good = by_amo == harts * iterations && by_reservation == 3 * harts * iterations && by_lock == harts * iterations && left == right;
    put_string(good ? "smp OK\n" : "smp WRONG\n");
    finish(good ? 0 : 1);
}
