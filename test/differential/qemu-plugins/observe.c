/*
 * What QEMU sees of a guest with one hart, for comparison with Emuscope's plugins: counts of blocks, instructions and
 * accesses, and lines in the form of QEMU's execlog. Code below BASE (the board's boot ROM) is left out, and everything from
 * the store on that powers the board off: depending on its version QEMU ends in it, or takes its time to stop the hart.
 *
 * Arguments: out=FILE   where lines go (required)
 *            disas=on   at translation, a line for each instruction: `vaddr bits text`
 *            log=N      for the first N instructions that begin, a line each
 *            counts=on  at exit: lines `blocks entered instructions`, `instructions n`, `memory reads writes`,
 *                       `io reads writes`, `block pc instructions entered`, `page paddr reads writes`, `opcode bits n`
 */
#include "../../../bench/qemu-plugin/qemu-plugin-api.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The rest of interface version 1 that this plugin uses. */
typedef void (*qemu_plugin_vcpu_udata_cb_t)(unsigned int vcpu_index, void *userdata);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
char *qemu_plugin_insn_disas(const struct qemu_plugin_insn *insn);
const char *qemu_plugin_hwaddr_device_name(const struct qemu_plugin_hwaddr *hwaddr);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, qemu_plugin_vcpu_udata_cb_t cb,
                                          enum qemu_plugin_cb_flags flags, void *userdata);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, qemu_plugin_vcpu_udata_cb_t cb,
                                            enum qemu_plugin_cb_flags flags, void *userdata);

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

#define BASE 0x80000000
#define FINISHER 0x100000

static FILE *out;
static bool do_disas, do_counts, done;
static unsigned long log_left;

/* Records by a key of two numbers, chained; never removed, so that pointers stay. */
struct record {
    struct record *next;
    uint64_t key, subkey;
    uint64_t count, writes;
    /* of blocks: where the next instruction lies, and whether the block is a compressed one alone at the end of a page */
    uint64_t end;
    bool alone;
    char *text;
};

#define BUCKETS 65536

struct table {
    struct record *buckets[BUCKETS];
};

static struct table blocks, pages, opcodes, places;
static uint64_t entered, block_instructions, instructions, reads, writes, io_reads, io_writes;

static struct record *find(struct table *table, uint64_t key, uint64_t subkey)
{
    struct record **bucket = &table->buckets[((key >> 1) ^ (key >> 13) ^ subkey) % BUCKETS];
    struct record *record = *bucket;
    while (record && (record->key != key || record->subkey != subkey))
        record = record->next;
    if (!record) {
        record = calloc(1, sizeof *record);
        record->key = key;
        record->subkey = subkey;
        record->next = *bucket;
        *bucket = record;
    }
    return record;
}

static char line[512];
static size_t line_length;

static void append(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    line_length += (size_t)vsnprintf(line + line_length, sizeof line - line_length, format, arguments);
    va_end(arguments);
}

static void end_line(void)
{
    if (line_length)
        fprintf(out, "%s\n", line);
    line_length = 0;
}

struct access {
    bool store, io;
    uint64_t paddr;
    const char *device;
};

/* The read of an atomic instruction whose write has not come yet. With one hart QEMU makes atomics of a load and a store, and
 * tells of the load of one whose store traps. */
static struct access atomic_read;
static bool atomic_read_waits;

static void on_block(unsigned int vcpu, void *userdata)
{
    static struct record *last;
    struct record *block = userdata;
    (void)vcpu;
    if (done)
        return;
    block_instructions += block->subkey;
    /* QEMU before 8.0 ends a block in front of a compressed instruction at the end of a page as if it went on in the next one */
    if (block->alone && last && last->end == block->key) {
        last->count--;
        block = find(&blocks, last->key, last->subkey + 1);
    } else
        entered++;
    block->count++;
    last = block;
}

static void on_instruction(unsigned int vcpu, void *userdata)
{
    struct record *place = userdata;
    if (done)
        return;
    instructions++;
    atomic_read_waits = false;
    find(&opcodes, place->subkey, 0)->count++;
    end_line();
    if (log_left) {
        log_left--;
        append("%u, %s", vcpu, place->text);
    }
}

static bool is_store_conditional(uint64_t bits)
{
    return (bits & 0xf800007f) == 0x1800002f;
}

/* Atomics other than LR and SC. */
static bool is_atomic(uint64_t bits)
{
    return (bits & 0x7f) == 0x2f && (bits >> 28 != 1);
}

static void count_access(const struct access *access)
{
    *(access->store ? &writes : &reads) += 1;
    if (access->io)
        *(access->store ? &io_writes : &io_reads) += 1;
    if (do_counts) {
        struct record *page = find(&pages, access->paddr >> 12, 0);
        *(access->store ? &page->writes : &page->count) += 1;
    }
    if (line_length)
        append(", %s, 0x%08llx, %s", access->store ? "store" : "load", (unsigned long long)access->paddr, access->device);
}

static void on_access(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *userdata)
{
    const struct record *place = userdata;
    struct qemu_plugin_hwaddr *hwaddr = qemu_plugin_get_hwaddr(info, vaddr);
    struct access access;
    (void)vcpu;
    if (done || !hwaddr)
        return;
    access.store = qemu_plugin_mem_is_store(info);
    access.io = qemu_plugin_hwaddr_is_io(hwaddr);
    access.paddr = qemu_plugin_hwaddr_phys_addr(hwaddr);
    access.device = qemu_plugin_hwaddr_device_name(hwaddr);
    /* QEMU makes a store-conditional of a compare-and-exchange, and tells of its read: an artefact */
    if (!access.store && is_store_conditional(place->subkey))
        return;
    if (access.store && access.paddr == FINISHER) {
        end_line();
        done = true;
        return;
    }
    if (!access.store && is_atomic(place->subkey)) {
        atomic_read = access;
        atomic_read_waits = true;
        return;
    }
    if (atomic_read_waits)
        count_access(&atomic_read);
    atomic_read_waits = false;
    count_access(&access);
}

static uint32_t bits_of(const struct qemu_plugin_insn *insn)
{
    uint32_t bits = 0;
    memcpy(&bits, qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn));
    return bits;
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t count = qemu_plugin_tb_n_insns(tb);
    (void)id;
    if (qemu_plugin_tb_vaddr(tb) < BASE)
        return;
    if (do_counts || log_left) {
        struct record *block = find(&blocks, qemu_plugin_tb_vaddr(tb), count);
        struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, count - 1);
        block->end = qemu_plugin_insn_vaddr(last) + qemu_plugin_insn_size(last);
        block->alone = count == 1 && qemu_plugin_insn_size(last) == 2 && (block->end & 4095) == 0;
        qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS, block);
    }
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t vaddr = qemu_plugin_insn_vaddr(insn);
        struct record *place = find(&places, vaddr, bits_of(insn));
        if (!place->text) {
            char text[256], *disassembly = qemu_plugin_insn_disas(insn);
            snprintf(text, sizeof text, "0x%llx, 0x%x, \"%s\"", (unsigned long long)vaddr, bits_of(insn), disassembly);
            place->text = strdup(text);
            if (do_disas)
                fprintf(out, "%llx %x %s\n", (unsigned long long)vaddr, bits_of(insn), disassembly);
            free(disassembly);
        }
        if (!do_counts && !log_left)
            continue;
        qemu_plugin_register_vcpu_insn_exec_cb(insn, on_instruction, QEMU_PLUGIN_CB_NO_REGS, place);
        qemu_plugin_register_vcpu_mem_cb(insn, on_access, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, place);
    }
}

static void print(const struct table *table, const char *format)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct record *record = table->buckets[i]; record; record = record->next)
            fprintf(out, format, (unsigned long long)record->key, (unsigned long long)record->subkey,
                    (unsigned long long)record->count, (unsigned long long)record->writes);
}

static void on_exit_report(qemu_plugin_id_t id, void *userdata)
{
    (void)id;
    (void)userdata;
    end_line();
    if (do_counts) {
        fprintf(out, "blocks %llu %llu\n", (unsigned long long)entered, (unsigned long long)block_instructions);
        fprintf(out, "instructions %llu\n", (unsigned long long)instructions);
        fprintf(out, "memory %llu %llu\n", (unsigned long long)reads, (unsigned long long)writes);
        fprintf(out, "io %llu %llu\n", (unsigned long long)io_reads, (unsigned long long)io_writes);
        print(&blocks, "block 0x%llx %llu %llu\n");
        print(&pages, "page 0x%1$llx000 %3$llu %4$llu\n");
        print(&opcodes, "opcode 0x%1$llx %3$llu\n");
    }
    fclose(out);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv);

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "out=", 4) == 0)
            out = fopen(argv[i] + 4, "w");
        else if (strcmp(argv[i], "disas=on") == 0)
            do_disas = true;
        else if (strncmp(argv[i], "log=", 4) == 0)
            log_left = strtoul(argv[i] + 4, NULL, 10);
        else if (strcmp(argv[i], "counts=on") == 0)
            do_counts = true;
        else {
            fprintf(stderr, "observe: unknown argument %s\n", argv[i]);
            return 1;
        }
    }
    if (!out) {
        fprintf(stderr, "observe: out=FILE is missing or cannot be written\n");
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    qemu_plugin_register_atexit_cb(id, on_exit_report, NULL);
    return 0;
}
