/*
 * Who calls whom, in the style of plugins that lean on GLib: options with g_strsplit and GError, a GArray of states under a
 * GRWLock, hash tables and lists of strings, auto-cleanup, slices, a report to a file and to the log.
 */
#include <qemu-plugin.h>
#include <glib.h>
#include <glib/gprintf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <inttypes.h>

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

typedef struct { uint64_t ra; gchar *name; } Frame;
typedef struct { GQueue *stack; guint64 depth_max; gboolean pending_call; uint64_t return_to; } VCpu;
typedef struct { uint64_t count; } Edge;

static GArray *vcpus;
static GRWLock lock;
static GHashTable *edges; /* "from -> to" to Edge */
static GPtrArray *hooks;
static gchar *outfile;
static gint64 started;
static gint top = 10;
G_LOCK_DEFINE_STATIC(edges);

static void frame_free(gpointer p) { Frame *f = p; g_free(f->name); g_slice_free(Frame, f); }

static VCpu *vcpu_get(unsigned i)
{
    g_rw_lock_reader_lock(&lock);
    VCpu *v = &g_array_index(vcpus, VCpu, i);
    g_rw_lock_reader_unlock(&lock);
    return v;
}

static void on_block(unsigned int cpu, void *udata)
{
    VCpu *v = vcpu_get(cpu);
    const gchar *name = udata;
    Frame *above = g_queue_peek_head(v->stack);
    if (v->pending_call) {
        g_autoptr(GString) key = g_string_new(above ? above->name : "(root)");
        g_string_append_printf(key, " -> %s", name);
        Frame *f = g_slice_new0(Frame);
        f->ra = v->return_to;
        f->name = g_strdup(name);
        g_queue_push_head(v->stack, f);
        v->depth_max = MAX(v->depth_max, g_queue_get_length(v->stack));
        G_LOCK(edges);
        Edge *e = g_hash_table_lookup(edges, key->str);
        if (e == NULL) {
            e = g_new0(Edge, 1);
            g_hash_table_insert(edges, g_string_free(g_steal_pointer(&key), FALSE), e);
        }
        e->count++;
        G_UNLOCK(edges);
        v->pending_call = FALSE;
    }
}
static void on_call(unsigned int cpu, void *udata) { VCpu *v = vcpu_get(cpu); v->pending_call = TRUE; v->return_to = GPOINTER_TO_SIZE(udata); }
static void on_ret(unsigned int cpu, void *udata)
{
    VCpu *v = vcpu_get(cpu);
    Frame *f = g_queue_pop_head(v->stack);
    g_clear_pointer(&f, frame_free);
}

static void trans(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    gsize n = qemu_plugin_tb_n_insns(tb);
    struct qemu_plugin_insn *first = qemu_plugin_tb_get_insn(tb, 0);
    const char *sym = qemu_plugin_insn_symbol(first);
    gchar *name = (sym && *sym) ? g_strdup(sym) : g_strdup_printf("sub_%" PRIx64, qemu_plugin_tb_vaddr(tb));
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS, (void *)g_intern_string(name));
    g_free(name);
    for (gsize i = 0; i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        g_autofree char *d = qemu_plugin_insn_disas(insn);
        g_auto(GStrv) words = g_strsplit_set(g_strstrip(d), " \t", 2);
        if (g_str_equal(words[0], "jal") || g_str_equal(words[0], "jalr")) {
            if (words[1] && g_str_has_prefix(g_strchug(words[1]), "ra"))
                qemu_plugin_register_vcpu_insn_exec_cb(insn, on_call, QEMU_PLUGIN_CB_NO_REGS, GSIZE_TO_POINTER((gsize)(qemu_plugin_insn_vaddr(insn) + qemu_plugin_insn_size(insn))));
        } else if (!g_ascii_strcasecmp(words[0], "ret")) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_ret, QEMU_PLUGIN_CB_NO_REGS, NULL);
        }
    }
}

static gint by_count(gconstpointer a, gconstpointer b, gpointer t)
{
    GHashTable *table = t;
    const Edge *x = g_hash_table_lookup(table, a), *y = g_hash_table_lookup(table, b);
    return x->count < y->count ? 1 : x->count > y->count ? -1 : g_strcmp0(a, b);
}

static void vcpu_init(qemu_plugin_id_t id, unsigned int i)
{
    g_rw_lock_writer_lock(&lock);
    if (i >= vcpus->len) g_array_set_size(vcpus, i + 1);
    g_array_index(vcpus, VCpu, i).stack = g_queue_new();
    g_rw_lock_writer_unlock(&lock);
}

static void finish(qemu_plugin_id_t id, void *p)
{
    FILE *f = outfile ? fopen(outfile, "w") : NULL;
    if (outfile && !f) { g_printerr("cannot open %s: %s\n", outfile, g_strerror(errno)); return; }
    GList *keys = g_hash_table_get_keys(edges);
    keys = g_list_sort_with_data(keys, by_count, edges);
    gint k = 0;
    for (GList *l = keys; l && k < top; l = g_list_next(l), k++) {
        Edge *e = g_hash_table_lookup(edges, l->data);
        g_autofree gchar *line = g_strdup_printf("%-40s %12" G_GUINT64_FORMAT "\n", (char *)l->data, e->count);
        if (f) fputs(line, f);
        qemu_plugin_outs(line);
    }
    g_list_free(keys);
    for (guint i = 0; i < vcpus->len; i++) {
        VCpu *v = &g_array_index(vcpus, VCpu, i);
        g_autofree gchar *line = g_strdup_printf("vcpu %u: depth %" G_GUINT64_FORMAT ", %u left\n", i, v->depth_max, v->stack->length);
        qemu_plugin_outs(line);
        g_queue_free_full(v->stack, frame_free);
    }
    if (f) { fprintf(f, "%u edges, hooks %u, time ok %d\n", g_hash_table_size(edges), hooks->len, g_get_monotonic_time() >= started); fclose(f); }
    g_hash_table_unref(edges);
    g_ptr_array_unref(hooks);
    g_array_free(vcpus, TRUE);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    vcpus = g_array_sized_new(FALSE, TRUE, sizeof(VCpu), info->system_emulation ? info->system.max_vcpus : 1);
    edges = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    hooks = g_ptr_array_new_with_free_func(g_free);
    started = g_get_monotonic_time();
    for (int i = 0; i < argc; i++) {
        g_auto(GStrv) t = g_strsplit(argv[i], "=", 2);
        if (g_strv_length(t) != 2) { fprintf(stderr, "bad option %s\n", argv[i]); return -1; }
        if (g_strcmp0(t[0], "out") == 0) outfile = g_strdup(t[1]);
        else if (g_strcmp0(t[0], "top") == 0) { guint64 v; g_autoptr(GError) err = NULL;
            if (!g_ascii_string_to_unsigned(t[1], 10, 1, 1000, &v, &err)) { fprintf(stderr, "%s\n", err->message); return -1; } top = v; }
        else if (g_strcmp0(t[0], "hook") == 0) g_ptr_array_add(hooks, g_strdup(t[1]));
        else { fprintf(stderr, "unknown option %s\n", argv[i]); return -1; }
    }
    qemu_plugin_register_vcpu_init_cb(id, vcpu_init);
    qemu_plugin_register_vcpu_tb_trans_cb(id, trans);
    qemu_plugin_register_atexit_cb(id, finish, NULL);
    return 0;
}
