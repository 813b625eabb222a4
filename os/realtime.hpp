// realtime: round-robin scheduling, locked memory, and a heap that never returns to the kernel
#pragma once

#include "core/result.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hb::os {

/// Whose text pages are locked: `all` = our whole program (a verdict must not wait for the disk to
/// read a page of rarely run code), `touched` = only what has been run.
enum class TextLock : std::uint8_t { all, touched };

/// First thing in a process of ours: one arena, no mmap for big blocks, no trimming: after start
/// the heap neither grows nor faults.
void tune_heap();

/// Takes that much memory from the kernel, touches it and leaves it to the heap, so that later
/// allocations do not fault. After tune_heap(). False: there is not that much.
[[nodiscard]] bool reserve_heap(std::size_t bytes);

/// SCHED_RR at `priority` (1 to 99; 0: nothing is done), RLIMIT_RTTIME, memory locked as it is
/// touched, stack prefaulted. What is not permitted is left out; each returned text is a warning
/// that names the cure.
[[nodiscard]] std::vector<std::string> go_realtime(unsigned priority, TextLock text);

/// Back to SCHED_OTHER, nice 0, RLIMIT_RTTIME infinite, oom_score_adj 0, memory unlocked: for the
/// runner and the status process, which inherit the master's scheduling.
void leave_realtime();

/// A round-robin process that runs this long without sleeping is killed (SIGXCPU): a bug of ours
/// must not freeze the machine. Longer than any turn, shorter than the kernel's own patience.
inline constexpr std::uint64_t longest_run_microseconds = 2'000'000;

}  // namespace hb::os
