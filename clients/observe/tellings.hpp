// tellings: the board for programs: as one JSON object, and as OpenMetrics text
#pragma once

#include "clients/observe/view.hpp"

#include <string>

namespace hb::clients::observe {

/// One object on one line. Ages are seconds as numbers, null for never; names plain ASCII.
[[nodiscard]] std::string to_json(const View& view);
/// The same without a board: the daemon does not run, and why nothing is known.
[[nodiscard]] std::string to_json_without(std::string_view reason);

/// With `# EOF`. What a daemon that does not work told last is left out, but for `heartbeat_up 0`:
/// an old value would look like a fresh one.
[[nodiscard]] std::string to_metrics(const View& view);
[[nodiscard]] std::string to_metrics_without();

}  // namespace hb::clients::observe
