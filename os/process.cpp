// process: our own image executed anew in a role, watched by pidfd; process titles
#include "os/process.hpp"

#include "os/confine.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace hb::os {
namespace {

/// Copies of descriptors that go to a child live from here on: out of the way of its fixed numbers.
constexpr int copies_from = 32;

/// Variables that a child of ours gets from our own environment, if set.
constexpr std::array passed_on = {"TZ", filter_variable, priority_variable};

core::Error failed(const char* what, int code) {
  return {fmt::format("cannot {}: {}", what, std::strerror(code)), code};
}

std::vector<std::string> environment_for(std::string_view role,
                                         std::span<const std::string> extra) {
  std::vector<std::string> result;
  result.push_back(fmt::format("{}={}", role_variable, role));
  for (const char* name : passed_on) {
    const std::string prefix = std::string{name} + "=";
    const bool given = std::ranges::any_of(
        extra, [&](const std::string& entry) { return entry.starts_with(prefix); });
    const char* value = std::getenv(name);
    if (!given && value != nullptr) result.push_back(prefix + value);
  }
  result.insert(result.end(), extra.begin(), extra.end());
  return result;
}

/// posix_spawn's two attribute objects, destroyed in any case.
struct SpawnPlan {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;

  SpawnPlan() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    sigset_t all, none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
};

/// Kept when the variable goes.
unsigned priority_given = 0;

unsigned read_priority() {
  unsigned priority = 0;
  if (const char* text = std::getenv(priority_variable)) {
    std::from_chars(text, text + std::strlen(text), priority);
  }
  return priority;
}

}  // namespace

void Process::kill(int signal) const {
  if (!pidfd.valid()) return;
  const CapScope may_kill{CAP_KILL};
  // ESRCH: it has ended already, which is what a signal is for.
  (void)::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0);
}

std::optional<ProcessEnd> Process::reap() {
  if (!pidfd.valid()) return std::nullopt;
  siginfo_t info{};
  const auto id = static_cast<id_t>(pidfd.get());
  if (::waitid(P_PIDFD, id, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) return std::nullopt;
  pidfd.reset();
  return ProcessEnd{info.si_code != CLD_EXITED, info.si_status};
}

core::Result<Process> spawn_self(int image, const std::string& title, std::string_view role,
                                 std::initializer_list<int> inherited,
                                 std::span<const std::string> extra) {
  // Ours are close-on-exec already; this is for what we ourselves inherited from a careless parent.
  ::close_range(first_inherited, ~0U, CLOSE_RANGE_CLOEXEC);
  SpawnPlan plan;
  std::vector<Fd> copies;
  int target = first_inherited;
  for (const int source : inherited) {
    if (source >= 0) {
      copies.emplace_back(::fcntl(source, F_DUPFD_CLOEXEC, copies_from));
      if (!copies.back().valid()) return failed("copy a descriptor", errno);
      ::posix_spawn_file_actions_adddup2(&plan.actions, copies.back().get(), target);
    }
    ++target;
  }
  const Fd program{::fcntl(image, F_DUPFD_CLOEXEC, copies_from)};
  if (!program.valid()) return failed("copy the program's descriptor", errno);
  const std::string path = fmt::format("/proc/self/fd/{}", program.get());

  std::vector<std::string> environment = environment_for(role, extra);
  std::vector<char*> variables;
  for (std::string& entry : environment) variables.push_back(entry.data());
  variables.push_back(nullptr);
  std::string first = title;
  char* arguments[] = {first.data(), nullptr};

  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, path.c_str(), &plan.actions, &plan.attributes, arguments,
                                  variables.data());
  if (error != 0) return failed("execute our own program", error);
  // Not reaped yet, so its number is still its own.
  Process process{pid, Fd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))}};
  if (process.pidfd.valid()) return process;
  const int code = errno;
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  return failed("watch a child process", code);
}

void begin_child(int keep_below) {
  ::prctl(PR_SET_NAME, "heartbeat");
  ::umask(022);
  ::close_range(static_cast<unsigned>(keep_below), ~0U, 0);
  priority_given = read_priority();
  for (const char* name : {role_variable, priority_variable}) ::unsetenv(name);
}

unsigned given_priority() {
  return std::getenv(priority_variable) != nullptr ? read_priority() : priority_given;
}

void set_title(char** argv, std::string_view title) {
  if (argv == nullptr || argv[0] == nullptr) return;
  // The kernel shows the memory from argv[0] on; it is one run with the environment's strings.
  char* end = argv[0];
  for (char** text = argv; *text != nullptr; ++text) {
    if (*text == end) end = *text + std::strlen(*text) + 1;
  }
  std::vector<std::string> variables;
  for (char** text = environ; text != nullptr && *text != nullptr; ++text) {
    if (*text == end) end = *text + std::strlen(*text) + 1;
    variables.emplace_back(*text);
  }
  ::clearenv();
  for (const std::string& variable : variables) {
    const auto equals = variable.find('=');
    if (equals == std::string::npos) continue;
    ::setenv(variable.substr(0, equals).c_str(), variable.substr(equals + 1).c_str(), 1);
  }
  const auto room = static_cast<std::size_t>(end - argv[0]);
  if (room < 2) return;
  const std::string_view shown = title.substr(0, room - 1);
  std::memset(argv[0], 0, room);
  std::memcpy(argv[0], shown.data(), shown.size());
  argv[1] = nullptr;
  ::prctl(PR_SET_NAME, "heartbeat");
}

bool lifeline_holds(int socket) {
  char byte = 0;
  const ssize_t got = ::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

}  // namespace hb::os
