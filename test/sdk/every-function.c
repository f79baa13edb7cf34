/*
 * A plugin that calls every function of the headers, of each version where versions differ: what it imports is all that
 * the SDK can ask of the host. It is compiled and looked at, never run.
 */
#include <emuscope.h>

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static qemu_plugin_u64 entry;
static uint64_t counter;
static struct emu_entry entries[16];

static void on_id(qemu_plugin_id_t id) {}
static void on_data(void *userdata) {}
static void on_id_vcpu(qemu_plugin_id_t id, unsigned vcpu) {}
static void on_vcpu(unsigned vcpu, void *userdata) {}
static void on_id_data(qemu_plugin_id_t id, void *userdata) {}
static void on_discon(qemu_plugin_id_t id, unsigned vcpu, enum qemu_plugin_discon_type type, uint64_t from, uint64_t to) {}
static void on_discon_7(unsigned vcpu, enum qemu_plugin_discon_type type, uint64_t from, uint64_t to, void *userdata) {}
static void on_syscall(qemu_plugin_id_t id, unsigned vcpu, int64_t num, uint64_t a1, uint64_t a2, uint64_t a3,
                       uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8) {}
static void on_drain(const struct emu_entry *from, uint32_t count, void *userdata) {}
static void on_fill(unsigned vcpu, uint64_t vaddr, uint64_t paddr, unsigned bits, unsigned index, void *userdata) {}
static void on_flush(unsigned vcpu, unsigned scope, uint64_t vaddr, unsigned asid, void *userdata) {}
static void on_satp(unsigned vcpu, uint64_t old, uint64_t value, void *userdata) {}
static void on_topology(unsigned generation, void *userdata) {}

static void on_access(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *userdata)
{
    struct qemu_plugin_hwaddr *hwaddr = qemu_plugin_get_hwaddr(info, vaddr);
    qemu_plugin_mem_value value = qemu_plugin_mem_get_value(info);
    char name[64];

    counter += value.data.u64 + qemu_plugin_mem_size_shift(info) + qemu_plugin_mem_is_store(info);
    counter += qemu_plugin_mem_is_sign_extended(info) + qemu_plugin_mem_is_big_endian(info) + EMU_KIND(info);
    counter += qemu_plugin_hwaddr_is_io(hwaddr) + qemu_plugin_hwaddr_phys_addr(hwaddr);
    counter += strlen(qemu_plugin_hwaddr_device_name(hwaddr)) + qemu_plugin_hwaddr_device_offset(hwaddr);
    counter += emu_hwaddr_region() + emu_hwaddr_device() + emu_hwaddr_offset() + emu_hwaddr_split();
    counter += emu_hwaddr_second_phys_addr() + emu_hwaddr_second_region() + emu_hwaddr_second_offset();
    emu_region_name(emu_hwaddr_region(), name, sizeof name);
    emu_device_name(emu_hwaddr_device(), name, sizeof name);
}

static void on_exec(unsigned vcpu, void *userdata)
{
    g_autoptr(GArray) registers = qemu_plugin_get_registers();
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    struct emu_place place;
    uint64_t paddr;
    char name[64];

    for (guint i = 0; i < registers->len; i++) {
        qemu_plugin_reg_descriptor *descriptor = &g_array_index(registers, qemu_plugin_reg_descriptor, i);
        if (qemu_plugin_read_register(descriptor->handle, bytes) && !descriptor->is_readonly) {
            qemu_plugin_write_register(descriptor->handle, bytes);
        }
    }
    qemu_plugin_read_memory_vaddr(0x80000000, bytes, 8);
    qemu_plugin_write_memory_vaddr(0x80000000, bytes);
    qemu_plugin_read_memory_hwaddr(0x80000000, bytes, 8);
    qemu_plugin_write_memory_hwaddr(0x80000000, bytes);
    qemu_plugin_translate_vaddr(0x80000000, &paddr);
    emu_translate(vcpu, 0x80000000, &place);
    emu_symbol(paddr + place.offset, name, sizeof name, &paddr);
    emu_stop(name, strlen(name));
    emu_result("1", 1);
    emu_file(name, 1, bytes->data, bytes->len);
    emu_retranslate();
    counter += emu_instructions() + emu_vcpu_instructions(vcpu) + emu_virtual_ns();
    if (counter == 1) {
        qemu_plugin_set_pc(counter);
    }
}

static void on_block(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, qemu_plugin_tb_n_insns(tb) - 1);
    uint32_t buffer = emu_buffer_new(entries, 16, on_drain, NULL), opcode = 0;
    g_autofree char *disas = qemu_plugin_insn_disas(insn);
    const char *symbol = qemu_plugin_insn_symbol(insn);
    char name[32];

    emu_insn_mnemonic(insn, name, sizeof name);
    counter += qemu_plugin_tb_vaddr(tb) + emu_tb_paddr(tb) + qemu_plugin_insn_vaddr(insn) + emu_insn_paddr(insn);
    counter += (uintptr_t)qemu_plugin_insn_haddr(insn) + strlen(disas) + strlen(symbol);
    counter += qemu_plugin_insn_data(insn, &opcode, sizeof opcode) + *(const uint16_t *)qemu_plugin_insn_data(insn);
    counter += qemu_plugin_insn_size(insn) + emu_insn_memory(insn) + emu_insn_flow(insn) + emu_insn_target(insn);
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_exec, QEMU_PLUGIN_CB_RW_REGS_PC, NULL);
    qemu_plugin_register_vcpu_tb_exec_cond_cb(tb, on_exec, QEMU_PLUGIN_CB_R_REGS, QEMU_PLUGIN_COND_EQ, entry, 1, NULL);
    qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, entry, 1);
    qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &counter, 1);
    qemu_plugin_register_vcpu_insn_exec_cb(insn, on_exec, QEMU_PLUGIN_CB_NO_REGS, NULL);
    qemu_plugin_register_vcpu_insn_exec_cond_cb(insn, on_exec, QEMU_PLUGIN_CB_RW_REGS, QEMU_PLUGIN_COND_GE, entry, 1, NULL);
    qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_STORE_U64, entry, 1);
    qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &counter, 1);
    qemu_plugin_register_vcpu_mem_cb(insn, on_access, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, NULL);
    qemu_plugin_register_vcpu_mem_inline_per_vcpu(insn, QEMU_PLUGIN_MEM_W, QEMU_PLUGIN_INLINE_ADD_U64, entry, 1);
    qemu_plugin_register_vcpu_mem_inline(insn, QEMU_PLUGIN_MEM_R, QEMU_PLUGIN_INLINE_ADD_U64, &counter, 1);
    emu_register_vcpu_mem_cond_cb(insn, on_access, 0, QEMU_PLUGIN_MEM_W | EMU_MEM_IO, QEMU_PLUGIN_COND_LT, &counter, 0, 5, NULL);
    emu_register_vcpu_tb_append(tb, buffer, 1);
    emu_register_vcpu_insn_append(insn, buffer, 2);
    emu_register_vcpu_mem_append(insn, buffer, QEMU_PLUGIN_MEM_RW, EMU_FIELD_PADDR, 3);
}

static void on_block_7(struct qemu_plugin_tb *tb, void *userdata)
{
    on_block(0, tb);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    struct qemu_plugin_scoreboard *score = qemu_plugin_scoreboard_new(sizeof(uint64_t));
    const void *time = qemu_plugin_request_time_control();
    bool seven = info->version.cur >= 7, flag = false;

    entry = qemu_plugin_scoreboard_u64(score);
    qemu_plugin_u64_set(entry, 0, 1);
    qemu_plugin_u64_add(entry, 0, qemu_plugin_u64_get(entry, 0) + qemu_plugin_u64_sum(entry));
    *(uint64_t *)qemu_plugin_scoreboard_find(score, 0) += qemu_plugin_num_vcpus() + qemu_plugin_n_vcpus() + qemu_plugin_n_max_vcpus();
    if (seven) {
        qemu_plugin_register_vcpu_init_cb(id, on_vcpu, NULL);
        qemu_plugin_register_vcpu_exit_cb(id, on_vcpu, NULL);
        qemu_plugin_register_vcpu_idle_cb(id, on_vcpu, NULL);
        qemu_plugin_register_vcpu_resume_cb(id, on_vcpu, NULL);
        qemu_plugin_register_vcpu_tb_trans_cb(id, on_block_7, NULL);
        qemu_plugin_register_vcpu_discon_cb(id, QEMU_PLUGIN_DISCON_ALL, on_discon_7, NULL);
        qemu_plugin_register_flush_cb(id, on_data, NULL);
        qemu_plugin_register_atexit_cb(id, on_data, NULL);
        qemu_plugin_vcpu_for_each(id, on_vcpu, NULL);
        qemu_plugin_uninstall(id, on_data, NULL);
        qemu_plugin_reset(id, on_data, NULL);
    } else {
        qemu_plugin_register_vcpu_init_cb(id, on_id_vcpu);
        qemu_plugin_register_vcpu_exit_cb(id, on_id_vcpu);
        qemu_plugin_register_vcpu_idle_cb(id, on_id_vcpu);
        qemu_plugin_register_vcpu_resume_cb(id, on_id_vcpu);
        qemu_plugin_register_vcpu_tb_trans_cb(id, on_block);
        qemu_plugin_register_vcpu_discon_cb(id, QEMU_PLUGIN_DISCON_INTERRUPT, on_discon);
        qemu_plugin_register_flush_cb(id, on_id);
        qemu_plugin_register_atexit_cb(id, on_id_data, NULL);
        qemu_plugin_vcpu_for_each(id, on_id_vcpu);
        qemu_plugin_uninstall(id, on_id);
        qemu_plugin_reset(id, on_id);
    }
    qemu_plugin_register_vcpu_syscall_cb(id, on_syscall);
    qemu_plugin_register_vcpu_syscall_ret_cb(id, NULL);
    qemu_plugin_register_vcpu_syscall_filter_cb(id, NULL);
    emu_register_reset_cb(id, on_data, NULL);
    emu_register_results_cb(id, on_data, NULL);
    emu_register_tlb_fill_cb(id, on_fill, NULL);
    emu_register_tlb_flush_cb(id, on_flush, NULL);
    emu_register_satp_cb(id, on_satp, NULL);
    emu_register_topology_cb(id, on_topology, NULL);
    emu_register_walk_cb(id, on_access, NULL);
    emu_register_dma_cb(id, on_access, NULL);
    emu_filter_range(EMU_RANGE_PC, 0, counter);
    emu_filter_region("ram", 3);
    emu_filter_device("uart0", 5);
    emu_filter_io(true);
    if (argc && qemu_plugin_bool_parse("x", argv[0], &flag)) {
        qemu_plugin_outs(qemu_plugin_path_to_binary() ? "" : "no binary");
    }
    if (time) {
        qemu_plugin_update_ns(time, 5);
    }
    qemu_plugin_scoreboard_free(score);
    return (int)(qemu_plugin_start_code() + qemu_plugin_end_code() + qemu_plugin_entry_code());
}
