/* Reads and writes by physical page, in an open hash table; the busiest pages at exit. */
#include "plugin.h"

#define SLOTS (1u << 18) /* more than the pages of any guest here */
#define TOP 8

struct page {
    uint64_t key; /* page number and 1 */
    uint64_t reads, writes;
    uint32_t readers, writers; /* bit sets of vCPUs */
};
static struct page pages[SLOTS];

static struct page *find(uint64_t number)
{
    uint32_t at = (uint32_t)((number * 0x9e3779b97f4a7c15u) >> 40) & (SLOTS - 1);
    while (pages[at].key != number + 1) {
        if (!pages[at].key) {
            pages[at].key = number + 1;
            break;
        }
        at = (at + 1) & (SLOTS - 1);
    }
    return &pages[at];
}

static void on_access(unsigned int vcpu_index, qemu_plugin_meminfo_t info, uint64_t vaddr, void *userdata)
{
    struct qemu_plugin_hwaddr *hwaddr = qemu_plugin_get_hwaddr(info, vaddr);
    struct page *page;
    (void)userdata;
    if (!hwaddr)
        return;
    page = find(qemu_plugin_hwaddr_phys_addr(hwaddr) >> 12);
    if (qemu_plugin_mem_is_store(info)) {
        page->writes++;
        page->writers |= 1u << vcpu_index;
    } else {
        page->reads++;
        page->readers |= 1u << vcpu_index;
    }
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

static int busier(const void *a, const void *b)
{
    const struct page *x = a, *y = b;
    uint64_t of_x = x->reads + x->writes, of_y = y->reads + y->writes;
    if (of_x != of_y)
        return of_x < of_y ? 1 : -1;
    return x->key > y->key ? 1 : -1;
}

static void on_exit_report(qemu_plugin_id_t id, void *userdata)
{
    size_t used = 0;
    uint64_t reads = 0, writes = 0;
    (void)id;
    (void)userdata;
    for (size_t i = 0; i < SLOTS; i++) {
        if (!pages[i].key || pages[i].key == FINISHER_PAGE + 1)
            continue;
        reads += pages[i].reads;
        writes += pages[i].writes;
        pages[used++] = pages[i];
    }
    qsort(pages, used, sizeof *pages, busier);
    say("pages=%zu reads=%" PRIu64 " writes=%" PRIu64, used, reads, writes);
    for (size_t i = 0; i < used && i < TOP; i++)
        say(" 0x%" PRIx64 "=%" PRIu64 "/%" PRIu64, (pages[i].key - 1) << 12, pages[i].reads, pages[i].writes);
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
