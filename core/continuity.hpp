// continuity: what a master must know of the one before it, to go on as if nothing had happened
#pragma once

#include "core/ha_cf.hpp"
#include "core/haresources.hpp"
#include "core/result.hpp"
#include "core/snapshot.hpp"
#include "core/standby.hpp"
#include "core/types.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace hb::core {

/// One bit for each node, in the order of the file that the saving master had read.
using NodeBits = std::array<std::uint64_t, (limits::nodes + 63) / 64>;

/// The memory of a master that outlives it: flat, so that it can lie on a page that survives a
/// crash (design §2, "Master dies"). Engine::save() fills it at the end of a turn, before anything
/// of that turn leaves the process: the numbers are then never below what peers and the runner have
/// seen. What peers can tell again (what they hold) is asked for; what only we know is here.
///
/// The last messages are kept as they were signed: of a turn that a crash cut off some have left
/// and some have not, and peers ask for the rest. What is longer than a Frame is reported as lost.
///
/// Rows are found again by name and key, since files may have changed. Truth values are bytes and
/// nothing is trusted before check(): the page may be torn or of another version.
struct Continuity {
  /// A node as it was judged, and what it told.
  struct Node {
    FixedText<100> name;
    Uuid uuid;
    Generation generation;
    Seqno last;                  ///< all up to here was seen, 0: nothing
    Seqno last_status;
    Instant patience, heal_by, silent_since;  ///< of core/resources
    std::uint32_t dead_time_ms = 0;
    NodeStatus status{};
    Holding booked{};
    std::uint8_t ever_heard = 0, is_ours = 0, flow_control = 0, leaves = 0;
    std::uint8_t announced = 0, stable = 0, leaving = 0, gone = 0;
    std::uint8_t fencing = 0;    ///< it is to be fenced still
    std::uint32_t fence_attempts = 0;
  };
  /// A group: its scripts (core/groups) and its book (core/resources).
  struct Group {
    FixedText<100> key;          ///< cut if longer
    std::uint64_t epoch = 0, highest = 0;
    Instant retry_at, pull_again, deadline, since;
    Instant path_change_at, path_changed_at;  ///< of core/service_path
    std::uint32_t path_trust_ms = 0;
    Ticket ticket;               ///< of the script that runs, 0: none
    NodeBits held_by{}, held_before_death{};
    Instant failed_at, lost_at;  ///< a failed monitor; given up because it failed
    std::uint32_t attempts = 0, failed_starts = 0, failures = 0, recoveries = 0, losses = 0;
    std::uint16_t resource = 0, floor = 0;
    NodeId wanted_by = no_node, withheld_by = no_node;
    GroupState state{};
    std::uint8_t step = 0, goal = 0, giving_up = 0, told_unknown = 0;
    std::uint8_t failback_due = 0, failed = 0, handed_over = 0, contested = 0, leftover = 0;
    std::uint8_t path_bad = 0, conflict = 0;
    std::uint8_t recovering = 0, blocked = 0;
    std::uint8_t in_standby = 0; ///< belongs to the planned move that is under way
  };

  /// A message as it was sent: some of the last ones may not have left when the master died.
  struct Frame {
    Generation generation;
    Seqno seqno;
    std::uint32_t size = 0;      ///< 0: too long for this room
    std::array<char, 2028> bytes{};
  };

  Instant saved_at{};
  Generation generation;
  Seqno next_seqno;
  std::uint64_t last_ticket = 0, last_hook = 0, next_client_generation = 0;
  Instant standby_deadline{}, standby_until{}, stop_by{};
  Instant witness_since{}, witness_until{};
  NodeBits taking_from{};
  std::uint64_t upkeep_epoch = 0;  ///< of core/resources: the last change of maintenance
  std::uint16_t node_count = 0, group_count = 0;
  NodeId standby_partner = no_node;
  StandbyState standby_state{};
  Holding standby_set{};
  std::uint8_t active = 0;       ///< communication was up: only then is there anything to continue
  std::uint8_t stop_asked = 0;
  std::uint8_t manages_resources = 0;
  std::uint8_t phase = 0;        ///< of core/resources
  std::uint8_t duty_local = 0, duty_foreign = 0, needs_failback = 0, was_heard = 0;
  std::uint8_t took = 0, acquiring_own = 0, maintenance = 0;
  std::array<Node, limits::nodes> nodes{};    ///< node_count of them
  std::array<Group, limits::groups> groups{}; ///< group_count of them
  std::array<Frame, 32> frames{};             ///< that of a number is at number modulo size
};
static_assert(std::is_trivially_copyable_v<Continuity>);

namespace continuity_limits {
/// A dead time beyond this is a mistake of the sender, as in core/engine_receive.
inline constexpr std::uint32_t dead_time_ms = 24U * 3600 * 1000;
}  // namespace continuity_limits

/// Whether everything in it is in range, so that an engine may be built upon it; the Error says
/// what is not. `now`: on the same clock (BootClock: a page of an earlier boot lies in the future,
/// or is far too old).
[[nodiscard]] Result<void> check(const Continuity& memory, Instant now);

/// Where the rows of `memory` are in today's files; no_node and no_group where they are not.
struct ContinuityMap {
  ContinuityMap(const Continuity& memory, const Config& config, const std::vector<Group>& groups);
  std::vector<NodeId> nodes;
  std::vector<GroupId> groups;
  [[nodiscard]] NodeId node(NodeId saved) const {
    return saved.value < nodes.size() ? nodes[saved.value] : no_node;
  }
};

[[nodiscard]] constexpr bool has_bit(const NodeBits& bits, std::size_t index) {
  return (bits[index / 64] >> (index % 64) & 1U) != 0;
}
constexpr void set_bit(NodeBits& bits, std::size_t index) {
  bits[index / 64] |= std::uint64_t{1} << (index % 64);
}

}  // namespace hb::core
