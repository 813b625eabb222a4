// resources_path: groups leave a dead service interface; addresses of the dead that still answer
#include "core/resources.hpp"

#include <algorithm>

namespace hb::core {

namespace {

/// A node that cannot take part in a move now is asked again this late.
constexpr Duration move_patience = std::chrono::seconds{20};

}  // namespace

// ---- the way to the users

void Resources::on(const ServicePathsSeen& event) {
  GroupSet bad;
  for (const GroupId group : event.bad) {
    if (group.value < groups_.size()) bad.set(group.value);
  }
  paths_.report(now_.instant, bad);
  // IPv6 addresses go with an interface that is set down: their start may have failed before we
  // heard of it, and is forgiven when the interface works again.
  each(bad, [&](GroupId group) {
    if (book(group).failed) paths_.condemn(now_.instant, group);
  });
}

/// Where a group's users cannot be reached from, as far as that node said (3.0.6 says nothing).
GroupSet Resources::no_path(NodeId node) const {
  if (!config_.service_link_failover) return {};
  return node == self_ ? paths_.bad() : peer(node).no_path;
}

/// What has changed is said, and a start that failed for want of an interface is forgiven.
void Resources::judge_paths() {
  each(paths_.tick(now_.instant), [&](GroupId group) {
    if (paths_.bad().test(group.value)) {
      log(runs_.may_run(group) ? LogLevel::error : LogLevel::warn,
          "{}: its service interface does not work on this node{}", key(group),
          config_.service_link_failover ? "" : " (service_link_failover off: it stays)");
      return;
    }
    log(LogLevel::info, "{}: its service interface works again on this node", key(group));
    book(group).failed = false;
  });
}

bool Resources::may_take_over_path(NodeId node, GroupId group) const {
  const auto& who = peer(node);
  return node != self_ && takes_part(node) && (is_ours(node) || who.stable) &&
         who.heal_by == never && !who.failed.test(group.value) && !who.held.test(group.value) &&
         !no_path(node).test(group.value);
}

/// A group whose users cannot be reached from here goes to a node that can, by a planned move: it
/// is released here before it starts there. If no node can, it stays.
void Resources::plan_path_moves() {
  if (is_legacy() || standby_.state != StandbyState::none || !moves_.empty()) return;
  if (now_.instant < failback_at_ || doubt_.number != 0) return;
  NodeId to = no_node;
  GroupSet lame;
  each(held() & no_path(self_), [&](GroupId group) {
    if (runs_.state(group) != GroupState::running || runs_.is_leaving(group)) return;
    NodeSet able;
    for (const NodeId node : placement_.nodes()) {
      if (may_take_over_path(node, group)) able.set(node.value);
    }
    const NodeId taker = placement_.taker(home(group), able);
    if (taker == no_node || (to != no_node && taker != to)) return;  // the others come next
    to = taker;
    lame.set(group.value);
  });
  if (to != no_node) offer_path_move(lame, to);
}

/// One of ours takes exactly these; a 3.0.6 node takes our local or our foreign ones as a whole.
void Resources::offer_path_move(const GroupSet& lame, NodeId node) {
  const bool local = (lame & local_).any(), foreign = (lame & foreign_).any();
  const Holding set = holding_of({.local = local, .foreign = foreign});
  if (!is_ours(node) && any_busy()) return;
  log(LogLevel::warn, "{}: given to node {}, whose service interface works", key_list(lame),
      name(node));
  add_move({node, set, is_ours(node) ? lame : set_of(set, self_), now_.instant + move_patience});
}

// ---- addresses of the dead

void Resources::on(const AddressAnswered& event) {
  if (event.group.value >= groups_.size() || runs_.may_run(event.group)) return;
  conflicts_.answered(now_.instant, event.group, event.text);
}

/// Everything that the silent node may serve is asked for in time: not only what it said that it
/// holds, since its last words may be old, or were never heard.
void Resources::on(const NodeDoubtful& event) {
  if (event.node == self_ || event.node.value >= peers_.size()) return;
  ask_who_has(unaccounted(event.node));
}

/// What neither we nor a live node but this one claim.
GroupSet Resources::unaccounted(NodeId suspect) const {
  GroupSet known = held();
  for (const NodeId node : placement_.nodes()) {
    if (node != suspect && node != self_ && is_live(node)) known |= claims(node);
  }
  return (local_ | foreign_) & ~known;
}

void Resources::ask_who_has(const GroupSet& groups) {
  each(groups & ~held(), [&](GroupId group) { sink_->outputs().add(ProbeAddresses{group}); });
}

/// Their owner is gone without a word.
void Resources::judge_answers(const GroupSet& groups, std::string_view owner) {
  const bool holds = config_.address_conflict == AddressConflict::hold;
  each(conflicts_.judge(now_.instant, groups & ~held()), [&](GroupId group) {
    log(LogLevel::crit, "{}: its address still answers ({}), although {} is dead: {}", key(group),
        conflicts_.who(group), owner,
        holds ? "it is not taken as long as that is so (address_conflict hold)"
              : "two nodes may serve it now (address_conflict take)");
    if (!holds) conflicts_.settle(group);
  });
}

void Resources::follow_conflicts(const GroupSet& claimed) {
  each(claimed | held(), [&](GroupId group) { conflicts_.settle(group); });
  each(conflicts_.expire(now_.instant), [&](GroupId group) {
    log(LogLevel::warn, "{}: its address does not answer any more", key(group));
  });
  ask_who_has(conflicts_.due(now_.instant));
}

// ---- after a crash

void Resources::save_path(GroupId group, Continuity::Group& row) const {
  const auto path = paths_.save(group);
  row.path_bad = path.bad ? 1 : 0;
  row.path_change_at = path.change_at;
  row.path_changed_at = path.changed_at;
  row.path_trust_ms = static_cast<std::uint32_t>(path.trust / std::chrono::milliseconds{1});
  row.conflict = conflicts_.stands(group) ? 1 : 0;
}

void Resources::remember_path(GroupId group, const Continuity::Group& row, Instant saved_at) {
  paths_.remember(group, {row.path_bad != 0, std::max(row.path_change_at, Instant{}),
                          std::max(row.path_changed_at, Instant{}),
                          std::chrono::milliseconds{row.path_trust_ms}});
  if (row.conflict != 0) conflicts_.remember(saved_at, group);
}

}  // namespace hb::core
