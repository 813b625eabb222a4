// script: one foreign program: found, started cleanly, watched, ended
#include "status/script.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>

namespace hb::status {

namespace {

constexpr const char* shell = "/bin/sh";
constexpr mode_t usual_umask = 022;
constexpr int last_signal = 64;

/// What the child needs, laid out before the fork: after it nothing may be allocated.
struct Prepared {
  const LaunchPlan* plan = nullptr;
  std::vector<char*> arguments;  ///< one free place, argv[0], …, nullptr
  std::vector<char*> environment;
};

/// The child shares our memory until it executes: it reports here, and must not change more.
struct Failure {
  const char* step = nullptr;
  int error = 0;
};

[[noreturn]] void give_up(volatile Failure& failure, const char* step) {
  failure.error = errno;
  failure.step = step;
  ::_exit(127);
}

/// Raw calls: the C library's wrappers would look for other threads of the memory that we share.
bool become(const Account& account) {
  const gid_t group = account.group;
  const uid_t user = account.user;
  return ::syscall(SYS_setgroups, account.groups.size(), account.groups.data()) == 0 &&
         ::syscall(SYS_setresgid, group, group, group) == 0 &&
         ::syscall(SYS_setresuid, user, user, user) == 0;
}

/// Every signal to its default. By the kernel's call: the C library refuses the two that it keeps
/// for itself, which whoever started us may have ignored all the same.
void reset_signals() {
  constexpr std::array<unsigned long, 4> by_default{};  // handler, flags, restorer, mask
  constexpr std::size_t mask_bytes = last_signal / 8;
  for (int signal = 1; signal <= last_signal; ++signal) {
    ::syscall(SYS_rt_sigaction, signal, by_default.data(), nullptr, mask_bytes);
  }
}

/// The child's side, in one visible block. Signals are blocked until the last moment.
[[noreturn]] void run(const Prepared& prepared, volatile Failure& failure) {
  const LaunchPlan& plan = *prepared.plan;
  if (::setpgid(0, 0) != 0) give_up(failure, "setpgid");
  // habit, ended: ignored signals leaked into every service (resources W19)
  reset_signals();
  ::umask(usual_umask);
  if (::dup2(plan.in, 0) < 0 || ::dup2(plan.out, 1) < 0 || ::dup2(plan.error, 2) < 0)
    give_up(failure, "dup2");
  ::syscall(SYS_close_range, 3U, ~0U, 0U);
  if (plan.account && !become(*plan.account)) give_up(failure, "change to the user");
  // Only now: a change of user clears it.
  if (plan.lifetime == Lifetime::runner) ::prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
  if ((plan.folder.empty() || ::chdir(plan.folder.c_str()) != 0) && ::chdir("/") != 0)
    give_up(failure, "chdir");
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::setpriority(PRIO_PROCESS, 0, 0);  // the runner's own is better, see runner.cpp
  char* const* arguments = prepared.arguments.data() + 1;
  ::execve(arguments[0], arguments, prepared.environment.data());
  // habit: scripts without an interpreter line worked, since a shell started them
  if (errno == ENOEXEC) ::execve(shell, prepared.arguments.data(), prepared.environment.data());
  give_up(failure, "execute");
}

Prepared prepare(const LaunchPlan& plan) {
  Prepared prepared;
  prepared.plan = &plan;
  const auto text = [](const std::string& value) { return const_cast<char*>(value.c_str()); };
  prepared.arguments.push_back(const_cast<char*>(shell));
  prepared.arguments.push_back(text(plan.path));
  for (const std::string& argument : plan.arguments) prepared.arguments.push_back(text(argument));
  prepared.arguments.push_back(nullptr);
  for (const std::string& setting : plan.environment) prepared.environment.push_back(text(setting));
  prepared.environment.push_back(nullptr);
  return prepared;
}

/// vfork: no page table is copied, and the parent sleeps just until the program is executed.
[[gnu::noinline]] pid_t fork_and_run(const Prepared& prepared, volatile Failure& failure) {
  const pid_t pid = ::vfork();
  if (pid == 0) run(prepared, failure);
  return pid;
}

}  // namespace

core::Result<Account> account_of(const std::string& user) {
  constexpr std::size_t most_groups = 65'536;  // NGROUPS_MAX
  errno = 0;
  const passwd* found = ::getpwnam(user.c_str());
  if (found == nullptr)
    return core::Error{"user '" + user + "' is unknown; create it or correct ha.cf", errno};
  Account account{found->pw_uid, found->pw_gid, std::vector<gid_t>(64)};
  auto count = static_cast<int>(account.groups.size());
  while (::getgrouplist(user.c_str(), account.group, account.groups.data(), &count) < 0) {
    if (account.groups.size() >= most_groups)
      return core::Error{"user '" + user + "' has too many groups"};
    account.groups.resize(account.groups.size() * 2);
    count = static_cast<int>(account.groups.size());
  }
  account.groups.resize(static_cast<std::size_t>(count));
  return account;
}

std::optional<std::string> find_script(std::string_view name,
                                       std::span<const std::string> folders) {
  if (name.empty() || name.front() == '.') return {};
  if (name.find('/') != name.npos || name.find('\0') != name.npos) return {};
  for (const std::string& folder : folders) {
    std::string path = folder + '/' + std::string(name);
    struct stat facts {};
    if (::stat(path.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) continue;
    if ((facts.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0) return path;
  }
  return {};
}

core::Result<ForeignProcess> ForeignProcess::launch(const LaunchPlan& plan) {
  ENSURE(plan.in > 2 && plan.out > 2 && plan.error > 2);
  const Prepared prepared = prepare(plan);
  volatile Failure failure;
  // The last descriptor is kept for watching: to end a script again for want of it would be worse.
  os::Fd reserve(::fcntl(plan.in, F_DUPFD_CLOEXEC, 3));
  if (!reserve) {
    const int error = errno;
    return core::Error{plan.path + ": a descriptor: " + std::strerror(error), error};
  }
  sigset_t all, before;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before);  // no handler of ours may run in the child
  const pid_t pid = fork_and_run(prepared, failure);
  const int fork_error = errno;
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return core::Error{plan.path + ": fork: " + std::strerror(fork_error), fork_error};
  if (failure.step != nullptr) {
    ::waitpid(pid, nullptr, 0);
    const int error = failure.error;
    return core::Error{plan.path + ": " + failure.step + ": " + std::strerror(error), error};
  }
  reserve.reset();
  os::Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    const int error = errno;  // no descriptors left: what cannot be watched must not run
    ::kill(-pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return core::Error{plan.path + ": pidfd_open: " + std::strerror(error), error};
  }
  return ForeignProcess(pid, std::move(pidfd));
}

void ForeignProcess::signal_group(int signal) const {
  ::kill(-pid_, signal);
}

std::optional<ProcessEnd> ForeignProcess::reap() {
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG) != 0) {
    ENSURE(errno == ECHILD);  // somebody else reaped our child
    return ProcessEnd{ProcessEnd::How::signaled, SIGKILL};
  }
  if (info.si_pid == 0) return {};
  const bool exited = info.si_code == CLD_EXITED;
  return ProcessEnd{exited ? ProcessEnd::How::exited : ProcessEnd::How::signaled, info.si_status};
}

std::optional<std::uint64_t> start_time_of(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  const os::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 1024> buffer{};
  const ssize_t size = file ? ::read(file.get(), buffer.data(), buffer.size()) : -1;
  if (size <= 0) return {};
  std::string_view text(buffer.data(), static_cast<std::size_t>(size));
  // The name in parentheses may contain anything; what follows the last ')' is plain.
  const auto name_end = text.rfind(") ");
  if (name_end == text.npos) return {};
  text.remove_prefix(name_end + 2);
  if (text.starts_with('Z') || text.starts_with('X')) return {};
  constexpr int fields_before_start = 22 - 3;
  for (int i = 0; i < fields_before_start; ++i) {
    const auto blank = text.find(' ');
    if (blank == text.npos) return {};
    text.remove_prefix(blank + 1);
  }
  std::uint64_t start = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), start);
  return parsed.ec == std::errc{} ? std::optional(start) : std::nullopt;
}

}  // namespace hb::status
