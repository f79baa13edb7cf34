/*
 * What QEMU sees of a guest with one hart, for comparison with Emuscope's plugins: counts of blocks, instructions and
 * accesses, and lines in the form of QEMU's execlog. Code below BASE (the board's boot ROM) is left out, and everything
 * behind the store that powers the board off, for QEMU's main loop takes its time to stop the hart.
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

static void on_block(unsigned int vcpu, void *userdata)
{
    struct record *block = userdata;
    (void)vcpu;
    if (done)
        return;
    entered++;
    block_instructions += block->subkey;
    block->count++;
}

static void on_instruction(unsigned int vcpu, void *userdata)
{
    struct record *place = userdata;
    if (done)
        return;
    instructions++;
    find(&opcodes, place->subkey, 0)->count++;
    end_line();
    if (log_left) {
        log_left--;
        append("%u, %s", vcpu, place->text);
    }
}

static void on_access(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *userdata)
{
    bool store = qemu_plugin_mem_is_store(info);
    struct qemu_plugin_hwaddr *hwaddr = qemu_plugin_get_hwaddr(info, vaddr);
    uint64_t paddr;
    (void)vcpu;
    (void)userdata;
    if (done || !hwaddr)
        return;
    paddr = qemu_plugin_hwaddr_phys_addr(hwaddr);
    *(store ? &writes : &reads) += 1;
    if (qemu_plugin_hwaddr_is_io(hwaddr))
        *(store ? &io_writes : &io_reads) += 1;
    if (do_counts) {
        struct record *page = find(&pages, paddr >> 12, 0);
        *(store ? &page->writes : &page->count) += 1;
    }
    if (line_length)
        append(", %s, 0x%08llx, %s", store ? "store" : "load", (unsigned long long)paddr,
               qemu_plugin_hwaddr_device_name(hwaddr));
    if (store && paddr == FINISHER) {
        end_line();
        done = true;
    }
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
    if (do_counts || log_left)
        qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS,
                                             find(&blocks, qemu_plugin_tb_vaddr(tb), count));
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
        qemu_plugin_register_vcpu_mem_cb(insn, on_access, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, NULL);
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
