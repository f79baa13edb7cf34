/*
 * Does something once in 100,000 instructions. Interface version 1 has no conditional callbacks, so a callback before each
 * instruction counts and looks.
 */
#include "plugin.h"

#define LIMIT 100000

static uint64_t count, fired;

static void before_instruction(unsigned int vcpu_index, void *userdata)
{
    (void)vcpu_index;
    (void)userdata;
    if (++count >= LIMIT) {
        count = 0;
        fired++;
    }
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t instructions = qemu_plugin_tb_n_insns(tb);
    (void)id;
    if (in_rom(tb))
        return;
    for (size_t i = 0; i < instructions; i++)
        qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_tb_get_insn(tb, i), before_instruction,
                                               QEMU_PLUGIN_CB_NO_REGS, NULL);
}

static void on_exit_report(qemu_plugin_id_t id, void *userdata)
{
    (void)id;
    (void)userdata;
    say("fired=%" PRIu64 " count=%" PRIu64 "\n", fired, count);
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    (void)argc;
    (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    qemu_plugin_register_atexit_cb(id, on_exit_report, NULL);
    return 0;
}
