// resources_view: what the resource logic knows of itself and of the others, and what is shown
#include "core/resources.hpp"

#include <algorithm>

namespace hb::core {

/// It says what it holds, and may be asked to take more.
bool Resources::takes_part(NodeId node) const {
  const auto& who = peer(node);
  if (!is_live(node) || who.leaving || who.gone) return false;
  return is_plain_legacy() || who.announced;
}

bool Resources::is_awaited(NodeId node) const {
  const auto& who = peer(node);
  return is_live(node) && !who.announced && !who.gone && now_.instant < who.patience;
}

bool Resources::is_alone() const {
  return std::ranges::none_of(placement_.nodes(), [&](NodeId node) {
    return is_live(node) && !peer(node).gone;
  });
}

/// What may run there.
GroupSet Resources::claims(NodeId node) const {
  const auto& who = peer(node);
  if (node == self_ || who.gone) return {};
  // habit: in legacy mode nobody says what it holds; a live node has its own groups
  if (is_plain_legacy()) return set_of(Holding::local, node);
  return who.held | who.moving | who.stays;
}

std::uint64_t Resources::epoch(GroupId group) const {
  const auto& entry = book(group);
  if (entry.leftover) return leftover_epoch;
  return entry.epoch + (runs_.is_coming(group) ? starting_mark : 0);
}

GroupSet Resources::held() const {
  GroupSet set;
  each(local_ | foreign_, [&](GroupId group) { set.set(group.value, runs_.may_run(group)); });
  return set;
}

bool Resources::any_busy() const {
  bool busy = false;
  each(local_ | foreign_, [&](GroupId group) { busy = busy || runs_.is_busy(group); });
  return busy;
}

bool Resources::is_at_rest() const {
  if (status() == Holding::transition || !moves_.empty() || doubt_.number != 0) return false;
  bool rests = true;
  // The next image listens for initdead before it judges, and would miss that it must let go.
  each_silent([&](NodeId) { rests = !witness_.is_configured(); });
  each(local_ | foreign_, [&](GroupId group) { rests = rests && runs_.is_at_rest(group); });
  return rests;
}

/// The other one of exactly two configured nodes, if it is live; else no_node.
NodeId Resources::only_peer() const {
  if (placement_.nodes().size() != 2) return no_node;
  const NodeId first = placement_.nodes()[0];
  const NodeId other = first == self_ ? placement_.nodes()[1] : first;
  return is_live(other) ? other : no_node;
}

std::optional<GroupId> Resources::group_of(std::string_view text) const {
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    if (groups_[i].key() == text) return GroupId{static_cast<std::uint16_t>(i)};
  }
  return {};
}

Holding Resources::status() const {
  if (phase_ == Phase::silent) return Holding::none;
  if (phase_ == Phase::starting || standby_.state != StandbyState::none || any_busy()) {
    return Holding::transition;
  }
  for (const NodeId node : placement_.nodes()) {
    if (is_live(node) && !peer(node).stable && !peer(node).gone) return Holding::transition;
  }
  return booking();
}

void Resources::fill(Snapshot& snapshot) const {
  snapshot.holding = status();
  snapshot.group_count = static_cast<std::uint16_t>(groups_.size());
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const GroupId group{static_cast<std::uint16_t>(i)};
    auto& row = snapshot.groups[i];
    row.key.assign(key(group));
    row.home = home(group);
    row.state = runs_.state(group);
    row.failures = runs_.failures(group);
    row.since_ns = runs_.since(group).time_since_epoch().count();
    row.owner = runs_.may_run(group) ? self_ : no_node;
    for (const NodeId node : placement_.nodes()) {
      if (row.owner != no_node || node == self_) continue;
      if (claims(node).test(i)) row.owner = node;
    }
  }
  fill_faults(snapshot);
  for (const NodeId node : placement_.nodes()) {
    snapshot.nodes[node.value].holding = node == self_ ? snapshot.holding : peer(node).booked;
    fencing_.fill(node, snapshot.nodes[node.value]);
  }
}

void Resources::update_deadline() {
  deadline_ = std::min({runs_.next_deadline(), standby_.deadline, echo_at_});
  deadline_ = std::min(deadline_, paths_.next_deadline());
  if (phase_ == Phase::stable) deadline_ = std::min(deadline_, conflicts_.next_deadline());
  const auto at = [&](Instant when) {
    if (when > now_.instant) deadline_ = std::min(deadline_, when);
  };
  if (phase_ == Phase::releasing) at(stop_by_);
  if (phase_ == Phase::releasing || phase_ == Phase::released || phase_ == Phase::silent) return;
  at(failback_at_);
  at(doubt_.until);
  at(witness_deadline());
  at(fencing_.next_deadline());
  for (const NodeId node : placement_.nodes()) {
    if (!is_live(node)) continue;
    at(peer(node).patience);
    at(peer(node).ask_again);
    at(peer(node).heal_by);
  }
  for (const auto& entry : books_) {
    at(entry.pull_again);
    if (entry.failed) at(entry.retry_at);
  }
}

}  // namespace hb::core
