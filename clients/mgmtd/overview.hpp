// overview: what the web page, status.json and the metrics show: the last picture and its past
#pragma once

#include "clients/mgmtd/picture.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

namespace hb::clients::mgmtd {

/// Moves remembered, newest first.
inline constexpr std::size_t moves_kept = 20;

struct Overview {
  bool reachable = false;
  std::string reason;  ///< why not
  Picture picture;     ///< the last that could be had
  std::deque<Move> moves;
  std::deque<JournalLine> journal;  ///< newest last

  /// Takes over the moves between the picture so far and `next`, then `next` itself. The cause is
  /// the latest line of the journal that tells one.
  void advance(const Picture& next, std::int64_t wall_seconds);
};

/// One JSON object; every text is valid UTF-8, whatever came in.
[[nodiscard]] std::string to_json(const Overview& overview);
/// OpenMetrics text, with its `# EOF`.
[[nodiscard]] std::string to_metrics(const Overview& overview);

}  // namespace hb::clients::mgmtd
