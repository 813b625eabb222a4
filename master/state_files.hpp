// state_files: uuid, generation and peers: who we are across restarts, read and written at start
#pragma once

#include "core/engine.hpp"
#include "core/ha_cf.hpp"
#include "core/result.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hb::master {

/// What /var/lib/heartbeat says, made where it is missing.
struct State {
  core::Identity identity;
  std::string peers;                    ///< of Persist{"systole_peers"}
  std::vector<core::Log> log;           ///< views into log_texts
  std::vector<std::string> log_texts;
};

/// Reads (or makes) hb_uuid, and increments hb_generation on disk before anything is sent
/// (wire-protocol §6.5, configuration §9). `now` is used for a missing generation file and
/// `hbgenmethod time`. A file that cannot be read as a generation is replaced by the time, never
/// by a small number (W22), which peers would drop as a replay.
/// `continued`: the generation of a master that died and is followed at once; it stays.
[[nodiscard]] core::Result<State> load_state(const core::Config& config, core::WallTime now,
                                             std::string_view state_dir,
                                             std::optional<core::Generation> continued = {});

/// Names in /etc/ha.d/rc.d, read once (resources §1).
[[nodiscard]] std::vector<std::string> hook_names(std::string_view rc_dir);

/// 64 random bits from the kernel: the seed of the engine's jitter.
[[nodiscard]] std::uint64_t random_seed();

}  // namespace hb::master
