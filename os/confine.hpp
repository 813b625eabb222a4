// confine: gives rights up in the right order: user, capabilities, chroot, limits, system calls
#pragma once

#include "core/result.hpp"

#include <cstdint>
#include <initializer_list>
#include <string>

#include <sys/types.h>

namespace hb::os {

/// medium: readers, writers, FIFO reader (16 calls). status: those that speak with strangers.
/// unfiltered: no rights either, but it may open files (mgmtd's asker: the board is made anew).
enum class Profile : std::uint8_t { medium, status, unfiltered };
/// kill: a forbidden call ends the process. log: it is only written to the kernel's log; for the
/// test that proves the lists complete (SYSTOLE_FILTER=log in the master's environment).
enum class FilterMode : std::uint8_t { kill, log };
inline constexpr const char* filter_variable = "SYSTOLE_FILTER";
[[nodiscard]] FilterMode filter_mode();

struct Account {
  uid_t user = 0;
  gid_t group = 0;
};
/// Looks names up (reads /etc/passwd): before confine(). An empty group: the user's own.
[[nodiscard]] core::Result<Account> account(const std::string& user, const std::string& group = {});

struct Confinement {
  Profile profile = Profile::medium;
  Account account;
  std::string root;   ///< an empty folder of root's to chroot to; "" = none
  int lifeline = 3;   ///< the bell socket: checked after PDEATHSIG is set
};

/// In this order: bounding set, chroot, groups, gid, uid, capabilities, undumpable, PDEATHSIG and
/// lifeline, no_new_privs, limits, filter. Everything that needs rights must be open before. An
/// error means: exit, the process is half confined (77 if it says EPERM).
[[nodiscard]] core::Result<void> confine(const Confinement& confinement);

/// The filter alone, for tests.
[[nodiscard]] core::Result<void> install_filter(Profile profile, FilterMode mode);

/// Empties the effective capability set of this process (it stays in the permitted set).
[[nodiscard]] core::Result<void> lower_capabilities();

/// Raises capabilities (CAP_…) for as long as it lives; the master's effective set is empty else.
/// Without them in the permitted set it does nothing: the call it guards fails and says so.
class CapScope {
 public:
  explicit CapScope(std::initializer_list<int> capabilities);
  ~CapScope();
  CapScope(const CapScope&) = delete;
  CapScope& operator=(const CapScope&) = delete;

 private:
  std::uint64_t raised_ = 0;
};

}  // namespace hb::os
