// confine: gives rights up in the right order: user, capabilities, chroot, limits, system calls
#include "os/confine.hpp"

#include "os/process.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <type_traits>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <seccomp.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace hb::os {
namespace {

/// A reader or writer opens nothing any more: 0–7, the loop's three, and a few to spare.
constexpr rlim_t medium_descriptors = 24;
/// Clients of the status process, far above their limit.
constexpr rlim_t status_descriptors = 1024;

/// What a turn of a reader or writer needs (design §2), and not one call more.
constexpr std::array medium_calls = {
    SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl), SCMP_SYS(timerfd_settime),
    SCMP_SYS(recvmmsg),   SCMP_SYS(recvfrom),    SCMP_SYS(sendmmsg),  SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),     SCMP_SYS(read),        SCMP_SYS(write),     SCMP_SYS(close),
    SCMP_SYS(clock_gettime), SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall),
    SCMP_SYS(exit_group)};

/// Besides, for the status process: clients come and go, log files grow, syslog may be restarted.
/// No open, no exec; fstat is newfstatat in today's libc.
constexpr std::array status_calls = {
    SCMP_SYS(accept4),    SCMP_SYS(listen),      SCMP_SYS(shutdown),  SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(connect),
    SCMP_SYS(recvmsg),    SCMP_SYS(writev),      SCMP_SYS(pwrite64),  SCMP_SYS(fstat),
    SCMP_SYS(newfstatat), SCMP_SYS(lseek),       SCMP_SYS(munmap),    SCMP_SYS(mremap),
    SCMP_SYS(brk),        SCMP_SYS(madvise),     SCMP_SYS(futex),     SCMP_SYS(getpid),
    SCMP_SYS(gettid),     SCMP_SYS(getrandom),   SCMP_SYS(exit),      SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(kill)};  // setsignal of API clients, and "does it still exist"; own user only

core::Error failed(const char* what) {
  const int code = errno;
  return {fmt::format("cannot {}: {}", what, std::strerror(code)), code};
}

struct Release {
  void operator()(void* context) const { seccomp_release(context); }
  void operator()(cap_t capabilities) const { cap_free(capabilities); }
};
using Filter = std::unique_ptr<std::remove_pointer_t<scmp_filter_ctx>, Release>;
using Capabilities = std::unique_ptr<std::remove_pointer_t<cap_t>, Release>;

core::Result<void> allow(const Filter& filter, std::span<const int> calls) {
  for (const int call : calls) {
    if (const int error = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0); error != 0) {
      errno = -error;
      return failed("add a call to the filter");
    }
  }
  return {};
}

/// Calls of the status process that depend on an argument.
core::Result<void> allow_bounded(const Filter& filter) {
  struct Bounded {
    int call;
    scmp_arg_cmp condition;
  };
  const auto equals = [](unsigned argument, std::uint64_t value) {
    return scmp_arg_cmp{argument, SCMP_CMP_EQ, value, 0};
  };
  const auto without = [](unsigned argument, std::uint64_t bits) {
    return scmp_arg_cmp{argument, SCMP_CMP_MASKED_EQ, bits, 0};
  };
  const std::array bounded = {
      Bounded{SCMP_SYS(ioctl), equals(1, FIONBIO)},           // Asio, once for each new descriptor
      Bounded{SCMP_SYS(socket), equals(0, AF_UNIX)},          // /dev/log again
      Bounded{SCMP_SYS(fcntl), equals(1, F_GETFL)},
      Bounded{SCMP_SYS(fcntl), equals(1, F_SETFD)},
      Bounded{SCMP_SYS(fcntl), equals(1, F_SETFL)},
      Bounded{SCMP_SYS(mmap), without(2, PROT_EXEC)},         // the heap
      Bounded{SCMP_SYS(mprotect), without(2, PROT_EXEC)},
  };
  for (const Bounded& rule : bounded) {
    const int error =
        seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, rule.call, 1, &rule.condition);
    if (error != 0) {
      errno = -error;
      return failed("add a call to the filter");
    }
  }
  return {};
}

core::Result<void> drop_bounding_set() {
  for (cap_value_t capability = 0; capability < cap_max_bits(); ++capability) {
    if (cap_get_bound(capability) > 0 && cap_drop_bound(capability) != 0) {
      return failed("empty the capability bounding set");
    }
  }
  return {};
}

core::Result<void> change_user(const Account& account) {
  if (::setgroups(0, nullptr) != 0) return failed("give supplementary groups up");
  if (::setresgid(account.group, account.group, account.group) != 0) {
    return failed("change the group");
  }
  if (::setresuid(account.user, account.user, account.user) != 0) return failed("change the user");
  return {};
}

core::Result<void> drop_capabilities() {
  const Capabilities none{cap_init()};
  if (!none || cap_set_proc(none.get()) != 0) return failed("give capabilities up");
  // No ambient set on an old kernel is as good as an empty one.
  (void)cap_reset_ambient();
  return {};
}

core::Result<void> set_limits(Profile profile) {
  struct Limit {
    decltype(RLIMIT_CORE) what;
    rlim_t value;
  };
  const bool medium = profile == Profile::medium;
  const std::array limits = {
      Limit{RLIMIT_NOFILE, medium ? medium_descriptors : status_descriptors},
      Limit{RLIMIT_NPROC, 0},
      Limit{RLIMIT_CORE, 0},
      Limit{RLIMIT_FSIZE, medium ? 0 : RLIM_INFINITY},
  };
  for (const Limit& limit : limits) {
    rlimit present{};
    ::getrlimit(limit.what, &present);
    const rlim_t value = std::min(limit.value, present.rlim_max);
    const rlimit wanted{value, value};
    if (::setrlimit(limit.what, &wanted) != 0) return failed("set resource limits");
  }
  return {};
}

}  // namespace

FilterMode filter_mode() {
  const char* mode = std::getenv(filter_variable);
  return mode != nullptr && std::strcmp(mode, "log") == 0 ? FilterMode::log : FilterMode::kill;
}

core::Result<Account> account(const std::string& user, const std::string& group) {
  const passwd* entry = ::getpwnam(user.c_str());
  if (entry == nullptr) {
    return core::Error{fmt::format("there is no user {}; create it: adduser --system {}", user,
                                   user), ENOENT};
  }
  Account found{entry->pw_uid, entry->pw_gid};
  if (group.empty()) return found;
  const ::group* row = ::getgrnam(group.c_str());
  if (row == nullptr) {
    return core::Error{fmt::format("there is no group {}; create it: addgroup --system {}", group,
                                   group), ENOENT};
  }
  found.group = row->gr_gid;
  return found;
}

core::Result<void> confine(const Confinement& confinement) {
  // The order matters: each step needs a right that a later one takes away.
  if (auto done = drop_bounding_set(); !done) return done;
  if (!confinement.root.empty() &&
      (::chroot(confinement.root.c_str()) != 0 || ::chdir("/") != 0)) {
    return failed("change the root folder").in(confinement.root);
  }
  if (auto done = change_user(confinement.account); !done) return done;
  if (auto done = drop_capabilities(); !done) return done;
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return failed("forbid tracing");
  // setuid clears the death signal, so it comes after; the parent may have died before that.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return failed("ask for the death signal");
  if (!lifeline_holds(confinement.lifeline)) return core::Error{"the master is gone", EPIPE};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("forbid new privileges");
  if (auto done = set_limits(confinement.profile); !done) return done;
  if (confinement.profile == Profile::unfiltered) return {};
  return install_filter(confinement.profile, filter_mode());
}

core::Result<void> install_filter(Profile profile, FilterMode mode) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  mode = FilterMode::log;  // the sanitizers map memory and write reports behind our back
#endif
  const Filter filter{seccomp_init(mode == FilterMode::kill ? SCMP_ACT_KILL_PROCESS
                                                            : SCMP_ACT_LOG)};
  if (!filter) return failed("make a system call filter");
  if (auto done = allow(filter, medium_calls); !done) return done;
  if (profile == Profile::status) {
    if (auto done = allow(filter, status_calls); !done) return done;
    if (auto done = allow_bounded(filter); !done) return done;
  }
  if (const int error = seccomp_load(filter.get()); error != 0) {
    errno = -error;
    return failed("load the system call filter");
  }
  return {};
}

// ---- the master's capabilities ----------------------------------------------------------------

core::Result<void> lower_capabilities() {
  const Capabilities now{cap_get_proc()};
  if (!now || cap_clear_flag(now.get(), CAP_EFFECTIVE) != 0 || cap_set_proc(now.get()) != 0) {
    return failed("lower capabilities");
  }
  return {};
}

CapScope::CapScope(std::initializer_list<int> capabilities) {
  const Capabilities now{cap_get_proc()};
  if (!now) return;
  for (const cap_value_t capability : capabilities) {
    cap_flag_value_t effective = CAP_SET, permitted = CAP_CLEAR;
    cap_get_flag(now.get(), capability, CAP_EFFECTIVE, &effective);
    cap_get_flag(now.get(), capability, CAP_PERMITTED, &permitted);
    if (effective == CAP_SET || permitted == CAP_CLEAR) continue;
    cap_set_flag(now.get(), CAP_EFFECTIVE, 1, &capability, CAP_SET);
    raised_ |= std::uint64_t{1} << capability;
  }
  if (raised_ != 0 && cap_set_proc(now.get()) != 0) raised_ = 0;
}

CapScope::~CapScope() {
  if (raised_ == 0) return;
  const Capabilities now{cap_get_proc()};
  if (!now) return;
  for (cap_value_t capability = 0; capability < cap_max_bits(); ++capability) {
    if ((raised_ >> capability & 1U) == 0) continue;
    cap_set_flag(now.get(), CAP_EFFECTIVE, 1, &capability, CAP_CLEAR);
  }
  ENSURE(cap_set_proc(now.get()) == 0);  // giving up is always permitted
}

}  // namespace hb::os
