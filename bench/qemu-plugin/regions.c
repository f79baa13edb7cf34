/*
 * A callback for each access that asks where it went and counts it by MiB of physical memory. The same source runs on both
 * emulators: regions.wasm is made of it by `make -C bench/qemu-plugin wasm`.
 */
#include "plugin.h"

#define SHIFT 20
#define REGIONS 4096 /* of the first 4 GiB; what lies above counts as the last one */

static uint64_t counts[REGIONS][2]; /* reads, writes */
static uint64_t io, unresolved;

static void on_access(unsigned int vcpu_index, qemu_plugin_meminfo_t info, uint64_t vaddr, void *userdata)
{
    struct qemu_plugin_hwaddr *hwaddr = qemu_plugin_get_hwaddr(info, vaddr);
    uint64_t region;
    (void)vcpu_index;
    (void)userdata;
    if (!hwaddr) {
        unresolved++;
        return;
    }
    region = qemu_plugin_hwaddr_phys_addr(hwaddr) >> SHIFT;
    counts[region < REGIONS ? region : REGIONS - 1][qemu_plugin_mem_is_store(info)]++;
    if (qemu_plugin_hwaddr_is_io(hwaddr))
        io++;
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t count = qemu_plugin_tb_n_insns(tb);
    (void)id;
    if (in_rom(tb))
        return;
    for (size_t i = 0; i < count; i++)
        qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(tb, i), on_access, QEMU_PLUGIN_CB_NO_REGS,
                                         QEMU_PLUGIN_MEM_RW, NULL);
}

static void on_exit_report(qemu_plugin_id_t id, void *userdata)
{
    const size_t finisher = FINISHER_PAGE >> (SHIFT - 12);
    (void)id;
    (void)userdata;
    say("io=%" PRIu64 " unresolved=%" PRIu64, io - counts[finisher][0] - counts[finisher][1], unresolved);
    for (size_t i = 0; i < REGIONS; i++)
        if (i != finisher && (counts[i][0] || counts[i][1]))
            say(" 0x%zx=%" PRIu64 "/%" PRIu64, i, counts[i][0], counts[i][1]);
    say("\n");
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
