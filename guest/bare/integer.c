/* Integer work: a table-driven checksum, a sieve, records copied and compared, a little 64-bit arithmetic. */
#include "../lib/guest.h"

#define ITERATIONS 570
#define CHECK 0x35280eb299e343ecu /* after ITERATIONS */
volatile uint64_t iterations __attribute__((section(".data"))) = ITERATIONS;

static uint32_t crc_table[256];
static uint8_t sieve[65536];

static void make_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++)
            c = (c >> 1) ^ (0xedb88320u & -(c & 1));
        crc_table[i] = c;
    }
}

static uint32_t table_crc(uint32_t crc, const uint8_t *data, size_t size)
{
    crc = ~crc;
    while (size--)
        crc = crc_table[(crc ^ *data++) & 0xff] ^ (crc >> 8);
    return ~crc;
}

static uint32_t count_primes(void)
{
    uint32_t count = 0;
    memset(sieve, 1, sizeof sieve);
    for (uint32_t i = 2; i < sizeof sieve; i++) {
        if (!sieve[i])
            continue;
        count++;
        for (uint32_t j = 2 * i; j < sizeof sieve; j += i)
            sieve[j] = 0;
    }
    return count;
}

struct record {
    struct record *next;
    uint32_t kind;
    int32_t number;
    char name[16];
};
static struct record records[64];

/* What business programs do all day: follow, compare, decide, copy. */
__attribute__((noinline)) static uint64_t shuffle_records(uint64_t seed)
{
    uint64_t sum = 0;
    for (int i = 0; i < 64; i++) {
        records[i].next = &records[(i * 29 + 7) & 63];
        records[i].kind = (uint32_t)(seed >> (i & 31)) & 7;
        records[i].number = (int32_t)(seed * (uint64_t)(i + 1) >> 7);
        for (int j = 0; j < 16; j++)
            records[i].name[j] = (char)('a' + (seed + (uint64_t)(i * j)) % 26);
    }
    struct record *record = records;
    for (int step = 0; step < 2000; step++) {
        switch (record->kind) {
        case 0: sum += (uint64_t)record->number; break;
        case 1: sum ^= (uint64_t)record->name[step & 15]; break;
        case 2: record->number /= 3; break;
        case 3: record->kind = (record->kind + (uint32_t)step) & 7; break;
        case 4: sum = (sum << 3) | (sum >> 61); break;
        case 5: record->number = -record->number; break;
        case 6: *record->next = (struct record){record->next->next, 5, record->number, "copied"}; break;
        default: sum += sum % 1000003; break;
        }
        record = record->next;
    }
    return sum;
}

void main(void)
{
    uint64_t sum = 0;
    make_table();
    begin("integer");
    for (uint64_t i = 0; i < iterations; i++) {
        sum = sum * 31 + count_primes();
        sum = sum * 31 + table_crc((uint32_t)i, sieve, sizeof sieve);
        for (int j = 0; j < 10; j++)
            sum = sum * 31 + shuffle_records(sum + 12345);
    }
    report("integer", sum, iterations == ITERATIONS ? CHECK : 0);
}
