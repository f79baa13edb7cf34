// A profile of blocks in C++17: maps, smart pointers, streams, lambdas as callbacks, mutexes, atomics, clocks, a file.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cinttypes>
#include <fstream>
#include <functional>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>
extern "C" {
#include <qemu-plugin.h>
}
extern "C" QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;
namespace {
struct Block { uint64_t pc; size_t n; std::string symbol; std::atomic<uint64_t> runs{0}; std::vector<std::string> text; };
class Profile {
public:
    Block *add(uint64_t pc, size_t n, const char *symbol) {
        std::lock_guard<std::mutex> guard(mutex_);
        auto [it, fresh] = blocks_.try_emplace({pc, n}, nullptr);
        if (fresh) { it->second = std::make_unique<Block>(); it->second->pc = pc; it->second->n = n; if (symbol) it->second->symbol = symbol; }
        return it->second.get();
    }
    void report(std::ostream &out, size_t top) const {
        std::vector<const Block *> all;
        for (const auto &[key, block] : blocks_) if (block->runs) all.push_back(block.get());
        std::stable_sort(all.begin(), all.end(), [](auto a, auto b) { return a->runs * a->n > b->runs * b->n; });
        out << all.size() << " blocks\n";
        for (size_t i = 0; i < std::min(top, all.size()); i++)
            out << "0x" << std::hex << std::setw(16) << std::setfill('0') << all[i]->pc << std::dec << std::setfill(' ') << std::setw(10) << all[i]->runs.load() << ' ' << all[i]->symbol << "\n";
        std::map<std::string, uint64_t> per;
        for (auto b : all) per[b->symbol] += b->runs * b->n;
        for (auto &[name, n] : per) out << std::left << std::setw(20) << name << std::right << std::fixed << std::setprecision(2) << 100.0 * n / total() << "%\n";
    }
    uint64_t total() const { uint64_t t = 0; for (auto &[k, b] : blocks_) t += b->runs * b->n; return t; }
private:
    std::mutex mutex_;
    std::map<std::pair<uint64_t, size_t>, std::unique_ptr<Block>> blocks_;
};
Profile profile;
std::unordered_map<std::string, std::string> options;
std::set<uint64_t> pages;
std::function<void()> at_end;
}
static void on_mem(unsigned int cpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *) { pages.insert(vaddr >> 12); }
static void on_exec(unsigned int cpu, void *udata) { static_cast<Block *>(udata)->runs++; }
static void on_trans(qemu_plugin_id_t id, qemu_plugin_tb *tb) {
    auto n = qemu_plugin_tb_n_insns(tb);
    auto *b = profile.add(qemu_plugin_tb_vaddr(tb), n, qemu_plugin_insn_symbol(qemu_plugin_tb_get_insn(tb, 0)));
    for (size_t i = 0; i < n; i++) {
        auto *insn = qemu_plugin_tb_get_insn(tb, i);
        std::unique_ptr<char, decltype(&g_free)> d(qemu_plugin_insn_disas(insn), g_free);
        b->text.emplace_back(d.get());
        qemu_plugin_register_vcpu_mem_cb(insn, on_mem, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_W, nullptr);
    }
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_exec, QEMU_PLUGIN_CB_NO_REGS, b);
}
extern "C" QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv) {
    for (int i = 0; i < argc; i++) {
        std::string_view a(argv[i]);
        if (auto eq = a.find('='); eq != a.npos) options.emplace(a.substr(0, eq), a.substr(eq + 1)); else { std::cerr << "bad " << a << std::endl; return -1; }
    }
    auto t0 = std::chrono::steady_clock::now();
    at_end = [t0] {
        std::ostringstream s;
        profile.report(s, options.count("top") ? std::stoul(options["top"]) : 5);
        s << pages.size() << " pages written, " << (std::chrono::steady_clock::now() >= t0 ? "ok" : "clock") << "\n";
        qemu_plugin_outs(s.str().c_str());
        if (auto f = options.find("out"); f != options.end()) { std::ofstream o(f->second); o << s.str(); }
    };
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_trans);
    qemu_plugin_register_atexit_cb(id, [](qemu_plugin_id_t, void *) { at_end(); }, nullptr);
    return 0;
}
