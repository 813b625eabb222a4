// fencing: a node that died without a goodbye is reset, before anything of it is taken
#pragma once

#include "core/engine_io.hpp"
#include "core/ha_cf.hpp"
#include "core/resources_io.hpp"
#include "core/snapshot.hpp"
#include "core/types.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hb::core {

namespace fencing_limits {
/// habit: the pause after a round of attempts that all failed (wire-protocol §7.5).
inline constexpr Duration retry_pause = std::chrono::seconds{5};
/// habit: the devices are asked how they are at the start, and again after so long.
inline constexpr Duration check_pause = std::chrono::hours{1};
/// Of several survivors the first in line begins; the others wait so long for its result.
inline constexpr Duration turn_pause = std::chrono::seconds{10};
}  // namespace fencing_limits

/// Index of a device: the fence_agent lines in their order, then the stonith or stonith_host line.
using Device = Strong<struct DeviceTag, std::uint16_t>;

[[nodiscard]] std::size_t device_count(const Config& config);
/// As log lines name it: its type or program.
[[nodiscard]] std::string_view name_of(const Config& config, Device device);
/// Whether the device may be asked to reset that node.
[[nodiscard]] bool serves(const Config& config, Device device, NodeId node);

/// Which nodes are to be fenced, and the attempts to do it. It knows nothing of groups: while
/// is_pending(), its owner takes nothing over.
///
/// A round tries each device of the node in turn; a failed round is repeated after
/// fencing_limits::retry_pause, for as long as the node is away. A node that is heard again is not
/// shot any more (W8): the attempt under way is ended, and what it reports then is not believed.
class Fencing {
 public:
  explicit Fencing(const Config& config);

  [[nodiscard]] bool can_fence(NodeId node) const;
  [[nodiscard]] bool is_pending() const;
  [[nodiscard]] bool is_pending(NodeId node) const { return rows_[node.value].needed; }

  /// It is dead, however often that is said. `rank`: how many other nodes are before us in line.
  void need(Instant now, NodeId node, std::size_t rank);
  /// It is here again, or it is certain that it is off.
  void forget(NodeId node, ResourceSink& sink);
  /// Another one that was before us could not: now it is our turn.
  void go_ahead(Instant now, NodeId node);

  /// Starts what is due, unless `held_back` (the witness is with the other side); then nothing is.
  void turn(Instant now, bool held_back, ResourceSink& sink);
  struct Result {
    NodeId node;
    bool fenced = false;
    bool round_failed = false;  ///< all devices have failed; tried again after the pause
  };
  /// Whether the ticket was one of ours; then what its end means for a node, if anything.
  bool done(Instant now, const ActionDone& action, ResourceSink& sink,
            std::optional<Result>& result);
  /// The runner came back: what it does not list has ended, nobody knows how.
  void runner_ready(Instant now, std::span<const Ticket> running);
  [[nodiscard]] Instant next_deadline() const;

  /// As people are shown it.
  void fill(NodeId node, NodeRow& row) const;
  [[nodiscard]] std::uint32_t attempts(NodeId node) const { return rows_[node.value].attempts; }
  /// Over a crash of the master: pending still.
  void remember(NodeId node, std::uint32_t attempts, Instant now);

 private:
  struct Row {
    bool needed = false;
    Instant at = never;          ///< of the next attempt
    Ticket running{};            ///< 0: none
    std::uint16_t device = 0;    ///< the one that is tried, or is next
    std::uint32_t attempts = 0;  ///< that failed
    std::string trouble;         ///< of the last one
  };
  struct Check {
    Instant at{};
    Ticket running{};
  };
  [[nodiscard]] Duration delay_of(NodeId node) const;
  [[nodiscard]] std::optional<Device> device_from(NodeId node, std::size_t first) const;
  void attempt(NodeId node, Row& row, ResourceSink& sink);
  void check_ended(Device device, const ActionDone& action, ResourceSink& sink);

  const Config& config_;
  std::vector<Row> rows_;      ///< by NodeId
  std::vector<Check> checks_;  ///< by Device
};

}  // namespace hb::core
