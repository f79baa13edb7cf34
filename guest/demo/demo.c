/*
 * The demo guest of board `remap`. In S-mode under Sv39 it turns the board's two bank controllers round and round,
 * looks at the windows they re-map through many kinds of accesses, computes something honest in between, and prints
 * a line per iteration. What it finds in the windows is checked; a mismatch ends the machine with an exit code.
 */
#include "../lib/guest.h"

/* How many iterations to run; 0 is forever. Tests patch it before the machine starts, so it is not in .bss. */
volatile uint64_t iterations __attribute__((section(".data"))) = 0;

/* Physical addresses: src/machine/boards/remap.ts */
#define PA_TEST 0x00100000u
#define PA_PLIC 0x0c000000u
#define PA_UART 0x10000000u
#define PA_BANK0 0x11000000u
#define PA_BANK1 0x11001000u
#define PA_LATCH0 0x11002000u
#define PA_LATCH1 0x11003000u
#define PA_WINDOW0 0x12000000u
#define PA_WINDOW1 0x12100000u
#define PA_RAM 0x80000000u

/*
 * Virtual addresses. Nothing but the kernel itself is where it is physically, and some pages are there twice, so that
 * pages meet that are far apart: a RAM page before bank0, a latch after it, window0 before and after it.
 */
#define PAGE 4096u
#define DEVICES 0x1000000000u
#define VA(page) (DEVICES + (uint64_t)(page) * PAGE)
#define VA_UART VA(0)
#define VA_TEST VA(1)
#define VA_PLAIN0 VA(2) /* RAM */
#define VA_BANK0 VA(3)
#define VA_LATCH0 VA(4)
#define VA_BANK1 VA(5)
#define VA_PLAIN1 VA(6) /* RAM */
#define VA_LATCH1 VA(8)
#define VA_WINDOW0 VA(16) /* 16 pages */
#define VA_BANK0_AFTER_WINDOW VA(32)
#define VA_WINDOW0_AFTER_BANK VA(33)
#define VA_WINDOW1 VA(48) /* 16 pages */
#define VA_BANK1_AFTER_WINDOW VA(64)
#define VA_WINDOW1_AFTER_BANK VA(65)
#define VA_PLIC 0x1000200000u /* 2 MiB pages */
#define VA_SWEEP 0x2000000000u /* SWEEP_PAGES of RAM in 4 KiB pages */
#define SWEEP_PAGES 384u
#define PA_SWEEP 0x80400000u
#define WINDOW_PAGES 16u

/* Bank controllers */
#define BANK 0x000
#define STATUS 0x004
#define COUNT 0x008
#define SWITCHES 0x00c
#define WINDOW_BASE 0x010
#define WINDOW_SIZE 0x018
#define ROTATE 0x020
#define BANK_LAST 0xfff
#define SWITCH 0x000
#define CURRENT 0x004
#define HOME 0x020
#define SWITCH_LAST 0xfff
#define TARGET_LATCH 4
#define TARGET_MIXED 5
#define TARGET_ROM 6
#define TARGET_NONE 7

#define PLIC_UART_SOURCE 10
#define PLIC_ENABLE 0x2080 /* context 1: hart 0, S */
#define PLIC_THRESHOLD 0x201000
#define PLIC_CLAIM 0x201004

/* ------------------------------------------------------------------------------------------------ page tables */

static uint64_t root[512] __attribute__((aligned(4096)));
static uint64_t kernel_level1[512] __attribute__((aligned(4096)));
static uint64_t device_level1[512] __attribute__((aligned(4096)));
static uint64_t device_level0[512] __attribute__((aligned(4096)));
static uint64_t sweep_level1[512] __attribute__((aligned(4096)));
static uint64_t sweep_level0[512] __attribute__((aligned(4096)));
static uint8_t plain[2][4096] __attribute__((aligned(4096)));

#define PTE_V 1u
#define PTE_R 2u
#define PTE_W 4u
#define PTE_X 8u
#define PTE_G 32u
#define PTE_AD 0xc0u

static uint64_t leaf(uint64_t physical, uint64_t flags)
{
    return (physical >> 12 << 10) | flags | PTE_G | PTE_AD | PTE_V;
}

static uint64_t table(const void *level)
{
    return ((uintptr_t)level >> 12 << 10) | PTE_V;
}

static void map_device(uint64_t virtual, uint64_t physical, unsigned pages)
{
    for (unsigned i = 0; i < pages; i++)
        device_level0[((virtual >> 12) + i) & 511] = leaf(physical + i * PAGE, PTE_R | PTE_W);
}

/* Called in M-mode, addresses are physical. */
uint64_t build_page_tables(void)
{
    root[PA_RAM >> 30] = table(kernel_level1);
    for (unsigned i = 0; i < 4; i++)
        kernel_level1[i] = leaf(PA_RAM + i * 0x200000u, PTE_R | PTE_W | PTE_X);

    root[DEVICES >> 30] = table(device_level1);
    device_level1[0] = table(device_level0);
    for (unsigned i = 0; i < 3; i++)
        device_level1[((VA_PLIC >> 21) + i) & 511] = leaf(PA_PLIC + i * 0x200000u, PTE_R | PTE_W);
    map_device(VA_UART, PA_UART, 1);
    map_device(VA_TEST, PA_TEST, 1);
    map_device(VA_PLAIN0, (uintptr_t)plain[0], 1);
    map_device(VA_BANK0, PA_BANK0, 1);
    map_device(VA_LATCH0, PA_LATCH0, 1);
    map_device(VA_BANK1, PA_BANK1, 1);
    map_device(VA_PLAIN1, (uintptr_t)plain[1], 1);
    map_device(VA_LATCH1, PA_LATCH1, 1);
    map_device(VA_WINDOW0, PA_WINDOW0, WINDOW_PAGES);
    map_device(VA_BANK0_AFTER_WINDOW, PA_BANK0, 1);
    map_device(VA_WINDOW0_AFTER_BANK, PA_WINDOW0, 1);
    map_device(VA_WINDOW1, PA_WINDOW1, WINDOW_PAGES);
    map_device(VA_BANK1_AFTER_WINDOW, PA_BANK1, 1);
    map_device(VA_WINDOW1_AFTER_BANK, PA_WINDOW1, 1);

    root[VA_SWEEP >> 30] = table(sweep_level1);
    sweep_level1[0] = table(sweep_level0);
    for (unsigned i = 0; i < SWEEP_PAGES; i++)
        sweep_level0[i] = leaf(PA_SWEEP + i * PAGE, PTE_R | PTE_W);
    return (8ul << 60) | ((uintptr_t)root >> 12);
}

/* ------------------------------------------------------------------------------------------------------- traps */

static volatile uint64_t ticks;
static volatile uint8_t typed; /* last character from the console, 0 for none */
static volatile uint64_t fault_cause; /* 0: no fault is expected; 1: one is; else the cause of the one that came */
static volatile uint64_t fault_address;

static void stop(const char *what, uint64_t detail, uint32_t code)
{
    put_string("remap: ");
    put_string(what);
    put_char(' ');
    put_hex(detail, 16);
    put_char('\n');
    finish(code);
}

uint64_t trap(uint64_t cause, uint64_t pc, uint64_t value)
{
    if (cause == (1ul << 63 | 1)) { /* handed on by the machine timer */
        CSR_CLEAR(sip, 2);
        ticks++;
        return pc;
    }
    if (cause == (1ul << 63 | 9)) {
        uint32_t source = MMIO32(VA_PLIC + PLIC_CLAIM);
        if (source == PLIC_UART_SOURCE)
            while (MMIO8(VA_UART + UART_LSR) & UART_LSR_READY)
                typed = MMIO8(VA_UART + UART_RBR);
        if (source)
            MMIO32(VA_PLIC + PLIC_CLAIM) = source;
        return pc;
    }
    if (fault_cause == 1 && (cause == 5 || cause == 7)) {
        fault_cause = cause;
        fault_address = value;
        return pc + ((*(uint16_t *)pc & 3) == 3 ? 4 : 2);
    }
    put_string("remap: trap ");
    put_hex(cause, 16);
    put_string(" at ");
    put_hex(pc, 16);
    stop(", stval", value, 2);
    return pc;
}

/* One access across two pages: the compiler itself would cut what is not aligned into bytes. */
static inline void store16(uint64_t address, uint16_t value)
{
    __asm__ volatile("sh %0, (%1)" ::"r"(value), "r"(address) : "memory");
}

static inline void store32(uint64_t address, uint32_t value)
{
    __asm__ volatile("sw %0, (%1)" ::"r"(value), "r"(address) : "memory");
}

static inline void store64(uint64_t address, uint64_t value)
{
    __asm__ volatile("sd %0, (%1)" ::"r"(value), "r"(address) : "memory");
}

static inline uint16_t load16(uint64_t address)
{
    uint64_t value;
    __asm__ volatile("lhu %0, (%1)" : "=r"(value) : "r"(address) : "memory");
    return (uint16_t)value;
}

/* ------------------------------------------------------------------------------------------------ the windows */

static uint64_t checksum;
static uint64_t crossings_held, crossings_moved;

/* Goes into the checksum that every line shows; FNV-1a over 64-bit words. */
static void mix(uint64_t value)
{
    checksum = (checksum ^ value) * 0x100000001b3u;
}

static void expect(const char *what, uint64_t seen, uint64_t wanted)
{
    mix(seen);
    if (seen == wanted)
        return;
    put_string("remap: wanted ");
    put_hex(wanted, 16);
    put_string(", ");
    stop(what, seen, 1);
}

static uint64_t signature(unsigned window, unsigned bank, unsigned page)
{
    return 0xba00000000000000u | (uint64_t)window << 32 | (uint64_t)bank << 16 | page;
}

static void select(unsigned target)
{
    MMIO32(VA_BANK0 + BANK) = target;
}

/* Turns bank1 by reading until `target` shows. */
static void turn_to(unsigned target)
{
    while (MMIO32(VA_BANK1 + CURRENT) != target)
        (void)MMIO32(VA_BANK1 + SWITCH);
}

/* Each page of each RAM bank gets a word of its own. */
static void sign_banks(void)
{
    for (unsigned bank = 0; bank < 4; bank++) {
        select(bank);
        for (unsigned page = 0; page < WINDOW_PAGES; page++)
            MMIO64(VA_WINDOW0 + page * PAGE) = signature(0, bank, page);
    }
    MMIO32(VA_BANK1 + HOME) = 0;
    for (unsigned bank = 0; bank < 4; bank++) {
        expect("bank1 returned", MMIO32(VA_BANK1 + CURRENT), bank);
        for (unsigned page = 0; page < WINDOW_PAGES; page++)
            MMIO64(VA_WINDOW1 + page * PAGE) = signature(1, bank, page);
        (void)MMIO32(VA_BANK1 + SWITCH);
    }
}

/* Fills the TLB beyond what it keeps without growing, so that a re-map's flush resizes it in the same access. */
static uint64_t sweep(uint64_t round)
{
    uint64_t sum = 0;
    for (unsigned page = 0; page < SWEEP_PAGES; page++) {
        volatile uint64_t *word = (volatile uint64_t *)(VA_SWEEP + (uint64_t)page * PAGE + (page & 511) * 8);
        sum += *word;
        *word = round * SWEEP_PAGES + page;
    }
    return sum;
}

/* Plain stores of every width that re-map window0. */
static void turn_by_stores(void)
{
    for (unsigned bank = 0; bank < 4; bank++) {
        switch (bank) {
        case 0: MMIO8(VA_BANK0 + BANK) = 0; break;
        case 1: MMIO16(VA_BANK0 + BANK) = 1; break;
        case 2: MMIO32(VA_BANK0 + BANK) = 2; break;
        default: MMIO64(VA_BANK0 + BANK) = 3; break; /* STATUS gets the upper half: nothing to clear */
        }
        expect("store: window0", MMIO64(VA_WINDOW0 + bank * PAGE), signature(0, bank, bank));
    }
    MMIO32(VA_BANK0 + ROTATE) = 1;
    expect("rotate: status", MMIO32(VA_BANK0 + STATUS) & 0xfff, 0x100 | TARGET_LATCH);
}

/* Reads that re-map window1, from a register and from the last byte of the page on into the next page. */
static void turn_by_reads(void)
{
    turn_to(0);
    for (unsigned bank = 0; bank < 4; bank++) {
        expect("read: window1", MMIO64(VA_WINDOW1 + 5 * PAGE), signature(1, bank, 5));
        expect("read: target", MMIO32(VA_BANK1 + SWITCH), bank);
    }
    (void)MMIO32(VA_BANK1 + SWITCH); /* away from the latch, to bank 0 */
    *(volatile uint8_t *)VA_PLAIN1 = 0x5a;
    expect("read across: bank1 and RAM", load16(VA_BANK1 + SWITCH_LAST), 0x5a00);
    expect("read across: bank1 now", MMIO32(VA_BANK1 + CURRENT), 1);
}

/* Stores whose parts fall into two pages, one or both of them devices. */
static void turn_across_pages(uint64_t round)
{
    /* RAM | bank0: the upper half selects bank 2 */
    store32(VA_PLAIN0 + PAGE - 2, 0x00020000u | (round & 0xffff));
    expect("RAM | bank0: RAM", *(volatile uint16_t *)(VA_PLAIN0 + PAGE - 2), round & 0xffff);
    expect("RAM | bank0: window0", MMIO64(VA_WINDOW0 + 3 * PAGE), signature(0, 2, 3));

    /* bank0 | latch0: the first byte selects bank 1, the rest goes to latch0's DATA[0] */
    MMIO64(VA_LATCH0) = 0;
    store32(VA_BANK0 + BANK_LAST, (uint32_t)(round << 8) | 1);
    expect("bank0 | latch0: latch0", MMIO64(VA_LATCH0), round & 0xffffff);
    expect("bank0 | latch0: window0", MMIO64(VA_WINDOW0 + 4 * PAGE), signature(0, 1, 4));

    /* window0 | bank0: the window's last byte, in bank 1, and then bank 3 */
    volatile uint8_t *last = (volatile uint8_t *)(VA_WINDOW0 + WINDOW_PAGES * PAGE - 1);
    store16((uint64_t)last, (uint16_t)(0x0300 | (round & 0xff)));
    expect("window0 | bank0: window0", MMIO64(VA_WINDOW0 + 6 * PAGE), signature(0, 3, 6));
    select(1);
    expect("window0 | bank0: bank 1", *last, round & 0xff);

    /* bank0 | window0: selects bank 2 and writes to the window; which bank gets the byte is up to the machine's rules */
    select(1);
    MMIO8(VA_WINDOW0) = 0;
    select(2);
    MMIO8(VA_WINDOW0) = 0;
    select(1);
    store16(VA_BANK0_AFTER_WINDOW + BANK_LAST, 0xab02);
    expect("bank0 | window0: bank", MMIO32(VA_BANK0 + BANK), 2);
    uint8_t moved = MMIO8(VA_WINDOW0);
    select(1);
    uint8_t held = MMIO8(VA_WINDOW0);
    expect("bank0 | window0: one of two", (moved == 0xab) + (held == 0xab), 1);
    crossings_held += held == 0xab;
    crossings_moved += moved == 0xab;
    MMIO8(VA_WINDOW0) = (uint8_t)signature(0, 1, 0);
    select(2);
    MMIO8(VA_WINDOW0) = (uint8_t)signature(0, 2, 0);
}

/* Atomics: in the window on RAM and on the latch, and on the register that re-maps. */
static void turn_by_atomics(uint64_t round)
{
    volatile uint32_t *word = (volatile uint32_t *)(VA_WINDOW0 + 7 * PAGE + 64);
    volatile uint64_t *latch = (volatile uint64_t *)(VA_WINDOW0 + 8 * PAGE + 8);
    uint32_t before, after;
    select(3);
    before = *word;
    __asm__ volatile("amoadd.w %0, %2, (%1)" : "=r"(after) : "r"(word), "r"(round) : "memory");
    expect("amo in window0: old", after, before);
    expect("amo in window0: new", *word, before + (uint32_t)round);

    select(TARGET_LATCH);
    *latch = round;
    uint64_t old;
    __asm__ volatile("amoxor.d %0, %2, (%1)" : "=r"(old) : "r"(latch), "r"(~0ul) : "memory");
    expect("amo on latch: old", old, round);
    expect("amo on latch: new", MMIO64(VA_LATCH0 + 8), ~round);

    __asm__ volatile("amoswap.w %0, %2, (%1)" : "=r"(after) : "r"(VA_BANK0 + BANK), "r"(1) : "memory");
    expect("amo on bank0: old", after, TARGET_LATCH);
    expect("amo on bank0: window0", MMIO64(VA_WINDOW0 + 9 * PAGE), signature(0, 1, 9));

    /* lr and sc in the window */
    uint32_t failed;
    do {
        __asm__ volatile("lr.w %0, (%2)\n\taddiw %0, %0, 1\n\tsc.w %1, %0, (%2)"
                         : "=&r"(after), "=&r"(failed) : "r"(word) : "memory");
    } while (failed);
    mix(after);
}

/* Targets that are not RAM: each page or every other page a device, read-only memory, and nothing at all. */
static void look_at_others(uint64_t round)
{
    select(TARGET_MIXED);
    MMIO64(VA_LATCH0 + 0) = round;
    MMIO64(VA_LATCH0 + 8) = 0;
    expect("mixed: RAM page", MMIO64(VA_WINDOW0 + 2 * PAGE), signature(0, 0, 2));
    expect("mixed: latch page", MMIO64(VA_WINDOW0 + 3 * PAGE), round);
    /* a store across the two: four bytes to bank 0, four to the latch */
    MMIO32(VA_WINDOW0 + 3 * PAGE - 4) = 0;
    store64(VA_WINDOW0 + 3 * PAGE - 4, 0x1122334455667788u);
    expect("mixed: low half", MMIO32(VA_WINDOW0 + 3 * PAGE - 4), 0x55667788);
    expect("mixed: high half", MMIO32(VA_LATCH0), 0x11223344);

    select(TARGET_ROM);
    expect("rom", MMIO32(VA_WINDOW0 + 0x124), 0xb0000124);
    MMIO32(VA_WINDOW0 + 0x124) = 1;
    expect("rom, written", MMIO32(VA_WINDOW0 + 0x124), 0xb0000124);

    select(TARGET_NONE);
    fault_cause = 1;
    (void)MMIO32(VA_WINDOW0 + 0x40);
    expect("nothing: cause", fault_cause, 5);
    expect("nothing: address", fault_address, VA_WINDOW0 + 0x40);
    fault_cause = 1;
    MMIO32(VA_WINDOW0 + 0x44) = 1;
    expect("nothing: store cause", fault_cause, 7);
    fault_cause = 0;
    select(0);
}

/* --------------------------------------------------------------------------------------------- honest computing */

static uint8_t buffer[4096] __attribute__((aligned(8)));
static uint32_t numbers[512];

static void sort(uint32_t *values, unsigned count)
{
    for (unsigned gap = count / 2; gap; gap /= 2)
        for (unsigned i = gap; i < count; i++) {
            uint32_t value = values[i];
            unsigned j = i;
            for (; j >= gap && values[j - gap] > value; j -= gap)
                values[j] = values[j - gap];
            values[j] = value;
        }
}

/* The square root of `value` by Newton's method, and a walk of the logistic map from it: every bit counts. */
static double chaos(double value)
{
    double root = value;
    for (int i = 0; i < 8; i++)
        root = 0.5 * (root + value / root);
    double x = 1.0 / (1.0 + root);
    for (int i = 0; i < 200; i++)
        x = 3.9 * x * (1.0 - x);
    return x;
}

static void put_fraction(double value)
{
    put_string("0.");
    for (int i = 0; i < 6; i++) {
        value *= 10;
        int digit = (int)value;
        put_char((char)('0' + digit));
        value -= digit;
    }
}

void main(void)
{
    uart_base = VA_UART;
    finisher_base = VA_TEST;
    MMIO8(VA_UART + UART_FCR) = 1;
    MMIO8(VA_UART + UART_LCR) = 3; /* 8 bits */
    MMIO8(VA_UART + UART_IER) = 1; /* tell when something was typed */
    MMIO32(VA_PLIC + 4 * PLIC_UART_SOURCE) = 1;
    MMIO32(VA_PLIC + PLIC_ENABLE) = 1u << PLIC_UART_SOURCE;
    MMIO32(VA_PLIC + PLIC_THRESHOLD) = 0;

    put_string("remap: S-mode, Sv39; window0 at ");
    put_hex(MMIO64(VA_BANK0 + WINDOW_BASE), 8);
    put_string(", window1 at ");
    put_hex(MMIO64(VA_BANK1 + WINDOW_BASE), 8);
    put_string(", ");
    put_decimal(MMIO32(VA_BANK0 + COUNT));
    put_string(" targets each\n");

    sign_banks();
    uint64_t random = 1;
    uint64_t limit = iterations;
    for (uint64_t round = 1; limit == 0 || round <= limit; round++) {
        uint64_t until = ticks + 10;
        checksum = 0xcbf29ce484222325u;

        mix(sweep(round));
        turn_by_stores();
        turn_by_reads();
        turn_across_pages(round);
        turn_by_atomics(round);
        look_at_others(round);

        for (unsigned i = 0; i < sizeof buffer; i++)
            buffer[i] = (uint8_t)next_random(&random);
        uint32_t digest[8];
        sha256(buffer, sizeof buffer, digest);
        uint32_t crc = crc32(0, buffer, 1024);
        for (unsigned i = 0; i < 512; i++)
            numbers[i] = (uint32_t)next_random(&random);
        sort(numbers, 512);
        for (unsigned i = 1; i < 512; i++)
            if (numbers[i - 1] > numbers[i])
                stop("not sorted at", i, 1);
        union {
            double value;
            uint64_t bits;
        } fraction = {.value = chaos((double)round + numbers[0] * 0x1p-32)};
        for (int i = 0; i < 8; i++)
            mix(digest[i]);
        mix(crc);
        mix(numbers[255]);
        mix(fraction.bits);

        put_string("remap #");
        put_decimal(round);
        put_string(" ticks ");
        put_decimal(ticks);
        put_string(" switches ");
        put_decimal(MMIO32(VA_BANK0 + SWITCHES));
        put_char('+');
        put_decimal(MMIO32(VA_BANK1 + SWITCHES));
        put_string(" sha256 ");
        put_hex(digest[0], 8);
        put_string(" crc32 ");
        put_hex(crc, 8);
        put_string(" median ");
        put_hex(numbers[255], 8);
        put_string(" chaos ");
        put_fraction(fraction.value);
        put_string(" checksum ");
        put_hex(checksum, 16);
        put_char('\n');
        if (typed) {
            put_string("remap: you typed '");
            put_char((char)typed);
            put_string("'\n");
            typed = 0;
        }
        while ((int64_t)(until - ticks) > 0 && round != limit)
            __asm__ volatile("wfi");
    }
    put_string("remap: halves that followed a re-map in the same access: held ");
    put_decimal(crossings_held);
    put_string(", moved ");
    put_decimal(crossings_moved);
    put_string("\nDONE\n");
    finish(0);
}
