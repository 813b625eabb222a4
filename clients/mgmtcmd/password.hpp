// password: reads a password from the terminal without showing it
#pragma once

#include "core/result.hpp"

#include <string>

namespace hb::clients::mgmtcmd {

/// One line from the terminal, not echoed; from standard input if that is no terminal, so that
/// scripts can give it without showing it in the process list.
[[nodiscard]] core::Result<std::string> read_password(const std::string& prompt);

}  // namespace hb::clients::mgmtcmd
