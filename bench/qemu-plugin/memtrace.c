/*
 * The peer for Emuscope's traced runs: records every memory access of a guest with its hardware address.
 *
 * One 32-byte record per access goes into a ring in memory, one ring per vCPU, the oldest record
 * overwritten. Nothing is printed but one line at exit, so what is measured is the cost of taking the
 * records. The ring is small enough to stay in a second-level cache: memory bandwidth is not charged
 * to the emulator.
 *
 * Arguments: ring=N   records per ring, a power of two (default 65536)
 *            out=FILE where the closing line goes (default standard error)
 */
#include "qemu-plugin-api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

#define MAX_VCPUS 64

#define RECORD_SIZE_SHIFT 0x0f /* log2 of the access size */
#define RECORD_STORE 0x10
#define RECORD_IO 0x20
#define RECORD_UNRESOLVED 0x40 /* the emulator found no translation any more */

struct record {
    uint64_t vaddr;
    uint64_t paddr;
    uint64_t pc;
    uint64_t info; /* RECORD_* bits */
};

/* A line of its own per vCPU, so that vCPUs on different host threads do not share one. */
struct vcpu {
    struct record *ring;
    uint64_t count;
    uint64_t stores;
    uint64_t io;
    uint64_t unresolved;
} __attribute__((aligned(64)));

static struct vcpu vcpus[MAX_VCPUS];
static uint64_t ring_mask = (1u << 16) - 1;
static const char *out_path;

static void on_access(unsigned int vcpu_index, qemu_plugin_meminfo_t info, uint64_t vaddr, void *userdata)
{
    struct vcpu *vcpu = &vcpus[vcpu_index];
    struct record *record = &vcpu->ring[vcpu->count & ring_mask];
    struct qemu_plugin_hwaddr *hwaddr = qemu_plugin_get_hwaddr(info, vaddr);
    uint64_t bits = qemu_plugin_mem_size_shift(info);

    if (qemu_plugin_mem_is_store(info)) {
        bits |= RECORD_STORE;
        vcpu->stores++;
    }
    record->vaddr = vaddr;
    record->pc = (uint64_t)(uintptr_t)userdata;
    if (hwaddr) {
        record->paddr = qemu_plugin_hwaddr_phys_addr(hwaddr);
        if (qemu_plugin_hwaddr_is_io(hwaddr)) {
            bits |= RECORD_IO;
            vcpu->io++;
        }
    } else {
        record->paddr = UINT64_MAX;
        bits |= RECORD_UNRESOLVED;
        vcpu->unresolved++;
    }
    record->info = bits;
    vcpu->count++;
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t count = qemu_plugin_tb_n_insns(tb);
    (void)id;
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        qemu_plugin_register_vcpu_mem_cb(insn, on_access, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW,
                                         (void *)(uintptr_t)qemu_plugin_insn_vaddr(insn));
    }
}

static void on_exit_report(qemu_plugin_id_t id, void *userdata)
{
    uint64_t count = 0, stores = 0, io = 0, unresolved = 0;
    FILE *out = out_path ? fopen(out_path, "w") : stderr;
    (void)id;
    (void)userdata;
    for (int i = 0; i < MAX_VCPUS; i++) {
        count += vcpus[i].count;
        stores += vcpus[i].stores;
        io += vcpus[i].io;
        unresolved += vcpus[i].unresolved;
    }
    if (out)
        fprintf(out, "memtrace: records=%llu stores=%llu io=%llu unresolved=%llu\n", (unsigned long long)count,
                (unsigned long long)stores, (unsigned long long)io, (unsigned long long)unresolved);
    if (out && out_path)
        fclose(out);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv);

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    if (!info->system_emulation || info->system.max_vcpus < 1) {
        fprintf(stderr, "memtrace: system emulation only\n");
        return 1;
    }
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "ring=", 5) == 0) {
            uint64_t records = strtoull(argv[i] + 5, NULL, 0);
            if (records == 0 || (records & (records - 1)) != 0) {
                fprintf(stderr, "memtrace: ring must be a power of two\n");
                return 1;
            }
            ring_mask = records - 1;
        } else if (strncmp(argv[i], "out=", 4) == 0) {
            out_path = strdup(argv[i] + 4);
        } else {
            fprintf(stderr, "memtrace: unknown argument %s\n", argv[i]);
            return 1;
        }
    }
    for (int i = 0; i < info->system.smp_vcpus && i < MAX_VCPUS; i++) {
        vcpus[i].ring = aligned_alloc(4096, (ring_mask + 1) * sizeof(struct record) + 4096);
        if (!vcpus[i].ring)
            return 1;
        /* touched now, so that page faults are not charged to the run */
        memset(vcpus[i].ring, 0, (ring_mask + 1) * sizeof(struct record));
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    qemu_plugin_register_atexit_cb(id, on_exit_report, NULL);
    return 0;
}
