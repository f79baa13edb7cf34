/*
 * A plugin in the manner of QEMU's own, for its interface of version 1: compiled natively it runs in QEMU 7.2, compiled by
 * the SDK in Emuscope, and both have to print the same. It uses what such plugins use: counters given to the emulator as
 * pointers, hash tables walked as they come, sorting that never says "equal", %ld for 64 bits.
 */
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qemu-plugin.h>

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

typedef struct {
    uint64_t vaddr;
    uint64_t runs;
    unsigned long instructions;
    char *text; /* of its last instruction */
} Block;

typedef struct {
    char *mnemonic;
    uint64_t runs;
} Kind;

static GMutex lock;
static GHashTable *blocks; /* by address and length */
static GHashTable *kinds; /* by mnemonic */
static GHashTable *pages; /* by page of memory; value: accesses */
static uint64_t instructions, loads, stores, by_size[4], sign_extended, device_accesses, harts_seen;
static bool by_inline, brief;
static guint64 limit = 12;

static guint block_hash(gconstpointer key)
{
    const Block *block = key;
    return block->vaddr ^ block->instructions;
}

static gboolean block_equal(gconstpointer a, gconstpointer b)
{
    const Block *x = a, *y = b;
    return x->vaddr == y->vaddr && x->instructions == y->instructions;
}

static gint by_runs(gconstpointer a, gconstpointer b)
{
    return ((const Block *)a)->runs > ((const Block *)b)->runs ? -1 : 1;
}

static void on_init(qemu_plugin_id_t id, unsigned int hart)
{
    harts_seen |= 1ull << hart;
}

static void on_block(unsigned int hart, void *data)
{
    ((Block *)data)->runs++;
}

static void on_kind(unsigned int hart, void *data)
{
    ((Kind *)data)->runs++;
}

static void on_access(unsigned int hart, qemu_plugin_meminfo_t info, uint64_t vaddr, void *data)
{
    struct qemu_plugin_hwaddr *hwaddr = qemu_plugin_get_hwaddr(info, vaddr);
    uint64_t page = qemu_plugin_hwaddr_phys_addr(hwaddr) >> 12;

    if (qemu_plugin_hwaddr_is_io(hwaddr)) {
        /* all but what powers the machine off: QEMU ends in the middle of it */
        device_accesses += page != 0x100;
        return;
    }
    if (page < 0x80000) {
        return; /* QEMU 7.2 is wrong about addresses in ROM */
    }
    by_size[qemu_plugin_mem_size_shift(info)]++;
    sign_extended += qemu_plugin_mem_is_sign_extended(info);
    *(qemu_plugin_mem_is_store(info) ? &stores : &loads) += 1;
    g_hash_table_insert(pages, GSIZE_TO_POINTER(page),
                        GSIZE_TO_POINTER(GPOINTER_TO_SIZE(g_hash_table_lookup(pages, GSIZE_TO_POINTER(page))) + 1));
}

/* What stands behind the bytes that QEMU's disassembly begins with. */
static char *mnemonic_of(struct qemu_plugin_insn *insn)
{
    g_autofree char *text = qemu_plugin_insn_disas(insn);
    g_auto(GStrv) words = g_strsplit_set(text, " \t", -1);
    for (char **word = words + 1; *word; word++) {
        if (**word) {
            return g_strdup(*word);
        }
    }
    return g_strdup(words[0]);
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    Block key = {.vaddr = qemu_plugin_tb_vaddr(tb), .instructions = qemu_plugin_tb_n_insns(tb)};
    Block *block;

    g_mutex_lock(&lock);
    block = g_hash_table_lookup(blocks, &key);
    if (!block) {
        block = g_memdup(&key, sizeof key);
        block->text = qemu_plugin_insn_disas(qemu_plugin_tb_get_insn(tb, key.instructions - 1));
        g_hash_table_insert(blocks, block, block);
    }
    g_mutex_unlock(&lock);
    if (by_inline) {
        qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &block->runs, 1);
    } else {
        qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS, block);
    }
    for (size_t i = 0; i < key.instructions; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        char *mnemonic = mnemonic_of(insn);
        Kind *kind = g_hash_table_lookup(kinds, mnemonic);
        if (kind) {
            g_free(mnemonic);
        } else {
            kind = g_new0(Kind, 1);
            kind->mnemonic = mnemonic;
            g_hash_table_insert(kinds, mnemonic, kind);
        }
        qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &instructions, 1);
        if (by_inline) {
            qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &kind->runs, 1);
        } else {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_kind, QEMU_PLUGIN_CB_NO_REGS, kind);
        }
        qemu_plugin_register_vcpu_mem_cb(insn, on_access, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, NULL);
    }
}

static void print_page(gpointer key, gpointer value, gpointer report)
{
    g_string_append_printf(report, "page 0x%zx: %zu\n", GPOINTER_TO_SIZE(key), GPOINTER_TO_SIZE(value));
}

static void on_end(qemu_plugin_id_t id, void *data)
{
    g_autoptr(GString) report = g_string_new("");
    GList *sorted = g_list_sort(g_hash_table_get_values(blocks), by_runs);
    GHashTableIter iter;
    gpointer value;
    int i = 0;

    g_string_append_printf(report, "harts %lx, instructions %ld, loads %ld, stores %ld, devices %ld\n", harts_seen,
                           instructions, loads, stores, device_accesses);
    g_string_append_printf(report, "sizes %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 ", sign-extended %" PRIu64 "\n",
                           by_size[0], by_size[1], by_size[2], by_size[3], sign_extended);
    g_string_append_printf(report, "%d blocks\n", g_hash_table_size(blocks));
    for (GList *link = sorted; link && i < limit; link = link->next, i++) {
        const Block *block = link->data;
        g_string_append_printf(report, "0x%016" PRIx64 " %4ld %10ld %8.4f%% ends with %s\n", block->vaddr,
                               block->instructions, block->runs, 100.0 * block->runs / instructions, block->text);
    }
    g_list_free(sorted);
    if (!brief) {
        g_hash_table_iter_init(&iter, kinds);
        while (g_hash_table_iter_next(&iter, NULL, &value)) {
            const Kind *kind = value;
            g_string_append_printf(report, "%-10s %lu\n", kind->mnemonic, kind->runs);
        }
        g_hash_table_foreach(pages, print_page, report);
    }
    qemu_plugin_outs(report->str);
    g_hash_table_destroy(blocks);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        g_auto(GStrv) tokens = g_strsplit(argv[i], "=", 2);
        if (g_strcmp0(tokens[0], "inline") == 0) {
            if (!qemu_plugin_bool_parse(tokens[0], tokens[1], &by_inline)) {
                return -1;
            }
        } else if (g_strcmp0(tokens[0], "limit") == 0) {
            limit = strtoul(tokens[1], NULL, 0);
        } else if (g_strcmp0(tokens[0], "brief") == 0) {
            if (!qemu_plugin_bool_parse(tokens[0], tokens[1], &brief)) {
                return -1;
            }
        } else {
            fprintf(stderr, "what is %s?\n", argv[i]);
            return -1;
        }
    }
    blocks = g_hash_table_new_full(block_hash, block_equal, NULL, g_free);
    kinds = g_hash_table_new(g_str_hash, g_str_equal);
    pages = g_hash_table_new(NULL, NULL);
    qemu_plugin_register_vcpu_init_cb(id, on_init);
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, on_end, NULL);
    return 0;
}
