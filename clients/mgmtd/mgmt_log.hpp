// mgmt_log: what mgmtd's processes tell the administrator, on stderr and to syslog
#pragma once

#include "core/engine_io.hpp"

#include <string_view>

namespace hb::clients::mgmtd {

/// First thing of each process: opens what a chroot or filter forbids later.
void open_log();
/// One line; control bytes in `text`, which may hold a stranger's words, become blanks.
void log(core::LogLevel level, std::string_view text);

}  // namespace hb::clients::mgmtd
