/*
 * QEMU's plugin interface for plugins compiled to WebAssembly: everything of its version 6, what version 7 changes, and
 * what versions 1 to 5 had and lost, as one header, so that a source of any age compiles unchanged. Where versions gave
 * a function another number of arguments, macros tell by the call; where callbacks have another type, the host goes by
 * the type the callback has. EMUSCOPE_PLUGIN_API (1 to 7) sets the version that is claimed, and what failed register
 * reads return (-1 in 4 and 5, 0 otherwise). A source that calls what only version 1 had imports emu_version_1 and gets
 * disassembly as QEMU wrote it then.
 *
 * Functions marked EMUSCOPE_IMPORT are the host's, called with nothing in between; the others are in src/emuscope.c.
 */
#ifndef EMUSCOPE_QEMU_PLUGIN_H
#define EMUSCOPE_QEMU_PLUGIN_H

#include <glib.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>

#ifndef EMUSCOPE_PLUGIN_API
#define EMUSCOPE_PLUGIN_API 7
#endif
#define QEMU_PLUGIN_VERSION EMUSCOPE_PLUGIN_API

#define QEMU_PLUGIN_EXPORT __attribute__((visibility("default")))
#define QEMU_PLUGIN_LOCAL __attribute__((visibility("hidden")))
#define QEMU_PLUGIN_API
#define EMUSCOPE_IMPORT(name) __attribute__((import_module("emuscope"), import_name(#name)))

#ifdef __cplusplus
extern "C" {
#endif

typedef uint64_t qemu_plugin_id_t;

extern QEMU_PLUGIN_EXPORT int qemu_plugin_version;

/* What the emulator tells a plugin when it is attached; gone when qemu_plugin_install returns. */
typedef struct qemu_info_t {
    const char *target_name;
    struct {
        int min;
        int cur;
    } version;
    bool system_emulation;
    union {
        struct {
            int smp_vcpus;
            int max_vcpus;
        } system;
    };
} qemu_info_t;

/* The shim has an export of the plugin's name, which sets things up and then calls this. */
#define qemu_plugin_install emuscope_plugin_install
int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv);

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_scoreboard;
struct qemu_plugin_hwaddr;
struct qemu_plugin_register;
typedef uint32_t qemu_plugin_meminfo_t;

enum qemu_plugin_cb_flags {
    QEMU_PLUGIN_CB_NO_REGS,
    QEMU_PLUGIN_CB_R_REGS,
    QEMU_PLUGIN_CB_RW_REGS,
    QEMU_PLUGIN_CB_RW_REGS_PC,
};

enum qemu_plugin_mem_rw {
    QEMU_PLUGIN_MEM_R = 1,
    QEMU_PLUGIN_MEM_W,
    QEMU_PLUGIN_MEM_RW,
};

enum qemu_plugin_op {
    QEMU_PLUGIN_INLINE_ADD_U64,
    QEMU_PLUGIN_INLINE_STORE_U64,
};

enum qemu_plugin_cond {
    QEMU_PLUGIN_COND_NEVER,
    QEMU_PLUGIN_COND_ALWAYS,
    QEMU_PLUGIN_COND_EQ,
    QEMU_PLUGIN_COND_NE,
    QEMU_PLUGIN_COND_LT,
    QEMU_PLUGIN_COND_LE,
    QEMU_PLUGIN_COND_GT,
    QEMU_PLUGIN_COND_GE,
};

enum qemu_plugin_discon_type {
    QEMU_PLUGIN_DISCON_INTERRUPT = 1 << 0,
    QEMU_PLUGIN_DISCON_EXCEPTION = 1 << 1,
    QEMU_PLUGIN_DISCON_HOSTCALL = 1 << 2,
    QEMU_PLUGIN_DISCON_ALL = -1
};

enum qemu_plugin_mem_value_type {
    QEMU_PLUGIN_MEM_VALUE_U8,
    QEMU_PLUGIN_MEM_VALUE_U16,
    QEMU_PLUGIN_MEM_VALUE_U32,
    QEMU_PLUGIN_MEM_VALUE_U64,
    QEMU_PLUGIN_MEM_VALUE_U128,
};

typedef struct {
    enum qemu_plugin_mem_value_type type;
    union {
        uint8_t u8;
        uint16_t u16;
        uint32_t u32;
        uint64_t u64;
        struct {
            uint64_t low;
            uint64_t high;
        } u128;
    } data;
} qemu_plugin_mem_value;

enum qemu_plugin_hwaddr_operation_result {
    QEMU_PLUGIN_HWADDR_OPERATION_OK,
    QEMU_PLUGIN_HWADDR_OPERATION_ERROR,
    QEMU_PLUGIN_HWADDR_OPERATION_DEVICE_ERROR,
    QEMU_PLUGIN_HWADDR_OPERATION_ACCESS_DENIED,
    QEMU_PLUGIN_HWADDR_OPERATION_INVALID_ADDRESS,
    QEMU_PLUGIN_HWADDR_OPERATION_INVALID_ADDRESS_SPACE,
};

/* An uint64_t in each hart's element of a scoreboard. */
typedef struct {
    struct qemu_plugin_scoreboard *score;
    size_t offset;
} qemu_plugin_u64;

typedef struct {
    struct qemu_plugin_register *handle;
    const char *name;
    const char *feature;
    bool is_readonly;
} qemu_plugin_reg_descriptor;

/* Callbacks. The first three have a second form since version 7, with userdata in place of the id. */
#if EMUSCOPE_PLUGIN_API >= 7 && defined(EMUSCOPE_PLUGIN_API_STRICT)
typedef void (*qemu_plugin_udata_cb_t)(void *userdata);
typedef void (*qemu_plugin_vcpu_simple_cb_t)(unsigned int vcpu_index);
#else
typedef void (*qemu_plugin_udata_cb_t)(qemu_plugin_id_t id, void *userdata);
typedef void (*qemu_plugin_vcpu_simple_cb_t)(qemu_plugin_id_t id, unsigned int vcpu_index);
#endif
typedef void (*qemu_plugin_simple_cb_t)(qemu_plugin_id_t id);
typedef void (*qemu_plugin_vcpu_tb_trans_cb_t)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*qemu_plugin_vcpu_udata_cb_t)(unsigned int vcpu_index, void *userdata);
typedef void (*qemu_plugin_vcpu_mem_cb_t)(unsigned int vcpu_index, qemu_plugin_meminfo_t info, uint64_t vaddr,
                                          void *userdata);
typedef void (*qemu_plugin_vcpu_discon_cb_t)(qemu_plugin_id_t id, unsigned int vcpu_index,
                                             enum qemu_plugin_discon_type type, uint64_t from_pc, uint64_t to_pc);
typedef void (*qemu_plugin_vcpu_syscall_cb_t)(qemu_plugin_id_t id, unsigned int vcpu_index, int64_t num, uint64_t a1,
                                              uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6,
                                              uint64_t a7, uint64_t a8);
typedef bool (*qemu_plugin_vcpu_syscall_filter_cb_t)(qemu_plugin_id_t id, unsigned int vcpu_index, int64_t num,
                                                     uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
                                                     uint64_t a6, uint64_t a7, uint64_t a8, uint64_t *sysret);
typedef void (*qemu_plugin_vcpu_syscall_ret_cb_t)(qemu_plugin_id_t id, unsigned int vcpu_index, int64_t num,
                                                  int64_t ret);

/*
 * Registration of callbacks that exist in two forms: (id, cb) and (id, cb, userdata). A function of any type is taken;
 * the host refuses those of neither type with a message.
 */
typedef void (*emuscope_cb_t)(void);
#define EMUSCOPE_REGISTER(name) void qemu_plugin_##name(qemu_plugin_id_t id, emuscope_cb_t cb, void *userdata)
EMUSCOPE_REGISTER(uninstall);
EMUSCOPE_IMPORT(reset) EMUSCOPE_REGISTER(reset);
EMUSCOPE_IMPORT(register_vcpu_init_cb) EMUSCOPE_REGISTER(register_vcpu_init_cb);
EMUSCOPE_IMPORT(register_vcpu_exit_cb) EMUSCOPE_REGISTER(register_vcpu_exit_cb);
EMUSCOPE_IMPORT(register_vcpu_idle_cb) EMUSCOPE_REGISTER(register_vcpu_idle_cb);
EMUSCOPE_IMPORT(register_vcpu_resume_cb) EMUSCOPE_REGISTER(register_vcpu_resume_cb);
EMUSCOPE_IMPORT(register_vcpu_tb_trans_cb) EMUSCOPE_REGISTER(register_vcpu_tb_trans_cb);
EMUSCOPE_IMPORT(register_flush_cb) EMUSCOPE_REGISTER(register_flush_cb);
EMUSCOPE_REGISTER(register_atexit_cb);
EMUSCOPE_REGISTER(vcpu_for_each);
#undef EMUSCOPE_REGISTER
EMUSCOPE_IMPORT(register_vcpu_discon_cb)
void qemu_plugin_register_vcpu_discon_cb(qemu_plugin_id_t id, enum qemu_plugin_discon_type type, emuscope_cb_t cb,
                                         void *userdata);

#ifdef __cplusplus
/* Lambdas as well; plugins include this file inside extern "C". */
extern "C++" {
template <typename F> emuscope_cb_t emuscope_cb(F function)
{
    return reinterpret_cast<emuscope_cb_t>(+function);
}
inline emuscope_cb_t emuscope_cb(decltype(nullptr))
{
    return nullptr;
}
}
#else
#define emuscope_cb(function) ((emuscope_cb_t)(function))
#endif
#define EMUSCOPE_ID_CB(id, cb, userdata, ...) (id), emuscope_cb(cb), (void *)(userdata)
#define qemu_plugin_uninstall(id, ...) qemu_plugin_uninstall(EMUSCOPE_ID_CB(id, __VA_ARGS__, NULL, ))
#define qemu_plugin_reset(id, ...) qemu_plugin_reset(EMUSCOPE_ID_CB(id, __VA_ARGS__, NULL, ))
#define qemu_plugin_register_vcpu_init_cb(id, ...) \
    qemu_plugin_register_vcpu_init_cb(EMUSCOPE_ID_CB(id, __VA_ARGS__, NULL, ))
#define qemu_plugin_register_vcpu_exit_cb(id, ...) \
    qemu_plugin_register_vcpu_exit_cb(EMUSCOPE_ID_CB(id, __VA_ARGS__, NULL, ))
#define qemu_plugin_register_vcpu_idle_cb(id, ...) \
    qemu_plugin_register_vcpu_idle_cb(EMUSCOPE_ID_CB(id, __VA_ARGS__, NULL, ))
#define qemu_plugin_register_vcpu_resume_cb(id, ...) \
    qemu_plugin_register_vcpu_resume_cb(EMUSCOPE_ID_CB(id, __VA_ARGS__, NULL, ))
#define qemu_plugin_register_vcpu_tb_trans_cb(id, ...) \
    qemu_plugin_register_vcpu_tb_trans_cb(EMUSCOPE_ID_CB(id, __VA_ARGS__, NULL, ))
#define qemu_plugin_register_flush_cb(id, ...) qemu_plugin_register_flush_cb(EMUSCOPE_ID_CB(id, __VA_ARGS__, NULL, ))
#define qemu_plugin_register_atexit_cb(id, ...) qemu_plugin_register_atexit_cb(EMUSCOPE_ID_CB(id, __VA_ARGS__, NULL, ))
#define qemu_plugin_vcpu_for_each(id, ...) qemu_plugin_vcpu_for_each(EMUSCOPE_ID_CB(id, __VA_ARGS__, NULL, ))
#define EMUSCOPE_DISCON_CB(cb, userdata, ...) emuscope_cb(cb), (void *)(userdata)
#define qemu_plugin_register_vcpu_discon_cb(id, type, ...) \
    qemu_plugin_register_vcpu_discon_cb((id), (type), EMUSCOPE_DISCON_CB(__VA_ARGS__, NULL, ))

/* System calls are user mode's; here they never happen. */
#define qemu_plugin_register_vcpu_syscall_cb(...) ((void)0)
#define qemu_plugin_register_vcpu_syscall_ret_cb(...) ((void)0)
#define qemu_plugin_register_vcpu_syscall_filter_cb(...) ((void)0)

/* Called by what only version 1 has; that it is imported tells the host. */
EMUSCOPE_IMPORT(emu_version_1) void emuscope_version_1(void);

/* Blocks and instructions; handles are valid while the block is being translated. */
EMUSCOPE_IMPORT(tb_n_insns) size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
EMUSCOPE_IMPORT(tb_vaddr) uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
EMUSCOPE_IMPORT(tb_get_insn)
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
EMUSCOPE_IMPORT(insn_size) size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
EMUSCOPE_IMPORT(insn_vaddr) uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
EMUSCOPE_IMPORT(insn_data) size_t emuscope_insn_data(const struct qemu_plugin_insn *insn, void *dest, size_t length);
const void *emuscope_insn_bytes(const struct qemu_plugin_insn *insn);
#define EMUSCOPE_PICK_3(a, b, c, name, ...) name
/* Copies into (dest, length) since version 3; before, with the instruction alone, it gives a pointer to the bytes. */
#define qemu_plugin_insn_data(...) \
    EMUSCOPE_PICK_3(__VA_ARGS__, emuscope_insn_data, emuscope_insn_data, emuscope_insn_bytes, )(__VA_ARGS__)
/* The low half of its physical address: a number that tells where it lies, as QEMU's host pointer does. */
void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *insn);
char *qemu_plugin_insn_disas(const struct qemu_plugin_insn *insn);
const char *qemu_plugin_insn_symbol(const struct qemu_plugin_insn *insn);

/* Probes */
EMUSCOPE_IMPORT(register_vcpu_tb_exec_cb)
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, qemu_plugin_vcpu_udata_cb_t cb,
                                          enum qemu_plugin_cb_flags flags, void *userdata);
EMUSCOPE_IMPORT(register_vcpu_insn_exec_cb)
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, qemu_plugin_vcpu_udata_cb_t cb,
                                            enum qemu_plugin_cb_flags flags, void *userdata);
EMUSCOPE_IMPORT(register_vcpu_mem_cb)
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, qemu_plugin_vcpu_mem_cb_t cb,
                                      enum qemu_plugin_cb_flags flags, enum qemu_plugin_mem_rw rw, void *userdata);
void qemu_plugin_register_vcpu_tb_exec_cond_cb(struct qemu_plugin_tb *tb, qemu_plugin_vcpu_udata_cb_t cb,
                                               enum qemu_plugin_cb_flags flags, enum qemu_plugin_cond cond,
                                               qemu_plugin_u64 entry, uint64_t imm, void *userdata);
void qemu_plugin_register_vcpu_insn_exec_cond_cb(struct qemu_plugin_insn *insn, qemu_plugin_vcpu_udata_cb_t cb,
                                                 enum qemu_plugin_cb_flags flags, enum qemu_plugin_cond cond,
                                                 qemu_plugin_u64 entry, uint64_t imm, void *userdata);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb, enum qemu_plugin_op op,
                                                       qemu_plugin_u64 entry, uint64_t imm);
void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct qemu_plugin_insn *insn, enum qemu_plugin_op op,
                                                         qemu_plugin_u64 entry, uint64_t imm);
void qemu_plugin_register_vcpu_mem_inline_per_vcpu(struct qemu_plugin_insn *insn, enum qemu_plugin_mem_rw rw,
                                                   enum qemu_plugin_op op, qemu_plugin_u64 entry, uint64_t imm);
/* Version 1: one uint64_t of the plugin's memory, which all harts share. */
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, enum qemu_plugin_op op, void *counter,
                                              uint64_t imm);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, enum qemu_plugin_op op, void *counter,
                                                uint64_t imm);
void qemu_plugin_register_vcpu_mem_inline(struct qemu_plugin_insn *insn, enum qemu_plugin_mem_rw rw,
                                          enum qemu_plugin_op op, void *counter, uint64_t imm);

/* The access whose callback runs */
static inline unsigned int qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t info)
{
    return info & 15;
}
static inline bool qemu_plugin_mem_is_sign_extended(qemu_plugin_meminfo_t info)
{
    return info >> 4 & 1;
}
static inline bool qemu_plugin_mem_is_big_endian(qemu_plugin_meminfo_t info)
{
    return info >> 5 & 1;
}
static inline bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t info)
{
    return info >> 6 & 1;
}
EMUSCOPE_IMPORT(mem_get_value) uint64_t emuscope_mem_value(void);
static inline qemu_plugin_mem_value qemu_plugin_mem_get_value(qemu_plugin_meminfo_t info)
{
    qemu_plugin_mem_value value;
    value.type = (enum qemu_plugin_mem_value_type)qemu_plugin_mem_size_shift(info);
    value.data.u128.low = emuscope_mem_value();
    value.data.u128.high = 0;
    return value;
}

/* There is one hwaddr, that of the access whose callback runs: it was captured with the access and cannot be stale. */
EMUSCOPE_IMPORT(get_hwaddr) uint32_t emuscope_has_hwaddr(void);
EMUSCOPE_IMPORT(hwaddr_is_io) uint32_t emuscope_hwaddr_is_io(void);
EMUSCOPE_IMPORT(hwaddr_phys_addr) uint64_t emuscope_hwaddr_phys_addr(void);
EMUSCOPE_IMPORT(emu_hwaddr_offset) uint64_t emuscope_hwaddr_offset(void);
const char *emuscope_hwaddr_device_name(void);
static inline struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(qemu_plugin_meminfo_t info, uint64_t vaddr)
{
    (void)info;
    (void)vaddr;
    return (struct qemu_plugin_hwaddr *)(uintptr_t)emuscope_has_hwaddr();
}
static inline bool qemu_plugin_hwaddr_is_io(const struct qemu_plugin_hwaddr *hwaddr)
{
    return hwaddr && emuscope_hwaddr_is_io();
}
static inline uint64_t qemu_plugin_hwaddr_phys_addr(const struct qemu_plugin_hwaddr *hwaddr)
{
    return hwaddr ? emuscope_hwaddr_phys_addr() : 0;
}
static inline const char *qemu_plugin_hwaddr_device_name(const struct qemu_plugin_hwaddr *hwaddr)
{
    return hwaddr ? emuscope_hwaddr_device_name() : NULL;
}
/* Before version 1: where in the device, or in memory, the access went. */
static inline uint64_t qemu_plugin_hwaddr_device_offset(const struct qemu_plugin_hwaddr *hwaddr)
{
    return hwaddr ? emuscope_hwaddr_offset() : 0;
}

/* Memory and registers of the hart in whose callback this is */
bool qemu_plugin_read_memory_vaddr(uint64_t addr, GByteArray *data, size_t length);
bool qemu_plugin_write_memory_vaddr(uint64_t addr, GByteArray *data);
enum qemu_plugin_hwaddr_operation_result qemu_plugin_read_memory_hwaddr(uint64_t addr, GByteArray *data, size_t length);
enum qemu_plugin_hwaddr_operation_result qemu_plugin_write_memory_hwaddr(uint64_t addr, GByteArray *data);
EMUSCOPE_IMPORT(translate_vaddr) uint32_t emuscope_translate_vaddr(uint64_t vaddr, uint64_t *hwaddr);
static inline bool qemu_plugin_translate_vaddr(uint64_t vaddr, uint64_t *hwaddr)
{
    return emuscope_translate_vaddr(vaddr, hwaddr);
}
GArray *qemu_plugin_get_registers(void);
/* Appends to the buffer; the bytes of it, which is true, or 0 (-1 for versions 4 and 5). */
int emuscope_read_register(struct qemu_plugin_register *handle, GByteArray *buf, int failed);
#define qemu_plugin_read_register(handle, buf) \
    emuscope_read_register((handle), (buf), EMUSCOPE_PLUGIN_API == 4 || EMUSCOPE_PLUGIN_API == 5 ? -1 : 0)
int qemu_plugin_write_register(struct qemu_plugin_register *handle, GByteArray *buf);
EMUSCOPE_IMPORT(set_pc) __attribute__((noreturn)) void qemu_plugin_set_pc(uint64_t vaddr);

/* Scoreboards: an element for each hart, in the plugin's memory. */
struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size);
void qemu_plugin_scoreboard_free(struct qemu_plugin_scoreboard *score);
void *qemu_plugin_scoreboard_find(struct qemu_plugin_scoreboard *score, unsigned int vcpu_index);
#define qemu_plugin_scoreboard_u64(score) \
    (qemu_plugin_u64) { score, 0 }
#define qemu_plugin_scoreboard_u64_in_struct(score, type, member) \
    (qemu_plugin_u64) { score, offsetof(type, member) }
void qemu_plugin_u64_add(qemu_plugin_u64 entry, unsigned int vcpu_index, uint64_t added);
uint64_t qemu_plugin_u64_get(qemu_plugin_u64 entry, unsigned int vcpu_index);
void qemu_plugin_u64_set(qemu_plugin_u64 entry, unsigned int vcpu_index, uint64_t value);
uint64_t qemu_plugin_u64_sum(qemu_plugin_u64 entry);

/* Machine, time, output */
EMUSCOPE_IMPORT(num_vcpus) int qemu_plugin_num_vcpus(void);
static inline int qemu_plugin_n_vcpus(void)
{
    emuscope_version_1();
    return qemu_plugin_num_vcpus();
}
static inline int qemu_plugin_n_max_vcpus(void)
{
    return qemu_plugin_n_vcpus();
}
EMUSCOPE_IMPORT(request_time_control) const void *qemu_plugin_request_time_control(void);
EMUSCOPE_IMPORT(update_ns) void qemu_plugin_update_ns(const void *handle, int64_t time);
void qemu_plugin_outs(const char *text);
bool qemu_plugin_bool_parse(const char *name, const char *value, bool *result);

/* Of user mode; as QEMU answers them for a whole system. */
static inline const char *qemu_plugin_path_to_binary(void)
{
    return NULL;
}
static inline uint64_t qemu_plugin_start_code(void)
{
    return 0;
}
static inline uint64_t qemu_plugin_end_code(void)
{
    return 0;
}
static inline uint64_t qemu_plugin_entry_code(void)
{
    return 0;
}

#ifdef __cplusplus
}
#endif

#endif
