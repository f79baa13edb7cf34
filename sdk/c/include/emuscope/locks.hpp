/*
 * Locks of C++ for one thread: libc++ leaves them out where there are no threads, but plugins written for QEMU name them.
 * A lock that is held cannot be waited for, so what would wait for ever ends the plugin with a report instead.
 */
#ifndef EMUSCOPE_LOCKS_HPP
#define EMUSCOPE_LOCKS_HPP

#include <chrono>
#include <cstdlib>
#include <utility>

namespace std {

/** Held at most once by whoever writes, any number of times by readers. */
class shared_timed_mutex {
    int readers = 0;
    bool held = false;

public:
    shared_timed_mutex() = default;
    shared_timed_mutex(const shared_timed_mutex &) = delete;
    shared_timed_mutex &operator=(const shared_timed_mutex &) = delete;
    bool try_lock()
    {
        if (held || readers > 0) {
            return false;
        }
        return held = true;
    }
    void lock()
    {
        if (!try_lock()) {
            abort();
        }
    }
    void unlock() { held = false; }
    bool try_lock_shared()
    {
        if (held) {
            return false;
        }
        readers++;
        return true;
    }
    void lock_shared()
    {
        if (!try_lock_shared()) {
            abort();
        }
    }
    void unlock_shared() { readers--; }
    template <class Duration> bool try_lock_for(const Duration &) { return try_lock(); }
    template <class Time> bool try_lock_until(const Time &) { return try_lock(); }
    template <class Duration> bool try_lock_shared_for(const Duration &) { return try_lock_shared(); }
    template <class Time> bool try_lock_shared_until(const Time &) { return try_lock_shared(); }
};
class shared_mutex : public shared_timed_mutex {};
class timed_mutex : public shared_timed_mutex {};
class mutex : public shared_timed_mutex {};

class recursive_timed_mutex {
public:
    recursive_timed_mutex() = default;
    recursive_timed_mutex(const recursive_timed_mutex &) = delete;
    recursive_timed_mutex &operator=(const recursive_timed_mutex &) = delete;
    void lock() {}
    bool try_lock() { return true; }
    void unlock() {}
    template <class Duration> bool try_lock_for(const Duration &) { return true; }
    template <class Time> bool try_lock_until(const Time &) { return true; }
};
class recursive_mutex : public recursive_timed_mutex {};

struct defer_lock_t {
    explicit defer_lock_t() = default;
};
struct try_to_lock_t {
    explicit try_to_lock_t() = default;
};
struct adopt_lock_t {
    explicit adopt_lock_t() = default;
};
static constexpr defer_lock_t defer_lock{};
static constexpr try_to_lock_t try_to_lock{};
static constexpr adopt_lock_t adopt_lock{};

template <class Mutex> class lock_guard {
    Mutex &of;

public:
    using mutex_type = Mutex;
    explicit lock_guard(Mutex &m) : of(m) { of.lock(); }
    lock_guard(Mutex &m, adopt_lock_t) : of(m) {}
    lock_guard(const lock_guard &) = delete;
    lock_guard &operator=(const lock_guard &) = delete;
    ~lock_guard() { of.unlock(); }
};

#if __cplusplus >= 201703L
template <class... Mutexes> void lock(Mutexes &...mutexes) { (mutexes.lock(), ...); }

template <class... Mutexes> class scoped_lock {
    tuple<Mutexes &...> of;

public:
    explicit scoped_lock(Mutexes &...mutexes) : of(mutexes...) { (mutexes.lock(), ...); }
    scoped_lock(adopt_lock_t, Mutexes &...mutexes) : of(mutexes...) {}
    scoped_lock(const scoped_lock &) = delete;
    scoped_lock &operator=(const scoped_lock &) = delete;
    ~scoped_lock()
    {
        apply([](auto &...mutexes) { (mutexes.unlock(), ...); }, of);
    }
};
#endif

/** What unique_lock and shared_lock have in common; Kind says how the mutex is taken. */
template <class Mutex, class Kind> class emuscope_lock {
    Mutex *of = nullptr;
    bool held = false;

    void take()
    {
        if (!of || held) {
            abort();
        }
        Kind::lock(*of);
        held = true;
    }

public:
    using mutex_type = Mutex;
    emuscope_lock() = default;
    explicit emuscope_lock(Mutex &m) : of(&m) { take(); }
    emuscope_lock(Mutex &m, defer_lock_t) : of(&m) {}
    emuscope_lock(Mutex &m, try_to_lock_t) : of(&m) { try_lock(); }
    emuscope_lock(Mutex &m, adopt_lock_t) : of(&m), held(true) {}
    template <class Time> emuscope_lock(Mutex &m, const Time &) : of(&m) { try_lock(); }
    emuscope_lock(emuscope_lock &&other) noexcept : of(exchange(other.of, nullptr)), held(exchange(other.held, false)) {}
    emuscope_lock &operator=(emuscope_lock &&other) noexcept
    {
        emuscope_lock(std::move(other)).swap(*this);
        return *this;
    }
    ~emuscope_lock()
    {
        if (held) {
            Kind::unlock(*of);
        }
    }
    void lock() { take(); }
    bool try_lock() { return held = Kind::try_lock(*of); }
    template <class Duration> bool try_lock_for(const Duration &) { return try_lock(); }
    template <class Time> bool try_lock_until(const Time &) { return try_lock(); }
    void unlock()
    {
        if (!held) {
            abort();
        }
        Kind::unlock(*of);
        held = false;
    }
    void swap(emuscope_lock &other) noexcept
    {
        std::swap(of, other.of);
        std::swap(held, other.held);
    }
    Mutex *release()
    {
        held = false;
        return exchange(of, nullptr);
    }
    bool owns_lock() const { return held; }
    explicit operator bool() const { return held; }
    Mutex *mutex() const { return of; }
};

struct emuscope_exclusive {
    template <class Mutex> static void lock(Mutex &m) { m.lock(); }
    template <class Mutex> static bool try_lock(Mutex &m) { return m.try_lock(); }
    template <class Mutex> static void unlock(Mutex &m) { m.unlock(); }
};
struct emuscope_shared {
    template <class Mutex> static void lock(Mutex &m) { m.lock_shared(); }
    template <class Mutex> static bool try_lock(Mutex &m) { return m.try_lock_shared(); }
    template <class Mutex> static void unlock(Mutex &m) { m.unlock_shared(); }
};

template <class Mutex> class unique_lock : public emuscope_lock<Mutex, emuscope_exclusive> {
public:
    using emuscope_lock<Mutex, emuscope_exclusive>::emuscope_lock;
};

template <class Mutex> class shared_lock : public emuscope_lock<Mutex, emuscope_shared> {
public:
    using emuscope_lock<Mutex, emuscope_shared>::emuscope_lock;
};

#if __cplusplus >= 201703L
template <class Mutex> unique_lock(Mutex &) -> unique_lock<Mutex>;
template <class Mutex, class Tag> unique_lock(Mutex &, Tag) -> unique_lock<Mutex>;
template <class Mutex> shared_lock(Mutex &) -> shared_lock<Mutex>;
template <class Mutex, class Tag> shared_lock(Mutex &, Tag) -> shared_lock<Mutex>;
#endif

/** Nobody else is there to make what is waited for come true. */
class condition_variable_any {
public:
    condition_variable_any() = default;
    condition_variable_any(const condition_variable_any &) = delete;
    condition_variable_any &operator=(const condition_variable_any &) = delete;
    void notify_one() {}
    void notify_all() {}
    template <class Lock> void wait(Lock &) { abort(); }
    template <class Lock, class Condition> void wait(Lock &, Condition condition)
    {
        if (!condition()) {
            abort();
        }
    }
    template <class Lock, class Duration, class Condition> bool wait_for(Lock &, const Duration &, Condition condition)
    {
        return condition();
    }
    template <class Lock, class Time, class Condition> bool wait_until(Lock &, const Time &, Condition condition)
    {
        return condition();
    }
};
class condition_variable : public condition_variable_any {};

/** None can be started. */
class thread {
public:
    class id {
    public:
        bool operator==(const id &) const { return true; }
        bool operator!=(const id &) const { return false; }
        bool operator<(const id &) const { return false; }
    };
    thread() = default;
    thread(thread &&) = default;
    thread &operator=(thread &&) = default;
    template <class Function, class... Arguments> explicit thread(Function &&, Arguments &&...) { abort(); }
    bool joinable() const { return false; }
    void join() { abort(); }
    void detach() { abort(); }
    id get_id() const { return {}; }
    static unsigned hardware_concurrency() { return 1; }
};
namespace this_thread {
inline thread::id get_id() { return {}; }
inline void yield() {}
template <class Duration> void sleep_for(const Duration &) {}
template <class Time> void sleep_until(const Time &) {}
} // namespace this_thread

} // namespace std

#endif
