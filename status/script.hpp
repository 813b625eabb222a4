// script: one foreign program: found, started cleanly, watched, ended
#pragma once

#include "core/result.hpp"
#include "os/fd.hpp"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hb::status {

/// Who a program runs as; without one it is root, like the runner.
struct Account {
  uid_t user = 0;
  gid_t group = 0;
  std::vector<gid_t> groups;  ///< supplementary
};

/// By name, through the user database. The error names the user and the cure.
[[nodiscard]] core::Result<Account> account_of(const std::string& user);

/// own: it may outlive the runner, as resource scripts must. runner: it is told to end (SIGTERM)
/// when the runner dies, since the next runner starts it anew.
enum class Lifetime : std::uint8_t { own, runner };

/// Everything that decides how a program starts; nothing else of the runner's state reaches it.
struct LaunchPlan {
  std::string path;
  std::vector<std::string> arguments;      ///< after argv[0], which is the path
  std::vector<std::string> environment;    ///< NAME=value: exactly these
  std::string folder;                      ///< working directory; "/" if it cannot be entered
  std::optional<Account> account;
  Lifetime lifetime = Lifetime::own;
  int in = -1, out = -1, error = -1;       ///< become 0, 1, 2; all above 2
};

/// A path below the first of `folders` that has a regular executable file of that name (resources
/// §6.1). Nothing for a name with '/', a leading '.', or without such a file.
[[nodiscard]] std::optional<std::string> find_script(std::string_view name,
                                                     std::span<const std::string> folders);

struct ProcessEnd {
  enum class How : std::uint8_t { exited, signaled } how = How::exited;
  int code = 0;  ///< exit code or signal number
};

/// A running program, leader of a process group of its own. It starts with every signal at its
/// default and unblocked, no descriptor above 2, umask 022 and nice 0 (resources W19); scheduling
/// class and OOM score are the runner's, which are ordinary. Dropping the object neither ends nor
/// reaps it.
class ForeignProcess {
 public:
  /// Returns once the program was executed; the error says which step failed.
  [[nodiscard]] static core::Result<ForeignProcess> launch(const LaunchPlan& plan);

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Readable when the leader has ended.
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }
  /// To the whole group; harmless when it is gone. Only before reap().
  void signal_group(int signal) const;
  /// How the leader ended; nothing while it runs. Afterwards its pid belongs to nobody.
  [[nodiscard]] std::optional<ProcessEnd> reap();

 private:
  ForeignProcess(pid_t pid, os::Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  pid_t pid_;
  os::Fd pidfd_;
};

/// Clock ticks since boot at which a process started (proc(5), field 22): with its pid it names a
/// process for good. Nothing if there is no such process, or only its remains.
[[nodiscard]] std::optional<std::uint64_t> start_time_of(pid_t pid);

}  // namespace hb::status
