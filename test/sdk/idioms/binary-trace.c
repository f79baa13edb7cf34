/*
 * A binary trace of all accesses, in the style of tracers for simulators: POSIX and C11 only. getopt_long over the
 * arguments, pthread mutexes, atomics, packed records in a buffered file, signals, clocks, atexit.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <qemu-plugin.h>

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

struct rec { uint64_t pc; uint64_t addr; uint32_t cpu : 8, size : 8, store : 1, io : 1; } __attribute__((packed));
#define N 4096
static struct rec *buffer;
static size_t used;
static FILE *out;
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Atomic uint64_t total;
static uint64_t start_at, stop_at = UINT64_MAX;
static char path[PATH_MAX] = "trace.bin";
static struct timespec t0;
static volatile sig_atomic_t stop;
static __thread int depth;

static void die(const char *fmt, ...) { va_list ap; va_start(ap, fmt); vfprintf(stderr, fmt, ap); va_end(ap); abort(); }
static void flush_locked(void) { if (used && fwrite(buffer, sizeof *buffer, used, out) != used) die("short write: %m\n"); used = 0; }
static void on_signal(int s) { stop = 1; }
static void once_init(void) { buffer = calloc(N, sizeof *buffer); if (!buffer) die("no memory"); }

static void mem(unsigned int cpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *udata)
{
    uint64_t n = atomic_fetch_add_explicit(&total, 1, memory_order_relaxed);
    if (n < start_at || n >= stop_at || stop) return;
    struct qemu_plugin_hwaddr *hw = qemu_plugin_get_hwaddr(info, vaddr);
    pthread_mutex_lock(&mu);
    depth++;
    buffer[used++] = (struct rec){ .pc = *(uint64_t *)udata, .addr = hw ? qemu_plugin_hwaddr_phys_addr(hw) : vaddr, .cpu = cpu, .size = 1u << qemu_plugin_mem_size_shift(info), .store = qemu_plugin_mem_is_store(info), .io = hw && qemu_plugin_hwaddr_is_io(hw) };
    if (used == N) flush_locked();
    depth--;
    pthread_mutex_unlock(&mu);
}
static void trans(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); ++i) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t *pc = malloc(sizeof *pc);
        *pc = qemu_plugin_insn_vaddr(insn);
        qemu_plugin_register_vcpu_mem_cb(insn, mem, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, pc);
    }
}
static void bye(void) { printf("bye, %d\n", depth); }
static void finish(qemu_plugin_id_t id, void *p)
{
    pthread_mutex_lock(&mu);
    flush_locked();
    long at = ftell(out);
    if (fclose(out)) perror("fclose");
    pthread_mutex_unlock(&mu);
    struct timespec t1; clock_gettime(CLOCK_MONOTONIC, &t1);
    double s = (t1.tv_sec - t0.tv_sec) + (t1.tv_nsec - t0.tv_nsec) * 1e-9;
    if (s < 0) die("time");
    struct stat st;
    char buf[256];
    int n = snprintf(buf, sizeof buf, "%" PRIu64 " accesses, %ld bytes, %s", (uint64_t)total, at, stat(path, &st) == 0 && st.st_size == at ? "as stat says\n" : "no stat\n");
    assert(n > 0 && (size_t)n < sizeof buf);
    qemu_plugin_outs(buf);
    free(buffer);
}
QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    static const struct option longopts[] = { { "start", required_argument, 0, 's' }, { "stop", required_argument, 0, 'e' }, { "file", required_argument, 0, 'f' }, { 0 } };
    char *args[argc + 2];
    args[0] = "trace";
    for (int i = 0; i < argc; i++) { if (asprintf(&args[i + 1], "--%s", argv[i]) < 0) return -1; }
    args[argc + 1] = NULL;
    optind = 0;
    for (int c; (c = getopt_long(argc + 1, args, "s:e:f:", longopts, NULL)) != -1;) {
        switch (c) {
        case 's': start_at = strtoull(optarg, NULL, 0); break;
        case 'e': stop_at = strtoul(optarg, NULL, 0); break;
        case 'f': strncpy(path, optarg, sizeof path - 1); break;
        default: return -1;
        }
    }
    signal(SIGINT, on_signal);
    pthread_once(&once, once_init);
    out = fopen(path, "wb");
    if (!out) { perror(path); return -1; }
    setvbuf(out, NULL, _IOFBF, 1 << 16);
    clock_gettime(CLOCK_MONOTONIC, &t0);
    atexit(bye);
    qemu_plugin_register_vcpu_tb_trans_cb(id, trans);
    qemu_plugin_register_atexit_cb(id, finish, NULL);
    return 0;
}
