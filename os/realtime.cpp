// realtime: round-robin scheduling, locked memory, and a heap that never returns to the kernel
#include "os/realtime.hpp"

#include "os/fd.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

// The linker's marks at the begin and the end of our program's code.
extern "C" const char __executable_start, etext;

namespace hb::os {
namespace {

/// Deepest stack of a turn, measured 20 KiB (fmt, engine), with a margin; a fault in it could wait
/// for memory to be freed.
constexpr std::size_t stack_bytes = 48 << 10;

[[gnu::noinline]] void prefault_stack() {
  std::array<char, stack_bytes> stack;
  volatile char* touch = stack.data();
  for (std::size_t i = 0; i < stack.size(); i += 4096) touch[i] = 0;
}

void set_soft_limit(decltype(RLIMIT_RTTIME) what, rlim_t value) {
  rlimit limit{};
  ::getrlimit(what, &limit);
  limit.rlim_cur = std::min(value, limit.rlim_max);
  (void)::setrlimit(what, &limit);  // lowering a soft limit is always permitted
}

bool raise_lock_limit() {
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  if (::setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0) return true;
  rlimit present{};
  ::getrlimit(RLIMIT_MEMLOCK, &present);
  return present.rlim_cur == RLIM_INFINITY;
}

/// ONFAULT: pages are locked when they are first touched, so that reserved memory costs nothing.
/// With a limit in force, memory of the future is left out: else growing would fail once rights are
/// gone.
int lock_touched() {
  const int future = raise_lock_limit() ? MCL_FUTURE : 0;
  return ::mlockall(MCL_CURRENT | MCL_ONFAULT | future);
}

int lock_program() {
  const char* begin = &__executable_start;
  return ::mlock(begin, static_cast<std::size_t>(&etext - begin));
}

}  // namespace

void tune_heap() {
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_MMAP_MAX, 0);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

bool reserve_heap(std::size_t bytes) {
  constexpr std::size_t page = 4096;
  void* const block = std::malloc(bytes);
  if (block == nullptr) return false;
  volatile char* const touch = static_cast<char*>(block);
  for (std::size_t i = 0; i < bytes; i += page) touch[i] = 0;
  std::free(block);
  return true;
}

std::vector<std::string> go_realtime(unsigned priority, TextLock text) {
  std::vector<std::string> warnings;
  if (priority == 0) return warnings;
  set_soft_limit(RLIMIT_RTTIME, longest_run_microseconds);
  const sched_param parameters{static_cast<int>(priority)};
  if (::sched_setscheduler(0, SCHED_RR, &parameters) != 0) {
    const int code = errno;
    // Kernels with RT_GROUP_SCHED refuse in a control group without real-time budget.
    warnings.push_back(fmt::format(
        "no real-time scheduling at priority {}: {}; give the service CAP_SYS_NICE, and with "
        "control groups v1 a cpu.rt_runtime_us above 0", priority, std::strerror(code)));
  }
  if (lock_touched() != 0 || (text == TextLock::all && lock_program() != 0)) {
    const int code = errno;
    warnings.push_back(fmt::format("memory is not locked: {}; give the service CAP_IPC_LOCK or "
                                   "LimitMEMLOCK=infinity", std::strerror(code)));
  }
  prefault_stack();
  return warnings;
}

void leave_realtime() {
  const sched_param none{0};
  (void)::sched_setscheduler(0, SCHED_OTHER, &none);
  (void)::setpriority(PRIO_PROCESS, 0, 0);
  rlimit limit{};
  ::getrlimit(RLIMIT_RTTIME, &limit);
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_RTTIME, &limit);
  (void)::munlockall();
  const Fd score{::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)};
  // Unchanged scores need no right; lowering one back to 0 may.
  if (score.valid()) (void)!::write(score.get(), "0", 1);
}

}  // namespace hb::os
