// reboot: brings the machine down at once, as a failfast client's death demands
#include "os/reboot.hpp"

#include <fmt/core.h>

#include <cerrno>
#include <cstring>

#include <linux/reboot.h>
#include <sys/reboot.h>

namespace hb::os {

core::Error reboot_machine() {
  (void)::reboot(LINUX_REBOOT_CMD_RESTART);
  const int code = errno;
  return {fmt::format("the machine does not restart: {}; restart it by hand",
                      std::strerror(code)), code};
}

}  // namespace hb::os
