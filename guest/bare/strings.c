/* String handling as libraries do it: lengths, copies at every alignment, comparisons, searches, words of a text. */
#include "../lib/guest.h"

#define ITERATIONS 1350
#define CHECK 0x642096a5b7ee7dafu /* after ITERATIONS */
volatile uint64_t iterations __attribute__((section(".data"))) = ITERATIONS;

#define TEXT 65536
static char text[TEXT + 64], copy[TEXT + 64];
static uint32_t counts[1024];

__attribute__((noinline)) static size_t length(const char *s)
{
    const char *start = s;
    while (*s)
        s++;
    return (size_t)(s - start);
}

__attribute__((noinline)) static int compare(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (uint8_t)*a - (uint8_t)*b;
}

/* Eight bytes at a time wherever the pointers stand; misaligned accesses are the machine's business. */
__attribute__((noinline)) static void copy_words(char *to, const char *from, size_t size)
{
    struct __attribute__((packed)) loose {
        uint64_t word;
    };
    for (; size >= 8; size -= 8, to += 8, from += 8) {
        uint64_t word;
        __asm__ volatile("ld %0, 0(%1)" : "=r"(word) : "r"(from) : "memory");
        __asm__ volatile("sd %0, 0(%1)" ::"r"(word), "r"(to) : "memory");
    }
    while (size--)
        *to++ = *from++;
}

__attribute__((noinline)) static const char *find(const char *s, const char *word, size_t size)
{
    for (; *s; s++) {
        size_t i = 0;
        while (i < size && s[i] == word[i])
            i++;
        if (i == size)
            return s;
    }
    return 0;
}

static uint64_t count_words(const char *s)
{
    uint64_t words = 0;
    memset(counts, 0, sizeof counts);
    while (*s) {
        uint32_t hash = 5381;
        while (*s && *s != ' ')
            hash = hash * 33 + (uint8_t)*s++;
        counts[hash & 1023]++;
        words++;
        if (*s)
            s++;
    }
    return words + counts[17];
}

void main(void)
{
    uint64_t random = 5, sum = 0;
    for (size_t i = 0; i < TEXT - 1; i++) {
        uint32_t letter = (uint32_t)(next_random(&random) % 32);
        text[i] = letter < 26 ? (char)('a' + letter) : ' ';
    }
    begin("strings");
    for (uint64_t i = 0; i < iterations; i++) {
        sum = sum * 31 + length(text);
        copy_words(copy + (i & 7), text + (i >> 3 & 7), TEXT - 64);
        copy[TEXT - 64 + (i & 7)] = 0;
        sum = sum * 31 + (uint64_t)compare(copy + (i & 7), text + (i >> 3 & 7));
        sum = sum * 31 + (uint64_t)(find(text, "zebra", 5) != 0);
        sum = sum * 31 + count_words(text);
        memset(copy, (int)i, TEXT);
        memcpy(copy, text, TEXT);
        text[i * 37 % (TEXT - 1)] = (char)('a' + i % 26);
    }
    report("strings", sum, iterations == ITERATIONS ? CHECK : 0);
}
