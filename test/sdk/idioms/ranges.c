/*
 * What each 256 bytes of code did, in the style of the interface's newer versions: a scoreboard for each range, inline
 * operations, a conditional callback that samples registers, a GTree searched by range.
 */
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <qemu-plugin.h>
QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;
typedef struct { uint64_t execs, loads, stores; } Count;
typedef struct { uint64_t start, end; struct qemu_plugin_scoreboard *score; guint n; const char *name; } Range;
static GTree *ranges;
static GSList *order;
static GHashTable *seen;
static struct qemu_plugin_scoreboard *sb;
static qemu_plugin_u64 insns, quota;
static GArray *regs;
static GByteArray *scratch;
static struct qemu_plugin_register *sp, *pc;
static uint64_t lowest = UINT64_MAX, samples, limit = 1000, wrong_pc;
static GTimer *timer;

static gint cmp(gconstpointer a, gconstpointer b, gpointer u) { uint64_t x = *(uint64_t *)a, y = *(uint64_t *)b; return (x > y) - (x < y); }
static gint find(gconstpointer key, gconstpointer user) { uint64_t k = *(uint64_t *)key, u = *(uint64_t *)user; return u < k ? -1 : u >= k + 256 ? 1 : 0; }
static Range *range_of(uint64_t at)
{
    Range *r = g_tree_search(ranges, find, &at);
    if (!r) {
        r = g_new0(Range, 1);
        r->start = at & ~255ull; r->end = r->start + 255;
        r->score = qemu_plugin_scoreboard_new(sizeof(Count));
        g_tree_insert(ranges, g_memdup2(&r->start, sizeof r->start), r);
        order = g_slist_prepend(order, r);
    }
    return r;
}
static void sample(unsigned int cpu, void *u)
{
    qemu_plugin_u64_set(quota, cpu, 0);
    samples++;
    g_byte_array_set_size(scratch, 0);
    int n = qemu_plugin_read_register(sp, scratch);
    g_assert_cmpint(n, ==, 8);
    uint64_t v; memcpy(&v, scratch->data, sizeof v);
    v = GUINT64_FROM_LE(v);
    if (v) lowest = MIN(lowest, v);
    g_byte_array_set_size(scratch, 0);
    qemu_plugin_read_register(pc, scratch);
    memcpy(&v, scratch->data, 8);
    if (v != *(uint64_t *)u) wrong_pc++;
}
static void trans(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t n = qemu_plugin_tb_n_insns(tb);
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t at = qemu_plugin_insn_vaddr(insn);
        Range *r = range_of(at);
        r->n++;
        if (!r->name) r->name = qemu_plugin_insn_symbol(insn);
        qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_ADD_U64, qemu_plugin_scoreboard_u64_in_struct(r->score, Count, execs), 1);
        qemu_plugin_register_vcpu_mem_inline_per_vcpu(insn, QEMU_PLUGIN_MEM_R, QEMU_PLUGIN_INLINE_ADD_U64, qemu_plugin_scoreboard_u64_in_struct(r->score, Count, loads), 1);
        qemu_plugin_register_vcpu_mem_inline_per_vcpu(insn, QEMU_PLUGIN_MEM_W, QEMU_PLUGIN_INLINE_ADD_U64, qemu_plugin_scoreboard_u64_in_struct(r->score, Count, stores), 1);
        qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_ADD_U64, insns, 1);
    }
    uint64_t *start = g_new(uint64_t, 1);
    *start = qemu_plugin_tb_vaddr(tb);
    g_hash_table_add(seen, start);
    qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, quota, n);
    qemu_plugin_register_vcpu_tb_exec_cond_cb(tb, sample, QEMU_PLUGIN_CB_R_REGS, QEMU_PLUGIN_COND_GE, quota, limit, g_memdup2(start, sizeof *start));
}
static gboolean show(gpointer key, gpointer value, gpointer data)
{
    Range *r = value; GString *s = data;
    uint64_t e = qemu_plugin_u64_sum(qemu_plugin_scoreboard_u64_in_struct(r->score, Count, execs));
    uint64_t l = qemu_plugin_u64_sum(qemu_plugin_scoreboard_u64_in_struct(r->score, Count, loads));
    uint64_t w = qemu_plugin_u64_sum(qemu_plugin_scoreboard_u64_in_struct(r->score, Count, stores));
    g_string_append_printf(s, "0x%016" PRIx64 " %-12s %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", r->start, r->name ? r->name : "-", e, l, w);
    return FALSE;
}
static void init(qemu_plugin_id_t id, unsigned cpu)
{
    if (regs) return;
    regs = qemu_plugin_get_registers();
    for (guint i = 0; i < regs->len; i++) {
        qemu_plugin_reg_descriptor *d = &g_array_index(regs, qemu_plugin_reg_descriptor, i);
        if (!strcmp(d->name, "sp")) sp = d->handle;
        if (!strcmp(d->name, "pc")) pc = d->handle;
    }
}
static void finish(qemu_plugin_id_t id, void *p)
{
    g_autoptr(GString) s = g_string_sized_new(4096);
    g_string_printf(s, "%d ranges of %u, depth %s, samples %" PRIu64 ", lowest sp 0x%" PRIx64 ", wrong %" PRIu64 "\n", g_tree_nnodes(ranges), g_slist_length(order), g_tree_height(ranges) < 12 ? "ok" : "bad", samples, lowest, wrong_pc);
    g_tree_foreach(ranges, show, s);
    qemu_plugin_outs(s->str);
    g_autofree char *line = g_strdup_printf("%" PRIu64 " insns, blocks %u, elapsed %s\n", qemu_plugin_u64_sum(insns), g_hash_table_size(seen), g_timer_elapsed(timer, NULL) >= 0 ? "yes" : "no");
    qemu_plugin_outs(line);
    g_slist_free(order);
    g_tree_destroy(ranges);
    g_timer_destroy(timer);
}
QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) if (sscanf(argv[i], "limit=%lu", &limit) != 1) { g_warning("what is %s?", argv[i]); return 1; }
    ranges = g_tree_new_full(cmp, NULL, g_free, NULL);
    seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    sb = qemu_plugin_scoreboard_new(2 * sizeof(uint64_t));
    insns = (qemu_plugin_u64){ sb, 0 };
    quota = (qemu_plugin_u64){ sb, 8 };
    scratch = g_byte_array_new();
    timer = g_timer_new();
    qemu_plugin_register_vcpu_init_cb(id, init);
    qemu_plugin_register_vcpu_tb_trans_cb(id, trans);
    qemu_plugin_register_atexit_cb(id, finish, NULL);
    return 0;
}
