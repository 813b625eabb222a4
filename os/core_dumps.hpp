// core_dumps: whether a crash leaves a core file, and where
#pragma once

#include "core/result.hpp"

#include <string>

namespace hb::os {

/// `coredumps` (configuration §4.7): lifts or sets the limit of this process and of the programs
/// that it starts. Our confined children never dump: their memory holds what others sent.
[[nodiscard]] core::Result<void> permit_core_dumps(bool permitted);

/// Goes to `<root>/<user>`, where the kernel then puts core files; the user's folder is made, mode
/// 0700, if it is missing. The path, or the error with its cure: the process stays where it is.
[[nodiscard]] core::Result<std::string> enter_core_folder(const std::string& root,
                                                          const std::string& user);

}  // namespace hb::os
