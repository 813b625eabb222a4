// story: what the black box tells of the last move, or of why nothing moved, in plain sentences
#pragma once

#include "ipc/blackbox.hpp"
#include "ipc/outcomes.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hb::clients::observe {

/// What a step of a story is about.
enum class Step : std::uint8_t {
  silence,   ///< something was late or a link went silent
  pause,     ///< this node itself did not run
  verdict,   ///< a node is dead, or came back
  fencing,
  order,     ///< somebody asked for it, or a node goes
  hold,      ///< why nothing is moved
  script,    ///< a resource script ended
  move,      ///< groups are given or taken
  done,
};
[[nodiscard]] std::string_view name_of(Step step);

struct Telling {
  Step step{};
  std::int64_t wall_seconds = 0;
  std::string sentence;  ///< plain
  std::string words;     ///< the daemon's own line, plain; empty for scripts
};

/// Whom is asked about: everything, a group (its first resource), or a node.
struct Subject {
  enum class Kind : std::uint8_t { last, group, node } kind = Kind::last;
  std::string name;
};

/// The steps of the last episode that has to do with the subject, oldest first; empty if the black
/// box tells of none. Two steps that are further apart than `quiet` belong to different episodes.
inline constexpr std::int64_t quiet_seconds = 30;
[[nodiscard]] std::vector<Telling> tell(std::span<const ipc::LogLine> journal,
                                        std::span<const ipc::Outcome> outcomes,
                                        const Subject& subject);

/// Whether a group was given or taken in it.
[[nodiscard]] bool moved(std::span<const Telling> story);

}  // namespace hb::clients::observe
