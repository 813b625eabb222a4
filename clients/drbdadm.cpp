// drbdadm: one `drbdadm outdate`, run without a shell and not for ever
#include "clients/drbdadm.hpp"

#include "os/clock.hpp"

#include <fmt/core.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hb::clients {
namespace {

/// As 3.0.6's dopd runs it: by name, with the system's folders behind the daemon's.
void complete_path() {
  const char* path = std::getenv("PATH");
  const std::string whole = fmt::format("{}{}/usr/sbin:/sbin:/usr/bin:/bin",
                                        path != nullptr ? path : "", path != nullptr ? ":" : "");
  ::setenv("PATH", whole.c_str(), 1);
}

}  // namespace

core::Result<Drbdadm> Drbdadm::outdate(const std::string& resource) {
  static const bool path_is_complete = (complete_path(), true);
  (void)path_is_complete;
  std::string program = "drbdadm", verb = "outdate", name = resource;
  std::array<char*, 4> arguments{program.data(), verb.data(), name.data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawnattr_init(&attributes);
  sigset_t none, all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
  Drbdadm started;
  const int error = ::posix_spawnp(&started.process_.pid, program.c_str(), &actions, &attributes,
                                   arguments.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    return core::Error{fmt::format("cannot run drbdadm: {}; is drbd-utils installed?",
                                   std::strerror(error)), error};
  }
  started.process_.pidfd.reset(
      static_cast<int>(::syscall(SYS_pidfd_open, started.process_.pid, 0)));
  if (!started.process_.pidfd.valid()) {
    const int code = errno;
    (void)::kill(-started.process_.pid, SIGKILL);
    (void)::waitpid(started.process_.pid, nullptr, 0);
    return core::Error{fmt::format("cannot watch drbdadm: {}", std::strerror(code)), code};
  }
  started.resource_ = resource;
  started.deadline_ = os::instant_now() + patience;
  return started;
}

std::optional<os::ProcessEnd> Drbdadm::look(core::Instant now) {
  if (auto end = process_.reap()) return end;
  if (now >= deadline_) {
    (void)::kill(-process_.pid, SIGKILL);
    deadline_ = core::never;  // its end comes by the pidfd
  }
  return std::nullopt;
}

}  // namespace hb::clients
