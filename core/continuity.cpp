// continuity: what a master must know of the one before it, to go on as if nothing had happened
#include "core/continuity.hpp"

#include <algorithm>
#include <string>

namespace hb::core {

namespace {

template <class Enumerator>
bool is_at_most(Enumerator value, Enumerator last) {
  return static_cast<std::uint8_t>(value) <= static_cast<std::uint8_t>(last);
}

bool is_truth(std::uint8_t byte) { return byte <= 1; }

template <class... Bytes>
bool are_truths(Bytes... bytes) {
  return (is_truth(bytes) && ...);
}

/// The steps and goals of core/groups, the phases of core/resources: their numbers.
constexpr std::uint8_t last_step = 7, last_goal = 1, last_phase = 4;
/// Of numbers that count takeovers: what is above could overflow ours.
constexpr std::uint64_t highest_epoch = (std::uint64_t{1} << 60) - 1;

bool is_sound(const Continuity::Node& row) {
  return is_at_most(row.status, NodeStatus::dead) && is_at_most(row.booked, Holding::all) &&
         row.dead_time_ms <= continuity_limits::dead_time_ms && !row.name.view().empty() &&
         are_truths(row.ever_heard, row.is_ours, row.flow_control, row.leaves, row.announced,
                    row.stable, row.leaving, row.gone, row.fencing);
}

bool is_sound(const Continuity::Group& row) {
  return is_at_most(row.state, GroupState::unknown) && row.step <= last_step &&
         row.goal <= last_goal && row.epoch <= highest_epoch && row.highest <= highest_epoch &&
         !row.key.view().empty() &&
         are_truths(row.giving_up, row.told_unknown, row.failback_due, row.failed, row.handed_over,
                    row.contested, row.leftover, row.in_standby, row.path_bad, row.conflict,
                    row.recovering, row.blocked);
}

}  // namespace

Result<void> check(const Continuity& memory, Instant now) {
  const auto bad = [](std::string_view what) {
    return Error{"what the last master left cannot be used: " + std::string{what}};
  };
  if (memory.saved_at > now) return bad("it was written by another boot of this machine");
  if (memory.generation == Generation{} || memory.next_seqno == Seqno{}) {
    return bad("it has no generation");
  }
  if (memory.node_count > limits::nodes || memory.group_count > limits::groups) {
    return bad("it has more rows than there is room for");
  }
  const bool sound =
      is_at_most(memory.standby_state, StandbyState::taking) &&
      is_at_most(memory.standby_set, Holding::all) && memory.phase <= last_phase &&
      are_truths(memory.active, memory.stop_asked, memory.manages_resources, memory.duty_local,
                 memory.duty_foreign, memory.needs_failback, memory.was_heard, memory.took,
                 memory.acquiring_own, memory.maintenance) &&
      memory.upkeep_epoch <= highest_epoch;
  if (!sound) return bad("a number in its head is out of range");
  for (std::size_t i = 0; i < memory.node_count; ++i) {
    if (!is_sound(memory.nodes[i])) return bad("the row of a node is out of range");
  }
  for (std::size_t i = 0; i < memory.group_count; ++i) {
    if (!is_sound(memory.groups[i])) return bad("the row of a group is out of range");
  }
  return {};
}

ContinuityMap::ContinuityMap(const Continuity& memory, const Config& config,
                             const std::vector<Group>& present) {
  for (std::size_t i = 0; i < memory.node_count; ++i) {
    nodes.push_back(config.node(memory.nodes[i].name.view()).value_or(no_node));
  }
  for (std::size_t i = 0; i < memory.group_count; ++i) {
    const std::string_view key = memory.groups[i].key.view();
    const auto found = std::ranges::find_if(present, [&](const Group& group) {
      return std::string_view{group.key()}.substr(0, sizeof memory.groups[i].key.bytes - 1) == key;
    });
    groups.push_back(found == present.end()
                         ? no_group
                         : GroupId{static_cast<std::uint16_t>(found - present.begin())});
  }
}

}  // namespace hb::core
