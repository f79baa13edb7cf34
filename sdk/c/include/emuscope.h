/*
 * What Emuscope offers plugins beyond QEMU's interface: the hwaddr of an access by value, conditional memory callbacks,
 * buffers that fill without a call, filters, events of translation, and structured results. Meanings are in docs/plugins.md.
 */
#ifndef EMUSCOPE_H
#define EMUSCOPE_H

#include <qemu-plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Strings are written into (buffer, length); the whole length is returned, or -1 where there is none. */
EMUSCOPE_IMPORT(emu_hwaddr_region) uint32_t emu_hwaddr_region(void);
EMUSCOPE_IMPORT(emu_hwaddr_device) uint32_t emu_hwaddr_device(void);
EMUSCOPE_IMPORT(emu_hwaddr_offset) uint64_t emu_hwaddr_offset(void);
EMUSCOPE_IMPORT(emu_hwaddr_split) uint32_t emu_hwaddr_split(void);
EMUSCOPE_IMPORT(emu_hwaddr_second_phys_addr) uint64_t emu_hwaddr_second_phys_addr(void);
EMUSCOPE_IMPORT(emu_hwaddr_second_region) uint32_t emu_hwaddr_second_region(void);
EMUSCOPE_IMPORT(emu_hwaddr_second_offset) uint64_t emu_hwaddr_second_offset(void);
EMUSCOPE_IMPORT(emu_region_name) int emu_region_name(uint32_t region, char *buffer, size_t length);
EMUSCOPE_IMPORT(emu_device_name) int emu_device_name(uint32_t device, char *buffer, size_t length);

/* Kinds of accesses, as in EMU_KIND(info). */
enum emu_kind {
    EMU_LOAD,
    EMU_STORE,
    EMU_AMO_READ,
    EMU_AMO_WRITE,
    EMU_WALK_READ = 5,
    EMU_WALK_WRITE,
    EMU_DMA_READ,
    EMU_DMA_WRITE,
};
#define EMU_KIND(info) ((enum emu_kind)((info) >> 8 & 15))

/* With a memory probe's direction: only accesses of devices. */
#define EMU_MEM_IO 16
EMUSCOPE_IMPORT(emu_register_vcpu_mem_cond_cb)
void emu_register_vcpu_mem_cond_cb(struct qemu_plugin_insn *insn, qemu_plugin_vcpu_mem_cb_t cb, int flags, int rw,
                                   enum qemu_plugin_cond cond, void *counter, size_t stride, uint64_t imm,
                                   void *userdata);

/* Entries that probes append without calling anything. */
struct emu_entry {
    uint32_t tag;
    uint32_t hart : 8, size : 8, kind : 16;
    uint64_t field;
};
enum emu_field { EMU_FIELD_NONE, EMU_FIELD_VADDR, EMU_FIELD_PADDR, EMU_FIELD_VALUE };
typedef void (*emu_drain_cb_t)(const struct emu_entry *entries, uint32_t count, void *userdata);
EMUSCOPE_IMPORT(emu_buffer_new)
uint32_t emu_buffer_new(struct emu_entry *memory, uint32_t entries, emu_drain_cb_t cb, void *userdata);
EMUSCOPE_IMPORT(emu_register_vcpu_tb_append)
void emu_register_vcpu_tb_append(struct qemu_plugin_tb *tb, uint32_t buffer, uint32_t tag);
EMUSCOPE_IMPORT(emu_register_vcpu_insn_append)
void emu_register_vcpu_insn_append(struct qemu_plugin_insn *insn, uint32_t buffer, uint32_t tag);
EMUSCOPE_IMPORT(emu_register_vcpu_mem_append)
void emu_register_vcpu_mem_append(struct qemu_plugin_insn *insn, uint32_t buffer, int rw, enum emu_field field,
                                  uint32_t tag);

/* Filters of all probes; in qemu_plugin_install only. */
enum emu_range { EMU_RANGE_PC, EMU_RANGE_VADDR, EMU_RANGE_PADDR };
EMUSCOPE_IMPORT(emu_filter_range) void emu_filter_range(enum emu_range of, uint64_t first, uint64_t last);
EMUSCOPE_IMPORT(emu_filter_region) void emu_filter_region(const char *name, size_t length);
EMUSCOPE_IMPORT(emu_filter_device) void emu_filter_device(const char *name, size_t length);
EMUSCOPE_IMPORT(emu_filter_io) void emu_filter_io(bool io);

/* Events */
typedef void (*emu_udata_cb_t)(void *userdata);
typedef void (*emu_tlb_fill_cb_t)(unsigned vcpu, uint64_t vaddr, uint64_t paddr, unsigned page_bits, unsigned mmu_index,
                                  void *userdata);
typedef void (*emu_tlb_flush_cb_t)(unsigned vcpu, unsigned scope, uint64_t vaddr, unsigned asid, void *userdata);
typedef void (*emu_satp_cb_t)(unsigned vcpu, uint64_t old, uint64_t value, void *userdata);
typedef void (*emu_topology_cb_t)(unsigned generation, void *userdata);
EMUSCOPE_IMPORT(emu_register_reset_cb)
void emu_register_reset_cb(qemu_plugin_id_t id, emu_udata_cb_t cb, void *userdata);
void emu_register_results_cb(qemu_plugin_id_t id, emu_udata_cb_t cb, void *userdata);
EMUSCOPE_IMPORT(emu_register_tlb_fill_cb)
void emu_register_tlb_fill_cb(qemu_plugin_id_t id, emu_tlb_fill_cb_t cb, void *userdata);
EMUSCOPE_IMPORT(emu_register_tlb_flush_cb)
void emu_register_tlb_flush_cb(qemu_plugin_id_t id, emu_tlb_flush_cb_t cb, void *userdata);
EMUSCOPE_IMPORT(emu_register_satp_cb)
void emu_register_satp_cb(qemu_plugin_id_t id, emu_satp_cb_t cb, void *userdata);
EMUSCOPE_IMPORT(emu_register_topology_cb)
void emu_register_topology_cb(qemu_plugin_id_t id, emu_topology_cb_t cb, void *userdata);
/* A page walk read or updated an entry (vaddr is what is translated); a device read or wrote memory (vaddr is physical). */
EMUSCOPE_IMPORT(emu_register_walk_cb)
void emu_register_walk_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_mem_cb_t cb, void *userdata);
EMUSCOPE_IMPORT(emu_register_dma_cb)
void emu_register_dma_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_mem_cb_t cb, void *userdata);

/* More of blocks and instructions */
EMUSCOPE_IMPORT(emu_tb_paddr) uint64_t emu_tb_paddr(const struct qemu_plugin_tb *tb);
EMUSCOPE_IMPORT(emu_insn_paddr) uint64_t emu_insn_paddr(const struct qemu_plugin_insn *insn);
EMUSCOPE_IMPORT(emu_insn_mnemonic)
int emu_insn_mnemonic(const struct qemu_plugin_insn *insn, char *buffer, size_t length);
enum emu_memory { EMU_MEMORY_NONE, EMU_MEMORY_LOAD, EMU_MEMORY_STORE, EMU_MEMORY_AMO };
EMUSCOPE_IMPORT(emu_insn_memory) enum emu_memory emu_insn_memory(const struct qemu_plugin_insn *insn);
enum emu_flow { EMU_FLOW_NEXT, EMU_FLOW_BRANCH, EMU_FLOW_JUMP, EMU_FLOW_JUMP_TO, EMU_FLOW_SYSTEM };
EMUSCOPE_IMPORT(emu_insn_flow) enum emu_flow emu_insn_flow(const struct qemu_plugin_insn *insn);
EMUSCOPE_IMPORT(emu_insn_target) uint64_t emu_insn_target(const struct qemu_plugin_insn *insn);

/* The machine */
struct emu_place {
    uint64_t paddr;
    uint64_t offset;
    uint32_t region;
    uint32_t device;
    uint32_t io;
    uint32_t reserved;
};
EMUSCOPE_IMPORT(emu_translate) bool emu_translate(unsigned vcpu, uint64_t vaddr, struct emu_place *place);
EMUSCOPE_IMPORT(emu_symbol) int emu_symbol(uint64_t vaddr, char *buffer, size_t length, uint64_t *offset);
EMUSCOPE_IMPORT(emu_instructions) uint64_t emu_instructions(void);
EMUSCOPE_IMPORT(emu_vcpu_instructions) uint64_t emu_vcpu_instructions(unsigned vcpu);
EMUSCOPE_IMPORT(emu_virtual_ns) uint64_t emu_virtual_ns(void);
EMUSCOPE_IMPORT(emu_stop) void emu_stop(const char *reason, size_t length);
EMUSCOPE_IMPORT(emu_retranslate) void emu_retranslate(void);

/* Results: a JSON text that replaces the one before, and files. */
EMUSCOPE_IMPORT(emu_result) void emu_result(const char *json, size_t length);
EMUSCOPE_IMPORT(emu_file) void emu_file(const char *name, size_t name_length, const void *bytes, size_t length);

#ifdef __cplusplus
}
#endif

#endif
