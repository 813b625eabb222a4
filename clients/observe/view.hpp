// view: all that the board tells of a daemon that runs, hangs or has ended, checked and plain
#pragma once

#include "core/result.hpp"
#include "core/snapshot.hpp"
#include "core/types.hpp"
#include "ipc/board.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hb::clients::observe {

/// Whether the daemon of the board still works.
enum class Daemon : std::uint8_t { running, silent, ended };
[[nodiscard]] std::string_view name_of(Daemon daemon);

/// The board of a daemon that works is written each second; an older one tells that it hangs.
inline constexpr std::chrono::seconds oldest_board{10};

/// One look at the board. The snapshot's counts are within its arrays; its texts may hold any bytes
/// (see plain), its node ids and enumerators any value (see node_name).
struct View {
  Daemon daemon = Daemon::ended;
  core::Duration age{};           ///< of the snapshot
  core::Duration uptime{};        ///< since that daemon began; never negative
  std::int64_t pid = 0;
  std::int64_t wall_seconds = 0;  ///< of this look
  core::Instant looked{};         ///< of this look
  std::unique_ptr<core::Snapshot> snapshot;
  std::vector<ipc::BoardReader::NamedCounter> counters;
  std::vector<ipc::LogLine> journal;  ///< the black box without debug lines, oldest first
};

/// An Error if there is no board, it may not be read, or nothing was published on it yet.
[[nodiscard]] core::Result<View> look(const std::string& path);

/// Printable ASCII as it is, all other bytes as `?`: names come from files in any encoding, and a
/// terminal obeys control bytes.
[[nodiscard]] std::string plain(std::string_view text);
/// The node's name, plain; "-" if there is none.
[[nodiscard]] std::string node_name(const core::Snapshot& snapshot, core::NodeId node);
/// As one word: what this node knows of the group.
[[nodiscard]] std::string_view state_of(const core::Snapshot& snapshot, const core::GroupRow& row);
/// The nodes on which the group failed, plain.
[[nodiscard]] std::vector<std::string> failed_nodes(const core::Snapshot& snapshot,
                                                    const core::GroupRow& row);
/// How long ago `at` of the daemon's clock was; never negative, nothing for 0 (never).
[[nodiscard]] std::optional<core::Duration> ago(const View& view, std::int64_t at_ns);
/// Seconds with three decimals.
[[nodiscard]] std::string seconds_text(core::Duration duration);

}  // namespace hb::clients::observe
