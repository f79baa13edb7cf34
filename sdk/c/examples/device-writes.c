/*
 * Which device registers the guest writes, and how often: the worked example of the SDK, the same in each language.
 *
 * Only writes to devices call the plugin; accesses to memory cost nothing. The hwaddr is there by value: the device and
 * the offset in its region, as they were when the access was made. Results are JSON, on exit there is text as well.
 *
 *   sdk/c/build sdk/c/examples/device-writes.c
 */
#include <emuscope.h>

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

/* Device in the upper half, offset in the lower one. */
typedef struct {
    uint64_t place;
    uint64_t writes;
} Register;

static GHashTable *registers;

static void on_write(unsigned int hart, qemu_plugin_meminfo_t info, uint64_t vaddr, void *userdata)
{
    uint64_t place = (uint64_t)emu_hwaddr_device() << 32 | (uint32_t)emu_hwaddr_offset();
    Register *found = g_hash_table_lookup(registers, &place);

    if (!found) {
        found = g_new0(Register, 1);
        found->place = place;
        g_hash_table_insert(registers, &found->place, found);
    }
    found->writes++;
}

static void on_block(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        if (emu_insn_memory(insn) != EMU_MEMORY_NONE) {
            qemu_plugin_register_vcpu_mem_cb(insn, on_write, QEMU_PLUGIN_CB_NO_REGS,
                                             (enum qemu_plugin_mem_rw)(QEMU_PLUGIN_MEM_W | EMU_MEM_IO), NULL);
        }
    }
}

static gint by_place(gconstpointer a, gconstpointer b)
{
    const Register *x = a, *y = b;
    return x->place < y->place ? -1 : x->place > y->place;
}

/* Each register in a line of the format. */
static GString *list(const char *format, const char *between)
{
    GString *text = g_string_new(NULL);
    GList *sorted = g_list_sort(g_hash_table_get_values(registers), by_place);

    for (GList *link = sorted; link; link = link->next) {
        const Register *found = link->data;
        char device[64];
        emu_device_name((uint32_t)(found->place >> 32), device, sizeof device);
        g_string_append_printf(text, format, device, (uint32_t)found->place, found->writes);
        if (link->next) {
            g_string_append(text, between);
        }
    }
    g_list_free(sorted);
    return text;
}

static void on_results(void *userdata)
{
    g_autoptr(GString) json = list("{\"device\":\"%s\",\"offset\":\"0x%x\",\"writes\":%" PRIu64 "}", ",");

    g_string_prepend(json, "{\"registers\":[");
    g_string_append(json, "]}");
    emu_result(json->str, json->len);
}

static void on_exit(qemu_plugin_id_t id, void *userdata)
{
    g_autoptr(GString) text = list("%s+0x%x: %" PRIu64 " writes\n", "");
    qemu_plugin_outs(text->str);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    registers = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_block);
    emu_register_results_cb(id, on_results, NULL);
    qemu_plugin_register_atexit_cb(id, on_exit, NULL);
    return 0;
}
