/* All registers before each of the first instructions: what a callback may do at most under default limits. */
#include <qemu-plugin.h>
#include <glib.h>
#include <stdio.h>
#include <inttypes.h>
#include <string.h>
QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;
static GArray *regs; static uint64_t lines, most = 2000; static bool all;
static void exec(unsigned int cpu, void *udata)
{
    if (lines++ >= most) return;
    g_autoptr(GString) s = g_string_new(NULL);
    g_autoptr(GByteArray) b = g_byte_array_new();
    g_string_append_printf(s, "%s\n", (char *)udata);
    for (guint i = 0; i < regs->len && (all || i < 33); i++) {
        qemu_plugin_reg_descriptor *d = &g_array_index(regs, qemu_plugin_reg_descriptor, i);
        g_byte_array_set_size(b, 0);
        int n = qemu_plugin_read_register(d->handle, b);
        g_string_append_printf(s, "  %-10s 0x", d->name);
        for (int k = n - 1; k >= 0; k--) g_string_append_printf(s, "%02x", b->data[k]);
        g_string_append_c(s, i % 4 == 3 ? '\n' : ' ');
    }
    g_string_append_c(s, '\n');
    qemu_plugin_outs(s->str);
}
static void init(qemu_plugin_id_t id, unsigned v) { regs = qemu_plugin_get_registers(); }
static void trans(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) { struct qemu_plugin_insn *in = qemu_plugin_tb_get_insn(tb, i);
        qemu_plugin_register_vcpu_insn_exec_cb(in, exec, QEMU_PLUGIN_CB_R_REGS, qemu_plugin_insn_disas(in)); }
}
QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) if (!strcmp(argv[i], "all=on")) all = true;
    qemu_plugin_register_vcpu_init_cb(id, init);
    qemu_plugin_register_vcpu_tb_trans_cb(id, trans);
    return 0;
}
