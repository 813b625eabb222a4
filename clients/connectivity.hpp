// connectivity: ipfail's decisions: which of two nodes sees more ping nodes, and who gives up what
#pragma once

#include "core/message.hpp"
#include "core/types.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hb::clients {

/// The whole exchange of two ipfails (client-api §5.3, wire-protocol §3), without I/O: it is told
/// what arrived, how many ping nodes answer, and what time it is; it answers with what to say.
class Connectivity {
 public:
  struct Settings {
    std::string node;      ///< ours
    core::Duration delay;  ///< between a verdict and its execution
    bool failback;         ///< auto_failback on: what is foreign goes home when both see the same
  };
  explicit Connectivity(Settings settings) : settings_{std::move(settings)} {}

  /// What a message from the daemon means here.
  enum class News : std::uint8_t {
    nothing,
    changed,          ///< a ping node or link died, a ping node came up, the other ipfail came
    count_of_other,   ///< num_ping_nodes; `count`
    told_to_give_up,  ///< you_are_dead
    told_to_stay,     ///< abort_giveup
  };
  struct Event {
    News news = News::nothing;
    std::uint64_t count = 0;
  };
  [[nodiscard]] Event read(const core::Message& message) const;

  /// What the other ipfail shall be told.
  enum class Say : std::uint8_t { nothing, our_count, you_are_dead, abort_giveup };
  struct Outcome {
    Say say = Say::nothing;
    std::vector<std::string_view> log;  ///< 3.0.6's lines, where it has one
  };
  /// `own`: ping nodes that answer us.
  [[nodiscard]] Outcome handle(const Event& event, std::uint64_t own, core::Instant now);

  /// When due() wants to be asked; `never` if nothing is pending.
  [[nodiscard]] core::Instant deadline() const { return pending_ ? pending_->at : core::never; }
  /// At the deadline: `holding` is the daemon's answer to getrsc ("transition" while it moves).
  enum class GiveUp : std::uint8_t { nothing, all, foreign };
  struct Due {
    GiveUp give_up = GiveUp::nothing;
    Say say = Say::nothing;
    std::vector<std::string_view> log;
  };
  [[nodiscard]] Due due(std::string_view holding, core::Instant now);

  /// While resources move, the daemon refuses: it is asked again this much later.
  static constexpr core::Duration unsettled_pause = std::chrono::seconds{1};
  /// A standby may be refused, or not be answered within its ten seconds; what was not given up by
  /// then is counted anew.
  static constexpr core::Duration second_look = std::chrono::seconds{12};

 private:
  enum class Step : std::uint8_t { give_up_all, give_up_foreign, count_again, look_again };
  struct Pending {
    Step step;
    core::Instant at;
  };

  [[nodiscard]] Outcome compare(std::uint64_t other, std::uint64_t own, core::Instant now);
  void plan(Step step, core::Instant at);

  Settings settings_;
  std::optional<Pending> pending_;
};

}  // namespace hb::clients
