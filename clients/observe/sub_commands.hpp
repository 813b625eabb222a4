// sub_commands: cl_status json, metrics and why, which read the board and ask the daemon nothing
#pragma once

#include "clients/reports.hpp"

namespace hb::clients::reports {

/// `json`: the state as one JSON object. Exit code 0 if the daemon works, 1 if not: the object then
/// holds what it told last.
[[nodiscard]] int run_json(const Call& call);

/// `metrics`: OpenMetrics text, for a collector of text files. Exit code 0 also if the daemon does
/// not work, which is what heartbeat_up tells.
[[nodiscard]] int run_metrics(const Call& call);

/// `why [GROUP|NODE|last] [--json]`: the last move, or why there was none. 0: told; 1: the black
/// box tells nothing of it or cannot be read; 11: there is no such group or node.
[[nodiscard]] int run_why(const Call& call);

}  // namespace hb::clients::reports
