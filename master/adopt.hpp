// adopt: what a master that died left behind, and whether the next one may go on with it
#pragma once

#include "core/snapshot.hpp"
#include "core/types.hpp"
#include "ipc/board.hpp"

#include <array>
#include <memory>
#include <string>

namespace hb::master {

/// The state of a master that died a moment ago, as its board has it (design §2 "Master dies").
struct Estate {
  core::Generation generation{};
  core::Seqno next_seqno{};
  std::unique_ptr<core::Snapshot> view;  ///< its last snapshot
  /// With this crash, the newest first: for the next board.
  std::array<core::Instant, ipc::remembered_crashes> crashes{};
};

enum class Succession : std::uint8_t {
  none,       ///< an ordinary start: no board, an orderly end, or too long ago
  go_on,      ///< same generation, next sequence number, nothing moves
  too_often,  ///< it crashed too often: its runner releases everything, nobody should go on
};

/// The runner waits half a dead time for a new master before it releases everything; a master that
/// starts so late that both could happen does not go on.
[[nodiscard]] core::Duration patience_of_runner(core::Duration deadtime);

/// Reads the board at `path` of a daemon that does not run (the caller has looked). `boot`: the
/// present boot. Fills `estate` for go_on. Never an error: an unreadable board is none.
[[nodiscard]] Succession find_estate(const std::string& path, std::string_view boot,
                                     core::Instant now, core::Duration deadtime, Estate& estate);

/// Keys of the groups that may run here by a snapshot, blank separated (Inheritance::running_keys).
[[nodiscard]] core::Holding held_by(const core::Snapshot& view);  ///< what they are together
[[nodiscard]] std::string running_keys(const core::Snapshot& view);

}  // namespace hb::master
