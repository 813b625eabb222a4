// adopt: what a master that died left behind, and whether the next one may go on with it
#pragma once

#include "core/continuity.hpp"
#include "core/ha_cf.hpp"
#include "core/types.hpp"
#include "ipc/board.hpp"

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hb::master {

/// What a master that died a moment ago knew (design §2 "Master dies").
struct Estate {
  std::shared_ptr<const core::Continuity> memory;  ///< checked
  /// With this crash, the newest first: for the next board.
  std::array<core::Instant, ipc::remembered_crashes> crashes{};
};

enum class Succession : std::uint8_t {
  none,       ///< an ordinary start: no board, an orderly end, or too long ago
  go_on,      ///< same generation, next sequence number, nothing moves
  too_often,  ///< it crashed too often: its runner releases everything, nobody should go on
};

/// Reads the board at `path` of a daemon that does not run (the caller has looked). `boot`: the
/// present boot. After `deadtime` of silence the others have taken what ran here: who starts later
/// than that begins anew. Fills `estate` for go_on. Never an error: a board that cannot be
/// understood is none.
[[nodiscard]] Succession find_estate(const std::string& path, std::string_view boot,
                                     core::Instant now, core::Duration deadtime, Estate& estate);

/// Did the daemon of the board at `path` end in this boot without an orderly end? Then a start now
/// follows it, be it early enough to go on as it was or not.
[[nodiscard]] bool follows_a_crash(const std::string& path, std::string_view boot);

/// Without a turn for so long the runner takes a master for hanging (status/master_watch): early
/// enough for the next one to be heard before the peers' verdict.
[[nodiscard]] core::Duration hang_after(const core::Config& config);

/// What the image before us knew at its orderly end, on the board at `path`; null if nothing
/// that makes sense, of this boot.
[[nodiscard]] std::shared_ptr<const core::Continuity> last_memory(const std::string& path,
                                                                  std::string_view boot,
                                                                  core::Instant now);

/// The black box of the board at `path`, of a daemon that does not run, oldest first: for the next
/// board, so that it also tells what went before. Empty if it cannot be read.
[[nodiscard]] std::vector<ipc::LogLine> last_lines(const std::string& path);

}  // namespace hb::master
