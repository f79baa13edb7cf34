/*
 * Models an L1 instruction and an L1 data cache of 16 KiB, 8 ways and 64-byte lines each, the least recently used line goes,
 * and counts misses by instruction. Physical addresses; devices are not cached.
 */
#include "plugin.h"

#define LINE_SHIFT 6
#define WAYS 8
#define SETS (16384 / (WAYS << LINE_SHIFT))
#define BUCKETS 65536

struct cache {
    uint64_t lines[SETS][WAYS]; /* the ways of a set in the order of their use; all ones: empty */
    uint64_t accesses, misses;
};
struct instruction {
    struct instruction *next;
    uint64_t address;
    uint64_t fetch_misses, data_misses;
};

static struct cache fetches, data;
static struct instruction *instructions[BUCKETS];

/* Translated more than once, an instruction keeps its counts. */
static struct instruction *instruction_at(uint64_t address)
{
    struct instruction **bucket = &instructions[(address >> 1) & (BUCKETS - 1)];
    for (struct instruction *i = *bucket; i; i = i->next)
        if (i->address == address)
            return i;
    struct instruction *made = calloc(1, sizeof *made);
    made->address = address;
    made->next = *bucket;
    return *bucket = made;
}

static bool hits(struct cache *cache, uint64_t address)
{
    uint64_t line = address >> LINE_SHIFT;
    uint64_t *ways = cache->lines[line & (SETS - 1)];
    size_t way = 0;
    bool hit;
    cache->accesses++;
    if (ways[0] == line)
        return true;
    while (way < WAYS - 1 && ways[way] != line)
        way++;
    hit = ways[way] == line;
    if (!hit)
        cache->misses++;
    for (; way > 0; way--)
        ways[way] = ways[way - 1];
    ways[0] = line;
    return hit;
}

static void before_instruction(unsigned int vcpu_index, void *userdata)
{
    struct instruction *instruction = userdata;
    (void)vcpu_index;
    if (!hits(&fetches, instruction->address))
        instruction->fetch_misses++;
}

static void on_access(unsigned int vcpu_index, qemu_plugin_meminfo_t info, uint64_t vaddr, void *userdata)
{
    struct qemu_plugin_hwaddr *hwaddr = qemu_plugin_get_hwaddr(info, vaddr);
    struct instruction *instruction = userdata;
    (void)vcpu_index;
    if (hwaddr && qemu_plugin_hwaddr_is_io(hwaddr))
        return;
    if (!hits(&data, hwaddr ? qemu_plugin_hwaddr_phys_addr(hwaddr) : vaddr))
        instruction->data_misses++;
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t count = qemu_plugin_tb_n_insns(tb);
    (void)id;
    if (in_rom(tb))
        return;
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        /* the interface does not tell the physical address; that of the emulator's copy falls into the same set */
        uint64_t address = (uint64_t)(uintptr_t)qemu_plugin_insn_haddr(insn);
        struct instruction *instruction = instruction_at(address ? address : qemu_plugin_insn_vaddr(insn));
        qemu_plugin_register_vcpu_insn_exec_cb(insn, before_instruction, QEMU_PLUGIN_CB_NO_REGS, instruction);
        qemu_plugin_register_vcpu_mem_cb(insn, on_access, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, instruction);
    }
}

static void on_exit_report(qemu_plugin_id_t id, void *userdata)
{
    uint64_t fetch_worst = 0, data_worst = 0;
    (void)id;
    (void)userdata;
    for (size_t bucket = 0; bucket < BUCKETS; bucket++)
        for (struct instruction *i = instructions[bucket]; i; i = i->next) {
            if (i->fetch_misses > fetch_worst)
                fetch_worst = i->fetch_misses;
            if (i->data_misses > data_worst)
                data_worst = i->data_misses;
        }
    say("data=%" PRIu64 "/%" PRIu64 " fetch=%" PRIu64 "/%" PRIu64 " worst=%" PRIu64 "/%" PRIu64 "\n", data.misses,
        data.accesses, fetches.misses, fetches.accesses, data_worst, fetch_worst);
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    (void)argc;
    (void)argv;
    memset(fetches.lines, 0xff, sizeof fetches.lines);
    memset(data.lines, 0xff, sizeof data.lines);
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    qemu_plugin_register_atexit_cb(id, on_exit_report, NULL);
    return 0;
}
