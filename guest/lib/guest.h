/* What the guest programs share: types, device access, console output and a few algorithms. No C library. */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CSR_READ(name) ({ uint64_t value_; __asm__ volatile("csrr %0, " #name : "=r"(value_)); value_; })
#define CSR_WRITE(name, value) __asm__ volatile("csrw " #name ", %0" ::"rK"((uint64_t)(value)) : "memory")
#define CSR_SET(name, bits) __asm__ volatile("csrs " #name ", %0" ::"rK"((uint64_t)(bits)) : "memory")
#define CSR_CLEAR(name, bits) __asm__ volatile("csrc " #name ", %0" ::"rK"((uint64_t)(bits)) : "memory")

#define MMIO8(address) (*(volatile uint8_t *)(address))
#define MMIO16(address) (*(volatile uint16_t *)(address))
#define MMIO32(address) (*(volatile uint32_t *)(address))
#define MMIO64(address) (*(volatile uint64_t *)(address))

/* Where the console and the test finisher are now; programs with paging move them. */
extern uintptr_t uart_base;
extern uintptr_t finisher_base;

/* NS16550A registers, byte offsets. */
#define UART_RBR 0 /* receive */
#define UART_THR 0 /* transmit */
#define UART_IER 1
#define UART_FCR 2
#define UART_LCR 3
#define UART_LSR 5
#define UART_LSR_READY 0x01
#define UART_LSR_EMPTY 0x20

void put_char(char c);
void put_string(const char *text);
void put_hex(uint64_t value, int digits);
void put_decimal(uint64_t value);

/* Ends the machine: power off for 0, else an exit code. */
__attribute__((noreturn)) void finish(uint32_t code);

/* Marks where a benchmark's time begins; report() prints where it ends. */
static inline void begin(const char *name)
{
    put_string("BENCH-BEGIN ");
    put_string(name);
    put_char('\n');
}

/* Prints name and whether the value is the wanted one, and ends the machine. `wanted` 0: print the value only. */
__attribute__((noreturn)) void report(const char *name, uint64_t value, uint64_t wanted);

uint32_t crc32(uint32_t crc, const void *data, size_t size);
void sha256(const void *data, size_t size, uint32_t digest[8]);

/* A step of a 64-bit congruential generator (Knuth's MMIX constants). */
static inline uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* The compiler may call these even in freestanding code. */
void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);

#endif
