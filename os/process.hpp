// process: our own image executed anew in a role, watched by pidfd; process titles
#pragma once

#include "core/result.hpp"
#include "os/fd.hpp"

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace hb::os {

/// The environment variable that tells a re-executed child its role.
inline constexpr const char* role_variable = "SYSTOLE_ROLE";
/// Decimal SCHED_RR priority of a child, absent or 0 = none (os/realtime).
inline constexpr const char* priority_variable = "SYSTOLE_PRIORITY";
/// The first inherited descriptor of a child: 3 bell, 4 up, 5 down, 6 medium, 7 extra.
inline constexpr int first_inherited = 3;

/// How a process ended: its exit code, or the signal that killed it.
struct ProcessEnd {
  bool signaled = false;
  int code = 0;
};

/// A child process. Its pidfd is readable when it has ended. Not killed by the destructor.
struct Process {
  pid_t pid = -1;
  Fd pidfd;

  /// Sends a signal; a process that has ended is no error. Raises CAP_KILL for the call.
  void kill(int signal) const;
  /// Collects the end if it has come; nothing while the process runs or after it was reaped.
  [[nodiscard]] std::optional<ProcessEnd> reap();
};

/// Executes the held program `image` (an open descriptor of our own executable) with argv[0] =
/// `title` and role_variable = `role`. `inherited` become descriptors 3, 4, ... in this order, -1
/// leaves a gap; nothing else gets through. Its environment is the role, TZ,
/// filter and priority from ours, and `extra` (NAME=value). All signals are default and unblocked.
/// The child inherits our scheduling: under load a normal priority between our vfork and its exec
/// would hold us up; os::begin_child sets its own first thing.
[[nodiscard]] core::Result<Process> spawn_self(int image, const std::string& title,
                                               std::string_view role,
                                               std::initializer_list<int> inherited,
                                               std::span<const std::string> extra = {});

/// First call of a re-executed child: process name "heartbeat" (else the kernel shows "3"), umask,
/// descriptors from `keep_below` on closed, the role's variables out of the environment.
void begin_child(int keep_below = 8);
/// The SCHED_RR priority that the master gave by priority_variable, 0 = none.
[[nodiscard]] unsigned given_priority();

/// What ps shows for this process. `argv` is main's; its memory and the environment's are used, so
/// the environment is moved to the heap first. Longer titles are cut.
void set_title(char** argv, std::string_view title);

/// Whether the other end of a socketpair still exists: the lifeline to the parent. Takes nothing.
[[nodiscard]] bool lifeline_holds(int socket);

}  // namespace hb::os
