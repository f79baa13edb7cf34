/* Uses what C++ plugins use: containers, streams, and locks that libc++ leaves out where there are no threads. */
#include <algorithm>
#include <barrier>
#include <condition_variable>
#include <csetjmp>
#include <filesystem>
#include <future>
#include <iomanip>
#include <latch>
#include <map>
#include <mutex>
#include <semaphore>
#include <shared_mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

extern "C" {
#include <glib.h>
#include <qemu-plugin.h>
}

extern "C" QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

namespace {
std::mutex lock;
std::recursive_mutex again;
std::shared_mutex shared;
std::once_flag once;
std::map<uint64_t, uint64_t> sizes;
int first;

void executed(unsigned int, void *data)
{
    std::lock_guard<std::mutex> guard(lock);
    std::call_once(once, [] { first++; });
    sizes[reinterpret_cast<uintptr_t>(data)]++;
}

void translated(qemu_plugin_id_t, struct qemu_plugin_tb *tb)
{
    std::scoped_lock both(again, shared);
    std::lock_guard nested(again);
    for (size_t n = 0; n < qemu_plugin_tb_n_insns(tb); n++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, n);
        qemu_plugin_register_vcpu_insn_exec_cb(insn, executed, QEMU_PLUGIN_CB_NO_REGS,
                                               reinterpret_cast<void *>(qemu_plugin_insn_size(insn)));
    }
}

void ended(qemu_plugin_id_t, void *)
{
    std::unique_lock held(lock);
    std::ostringstream out;
    std::shared_lock<std::shared_mutex> reader(shared), second(shared);
    out << "free: " << std::unique_lock(lock, std::try_to_lock).owns_lock() << shared.try_lock() << second.owns_lock();
    held.unlock();
    std::condition_variable().wait(held, [] { return true; });
    out << std::unique_lock(lock, std::try_to_lock).owns_lock() << "\nonce: " << first << "\n";
    for (auto &[size, count] : sizes) {
        out << std::setw(2) << size << " bytes: " << count << "\n";
    }
    jmp_buf place;
    out << "threads: " << std::thread::hardware_concurrency() << ", jumps: " << setjmp(place) << "\n";
    qemu_plugin_outs(out.str().c_str());
}
} // namespace

extern "C" QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *, int, char **)
{
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, nullptr);
    return 0;
}
