// child_roles: lets the test program execute itself in a role, as the daemon executes its children
#pragma once

#include "os/process.hpp"

#include <cstdlib>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

namespace hb::test {

/// Before main(): if the test program was started by os::spawn_self in `role`, runs `body` instead
/// of the tests and exits with its result.
inline bool serve_role(std::string_view role, int (*body)()) {
  const char* given = std::getenv(os::role_variable);
  if (given != nullptr && role == given) ::_exit(body());
  return true;
}

/// The running test program, as an image to execute.
inline os::Fd own_image() { return os::Fd{::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)}; }

}  // namespace hb::test
