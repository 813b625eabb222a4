// group_reports: what cl_status shows of resource groups, and the orders that it gives
#pragma once

#include "clients/reports.hpp"

namespace hb::clients::reports {

// All of these read the daemon's board instead of asking it, and need no sign-on.

/// `resources`: a line for each group (key, owner or -, state; what stands against it), below it a
/// line for each script that was remembered, indented. Exit code 0 if each group runs somewhere, 1
/// if one does not, or the daemon cannot be asked.
[[nodiscard]] int run_resources(const Call& call);

/// `cleanup GROUP`, `maintenance on|off`: root only. Exit code 0: the daemon has done it; 1: it
/// refused or does not run, 12 if it did not answer. `maintenance` alone prints on or off.
[[nodiscard]] int run_cleanup(const Call& call);
/// `fenced NODE`: somebody has made sure that this dead node is off.
[[nodiscard]] int run_fenced(const Call& call);
[[nodiscard]] int run_maintenance(const Call& call);

/// `order NUMBER`: waits for what became of an order with that number (field sys_order of a message
/// that was put into the control FIFO); 0: begun, 1: refused, and why; 12: no answer.
[[nodiscard]] int run_order(const Call& call);

}  // namespace hb::clients::reports
