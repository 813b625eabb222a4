// move_order: tells the local daemon, through its control FIFO, to give or take resource groups
#pragma once

#include "core/result.hpp"

#include <string>
#include <string_view>

namespace hb::clients::mgmtd {

/// The message of hb_standby (`give`) or hb_takeover (`take`) for `all`, `local` or `foreign`;
/// an error for any other words, since they come from a process without rights.
[[nodiscard]] core::Result<std::string> order_text(std::string_view what, std::string_view which);

/// Never waits, as hb_standby would on a stopped daemon. Success: the daemon has been told.
[[nodiscard]] core::Result<void> give_order(std::string_view what, std::string_view which);

}  // namespace hb::clients::mgmtd
