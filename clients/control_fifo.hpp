// control_fifo: one message into the control FIFO of the local daemon, without waiting for it
#pragma once

#include "core/result.hpp"

#include <string_view>

namespace hb::clients {

/// `text`: from `>>>` to `<<<`, shorter than PIPE_BUF, so that all of it arrives or nothing. Only
/// root may. Never waits, as a shell's redirection would on a stopped daemon. Success: it is in the
/// FIFO; whether the daemon did it shows elsewhere.
[[nodiscard]] core::Result<void> write_control_fifo(std::string_view text);

}  // namespace hb::clients
