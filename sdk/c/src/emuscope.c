/*
 * What of the plugin interface is done in the plugin's own memory: scoreboards, strings and arrays made of the host's
 * flat answers, and the frame around install and exit (buffered output is written when results are wanted and at the end,
 * as a process's would be when it exits).
 */
#include <emuscope.h>
#include <stdio.h>

#undef qemu_plugin_install
#undef qemu_plugin_register_atexit_cb
#undef qemu_plugin_vcpu_for_each
#undef qemu_plugin_uninstall

int emuscope_function_shape(emuscope_cb_t function) EMUSCOPE_IMPORT(emu_function_shape);
void host_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *)
    EMUSCOPE_IMPORT(register_atexit_cb);
void host_uninstall(qemu_plugin_id_t, void (*)(void *), void *) EMUSCOPE_IMPORT(uninstall);
void host_register_results_cb(qemu_plugin_id_t, emu_udata_cb_t, void *) EMUSCOPE_IMPORT(emu_register_results_cb);
int host_insn_disas(const struct qemu_plugin_insn *, char *, size_t) EMUSCOPE_IMPORT(insn_disas);
int host_insn_symbol(const struct qemu_plugin_insn *, char *, size_t) EMUSCOPE_IMPORT(insn_symbol);
void host_tb_exec_inline(struct qemu_plugin_tb *, int, void *, size_t, uint64_t)
    EMUSCOPE_IMPORT(register_vcpu_tb_exec_inline_per_vcpu);
void host_insn_exec_inline(struct qemu_plugin_insn *, int, void *, size_t, uint64_t)
    EMUSCOPE_IMPORT(register_vcpu_insn_exec_inline_per_vcpu);
void host_mem_inline(struct qemu_plugin_insn *, int, int, void *, size_t, uint64_t)
    EMUSCOPE_IMPORT(register_vcpu_mem_inline_per_vcpu);
void host_tb_exec_cond_cb(struct qemu_plugin_tb *, qemu_plugin_vcpu_udata_cb_t, int, int, void *, size_t, uint64_t,
                          void *) EMUSCOPE_IMPORT(register_vcpu_tb_exec_cond_cb);
void host_insn_exec_cond_cb(struct qemu_plugin_insn *, qemu_plugin_vcpu_udata_cb_t, int, int, void *, size_t, uint64_t,
                            void *) EMUSCOPE_IMPORT(register_vcpu_insn_exec_cond_cb);
void host_scoreboard_free(void *, size_t) EMUSCOPE_IMPORT(scoreboard_free);
uint32_t host_register_count(void) EMUSCOPE_IMPORT(emu_register_count);
int host_register_name(uint32_t, char *, size_t) EMUSCOPE_IMPORT(emu_register_name);
int host_register_feature(uint32_t, char *, size_t) EMUSCOPE_IMPORT(emu_register_feature);
uint32_t host_register_size(uint32_t) EMUSCOPE_IMPORT(emu_register_size);
uint32_t host_register_read_only(uint32_t) EMUSCOPE_IMPORT(emu_register_read_only);
int host_read_register(struct qemu_plugin_register *, void *, size_t) EMUSCOPE_IMPORT(read_register);
int host_write_register(struct qemu_plugin_register *, const void *, size_t) EMUSCOPE_IMPORT(write_register);
int host_read_vaddr(uint64_t, void *, size_t) EMUSCOPE_IMPORT(read_memory_vaddr);
int host_write_vaddr(uint64_t, const void *, size_t) EMUSCOPE_IMPORT(write_memory_vaddr);
int host_read_hwaddr(uint64_t, void *, size_t) EMUSCOPE_IMPORT(read_memory_hwaddr);
int host_write_hwaddr(uint64_t, const void *, size_t) EMUSCOPE_IMPORT(write_memory_hwaddr);
void host_outs(const char *, size_t) EMUSCOPE_IMPORT(outs);

/* The frame: the plugin's exit, uninstall and results callbacks run inside the shim's. */

int emuscope_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv);

struct callback {
    qemu_plugin_id_t id;
    emuscope_cb_t function;
    void *userdata;
};
static struct callback at_exit, at_results, at_uninstall;

/* libc's: runs destructors and what atexit() got, writes buffers. */
void __wasm_call_dtors(void);

static void run_exit(qemu_plugin_id_t id, void *userdata)
{
    (void)id;
    (void)userdata;
    if (at_exit.function) {
        if (emuscope_function_shape(at_exit.function) == 1) { /* version 7's */
            ((void (*)(void *))at_exit.function)(at_exit.userdata);
        } else {
            ((void (*)(qemu_plugin_id_t, void *))at_exit.function)(at_exit.id, at_exit.userdata);
        }
    }
    __wasm_call_dtors();
}

/* As a library is unloaded: destructors run last. */
static void run_uninstalled(void *userdata)
{
    (void)userdata;
    if (at_uninstall.function) {
        if (emuscope_function_shape(at_uninstall.function) == 1) { /* version 7's */
            ((void (*)(void *))at_uninstall.function)(at_uninstall.userdata);
        } else {
            ((qemu_plugin_simple_cb_t)at_uninstall.function)(at_uninstall.id);
        }
    }
    __wasm_call_dtors();
}

static void run_results(void *userdata)
{
    (void)userdata;
    if (at_results.function) {
        ((emu_udata_cb_t)at_results.function)(at_results.userdata);
    }
    fflush(NULL);
}

void qemu_plugin_uninstall(qemu_plugin_id_t id, emuscope_cb_t cb, void *userdata)
{
    at_uninstall = (struct callback){id, cb, userdata};
    host_uninstall(id, run_uninstalled, NULL);
}

void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, emuscope_cb_t cb, void *userdata)
{
    at_exit = (struct callback){id, cb, userdata};
}

void emu_register_results_cb(qemu_plugin_id_t id, emu_udata_cb_t cb, void *userdata)
{
    at_results = (struct callback){id, (emuscope_cb_t)cb, userdata};
}

__attribute__((export_name("qemu_plugin_install"))) int emuscope_install(qemu_plugin_id_t id, const qemu_info_t *info,
                                                                         int argc, char **argv)
{
    int result;

    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    host_register_atexit_cb(id, run_exit, NULL);
    host_register_results_cb(id, run_results, NULL);
    result = emuscope_plugin_install(id, info, argc, argv);
    fflush(NULL);
    return result;
}

void qemu_plugin_vcpu_for_each(qemu_plugin_id_t id, emuscope_cb_t cb, void *userdata)
{
    bool with_userdata = emuscope_function_shape(cb) == 2;

    for (unsigned i = 0; i < (unsigned)qemu_plugin_num_vcpus(); i++) {
        if (with_userdata) {
            ((qemu_plugin_vcpu_udata_cb_t)cb)(i, userdata);
        } else {
            ((void (*)(qemu_plugin_id_t, unsigned))cb)(id, i);
        }
    }
}

/* Strings: asked for with room for most of them, again where it was not enough. */

struct text {
    char small[160];
    char *big;
};

#define FETCH(text, call, what) \
    ({ \
        int length = call((what), (text)->small, sizeof(text)->small); \
        (text)->big = NULL; \
        if (length >= (int)sizeof(text)->small) { \
            (text)->big = g_malloc((gsize)length + 1); \
            call((what), (text)->big, (size_t)length + 1); \
        } \
        length < 0 ? NULL : (text)->big ? (text)->big : (text)->small; \
    })

static const char *interned(struct text *text, const char *value)
{
    const char *kept = value ? g_intern_string(value) : NULL;
    g_free(text->big);
    return kept;
}

char *qemu_plugin_insn_disas(const struct qemu_plugin_insn *insn)
{
    struct text text;
    char *value = FETCH(&text, host_insn_disas, insn);
    return value == text.small ? g_strdup(value) : value;
}

const char *qemu_plugin_insn_symbol(const struct qemu_plugin_insn *insn)
{
    struct text text;
    return interned(&text, FETCH(&text, host_insn_symbol, insn));
}

/* Bytes stay for as long as any block's callback can last: a block has at most 512 instructions. */
const void *emuscope_insn_bytes(const struct qemu_plugin_insn *insn)
{
    static uint64_t kept[512];
    static unsigned next;
    uint64_t *bytes = &kept[next++ % G_N_ELEMENTS(kept)];

    emuscope_version_1();
    *bytes = 0;
    emuscope_insn_data(insn, bytes, sizeof *bytes);
    return bytes;
}

void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *insn)
{
    return (void *)(uintptr_t)emu_insn_paddr(insn);
}

const char *emuscope_hwaddr_device_name(void)
{
    static GPtrArray *names; /* by region */
    uint32_t region;

    if (!emuscope_hwaddr_is_io()) {
        return "RAM";
    }
    region = emu_hwaddr_region();
    if (!names) {
        names = g_ptr_array_new();
    }
    if (region >= names->len) {
        g_ptr_array_set_size(names, (gint)region + 1);
    }
    if (!names->pdata[region]) {
        struct text text;
        names->pdata[region] = (gpointer)interned(&text, FETCH(&text, emu_region_name, region));
    }
    return names->pdata[region];
}

/* Scoreboards */

struct qemu_plugin_scoreboard {
    size_t size; /* of an element, rounded up so that each starts aligned */
    unsigned harts;
    _Alignas(16) char elements[];
};

struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size)
{
    unsigned harts = (unsigned)qemu_plugin_num_vcpus();
    size_t size = (element_size + 7) & ~(size_t)7;
    struct qemu_plugin_scoreboard *score = g_malloc0(sizeof *score + harts * size);

    score->size = size;
    score->harts = harts;
    return score;
}

void qemu_plugin_scoreboard_free(struct qemu_plugin_scoreboard *score)
{
    if (score) {
        host_scoreboard_free(score->elements, score->size * score->harts);
        g_free(score);
    }
}

void *qemu_plugin_scoreboard_find(struct qemu_plugin_scoreboard *score, unsigned int vcpu_index)
{
    return score->elements + vcpu_index * score->size;
}

static uint64_t *counter(qemu_plugin_u64 entry, unsigned int vcpu_index)
{
    return (uint64_t *)((char *)qemu_plugin_scoreboard_find(entry.score, vcpu_index) + entry.offset);
}

void qemu_plugin_u64_add(qemu_plugin_u64 entry, unsigned int vcpu_index, uint64_t added)
{
    *counter(entry, vcpu_index) += added;
}

uint64_t qemu_plugin_u64_get(qemu_plugin_u64 entry, unsigned int vcpu_index)
{
    return *counter(entry, vcpu_index);
}

void qemu_plugin_u64_set(qemu_plugin_u64 entry, unsigned int vcpu_index, uint64_t value)
{
    *counter(entry, vcpu_index) = value;
}

uint64_t qemu_plugin_u64_sum(qemu_plugin_u64 entry)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < entry.score->harts; i++) {
        sum += *counter(entry, i);
    }
    return sum;
}

/* Probes on scoreboards, and on single counters that all harts share (stride 0) */

#define ENTRY(entry) counter((entry), 0), (entry).score->size

void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb, enum qemu_plugin_op op,
                                                       qemu_plugin_u64 entry, uint64_t imm)
{
    host_tb_exec_inline(tb, op, ENTRY(entry), imm);
}

void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct qemu_plugin_insn *insn, enum qemu_plugin_op op,
                                                         qemu_plugin_u64 entry, uint64_t imm)
{
    host_insn_exec_inline(insn, op, ENTRY(entry), imm);
}

void qemu_plugin_register_vcpu_mem_inline_per_vcpu(struct qemu_plugin_insn *insn, enum qemu_plugin_mem_rw rw,
                                                   enum qemu_plugin_op op, qemu_plugin_u64 entry, uint64_t imm)
{
    host_mem_inline(insn, rw, op, ENTRY(entry), imm);
}

void qemu_plugin_register_vcpu_tb_exec_cond_cb(struct qemu_plugin_tb *tb, qemu_plugin_vcpu_udata_cb_t cb,
                                               enum qemu_plugin_cb_flags flags, enum qemu_plugin_cond cond,
                                               qemu_plugin_u64 entry, uint64_t imm, void *userdata)
{
    host_tb_exec_cond_cb(tb, cb, flags, cond, ENTRY(entry), imm, userdata);
}

void qemu_plugin_register_vcpu_insn_exec_cond_cb(struct qemu_plugin_insn *insn, qemu_plugin_vcpu_udata_cb_t cb,
                                                 enum qemu_plugin_cb_flags flags, enum qemu_plugin_cond cond,
                                                 qemu_plugin_u64 entry, uint64_t imm, void *userdata)
{
    host_insn_exec_cond_cb(insn, cb, flags, cond, ENTRY(entry), imm, userdata);
}

void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, enum qemu_plugin_op op, void *counter,
                                              uint64_t imm)
{
    emuscope_version_1();
    host_tb_exec_inline(tb, op, counter, 0, imm);
}

void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, enum qemu_plugin_op op, void *counter,
                                                uint64_t imm)
{
    emuscope_version_1();
    host_insn_exec_inline(insn, op, counter, 0, imm);
}

void qemu_plugin_register_vcpu_mem_inline(struct qemu_plugin_insn *insn, enum qemu_plugin_mem_rw rw,
                                          enum qemu_plugin_op op, void *counter, uint64_t imm)
{
    emuscope_version_1();
    host_mem_inline(insn, rw, op, counter, 0, imm);
}

/* Registers and memory */

GArray *qemu_plugin_get_registers(void)
{
    GArray *all = g_array_new(FALSE, TRUE, sizeof(qemu_plugin_reg_descriptor));
    uint32_t count = host_register_count();

    for (uint32_t i = 1; i <= count; i++) {
        struct text name, feature;
        qemu_plugin_reg_descriptor descriptor = {
            .handle = (struct qemu_plugin_register *)(uintptr_t)i,
            .name = interned(&name, FETCH(&name, host_register_name, i)),
            .feature = interned(&feature, FETCH(&feature, host_register_feature, i)),
            .is_readonly = host_register_read_only(i) != 0,
        };
        g_array_append_val(all, descriptor);
    }
    return all;
}

int emuscope_read_register(struct qemu_plugin_register *handle, GByteArray *buf, int failed)
{
    uint32_t size = host_register_size((uint32_t)(uintptr_t)handle);
    guint before = buf->len;
    int got;

    g_byte_array_set_size(buf, before + size);
    got = size ? host_read_register(handle, buf->data + before, size) : -1;
    if (got <= 0) {
        g_byte_array_set_size(buf, before);
        return failed;
    }
    return got;
}

int qemu_plugin_write_register(struct qemu_plugin_register *handle, GByteArray *buf)
{
    uint32_t size = host_register_size((uint32_t)(uintptr_t)handle);

    return buf->len >= size && host_write_register(handle, buf->data, size) ? (int)size : 0;
}

bool qemu_plugin_read_memory_vaddr(uint64_t addr, GByteArray *data, size_t length)
{
    g_byte_array_set_size(data, length);
    return length && host_read_vaddr(addr, data->data, length);
}

bool qemu_plugin_write_memory_vaddr(uint64_t addr, GByteArray *data)
{
    return data->len && host_write_vaddr(addr, data->data, data->len);
}

enum qemu_plugin_hwaddr_operation_result qemu_plugin_read_memory_hwaddr(uint64_t addr, GByteArray *data, size_t length)
{
    if (!length) {
        return QEMU_PLUGIN_HWADDR_OPERATION_ERROR;
    }
    g_byte_array_set_size(data, length);
    return host_read_hwaddr(addr, data->data, length);
}

enum qemu_plugin_hwaddr_operation_result qemu_plugin_write_memory_hwaddr(uint64_t addr, GByteArray *data)
{
    return data->len ? host_write_hwaddr(addr, data->data, data->len) : QEMU_PLUGIN_HWADDR_OPERATION_ERROR;
}

/* Text */

void qemu_plugin_outs(const char *text)
{
    host_outs(text, strlen(text));
}

bool qemu_plugin_bool_parse(const char *name, const char *value, bool *result)
{
    static const char *const words[] = {"on", "yes", "true", "off", "no", "false"};

    if (name && value && result) {
        for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
            if (g_str_equal(value, words[i])) {
                *result = i < 3;
                return true;
            }
        }
    }
    return false;
}
