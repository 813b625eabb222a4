// reboot: brings the machine down at once, as a failfast client's death demands
#pragma once

#include "core/result.hpp"

namespace hb::os {

/// reboot(2), without stopping or syncing anything, as 3.0.6 does it (configuration §4.5). Returns
/// only if the kernel refuses.
[[nodiscard]] core::Error reboot_machine();

/// In place of a program's path: by the kernel.
inline constexpr const char* reboot_by_kernel = "kernel";

}  // namespace hb::os
