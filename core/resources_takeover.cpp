// resources_takeover: nodes that die, leave and return, and who takes their groups
#include "core/resource_log_text.hpp"
#include "core/resources.hpp"

#include <algorithm>

namespace hb::core {

namespace {

/// A 3.0.6 peer that comes back from a partition gives up everything after 2 s (§6.4), plus its
/// latency. If it does not by then, it has not noticed, and we give up what we took from it.
constexpr Duration heal_patience = std::chrono::seconds{5};

}  // namespace

void Resources::on(const NodeDied& event) {
  const NodeId node = event.node;
  if (node == self_ || node.value >= peers_.size()) return;
  live_.reset(node.value);
  auto& who = peer(node);
  const GroupSet before = claims(node);
  const bool said_goodbye = event.heard && who.gone;
  const bool empty_handed =
      event.heard &&
      (said_goodbye ||
       (!is_legacy() && who.announced && before.none() && who.booked == Holding::none));
  withhold(node, who.unknown);
  who = Peer{};
  who.gone = true;
  who.before_death = before;
  // Who held nothing may live on behind a cut, and take from now on.
  if (!said_goodbye) who.silent_since = now_.instant;
  partner_lost(node);
  for (auto& each_book : books_) {
    if (each_book.wanted_by == node) each_book.wanted_by = no_node;
  }
  if (phase_ == Phase::releasing || phase_ == Phase::released) {
    return log(LogLevel::info, resource_text::takeover_cancelled);
  }
  if (empty_handed) {
    log(LogLevel::info, resource_text::gave_up, name(node));
    send_stonith(node, "unneeded");
  } else if (!begin_fencing(node)) {
    log(LogLevel::warn, resource_text::no_stonith);
    log(LogLevel::warn, resource_text::not_protected);
    log(LogLevel::info, resource_text::being_acquired, name(node));
    send_stonith(node, "n_stnth");
  }
  if (!empty_handed) judge_answers(unaccounted(node), name(node));
  peer_is_gone(node);
}

/// Dead, or it has released everything and leaves.
void Resources::peer_is_gone(NodeId node) {
  for (std::size_t i = 0; i < books_.size(); ++i) {
    const GroupId group{static_cast<std::uint16_t>(i)};
    book(group).retry_at = now_.instant;
    if (home(group) == node && runs_.may_run(group)) book(group).failback_due = true;
    book(group).pull_again = never;
  }
  if (!is_alone()) {
    if (peer(node).before_death.any()) taking_from_.set(node.value);
    return;
  }
  if (!duty_.local || !duty_.foreign) taking_from_.set(node.value);
  needs_failback_ = true;
}

void Resources::on(const NodeReturned& event) {
  if (event.node == self_ || event.node.value >= peers_.size()) return;
  auto& who = peer(event.node);
  partner_lost(event.node);
  cancel_fencing(event.node);
  switch (event.kind) {
    case ReturnKind::first:
      who = Peer{};
      if (!event.was_dead) who.patience = now_.instant + resource_limits::announcement_patience;
      return;
    case ReturnKind::restart:
      doubt_.awaited.reset(event.node.value);
      if (event.was_dead || who.gone) {  // gone: it had released everything, and was not dead yet
        who = Peer{};
        return;
      }
      // It may be only its daemon that restarted: what it held stays its own until it tells.
      who.announced = false;
      who.silent_since = never;
      who.leaving = false;
      who.patience = now_.instant + resource_limits::announcement_patience;
      return;
    case ReturnKind::partition:
      const GroupSet before = who.before_death;
      who = Peer{};
      who.patience = now_.instant + resource_limits::announcement_patience;
      if (!is_ours(event.node)) {
        who.announced = true;
        who.held = before;
        who.heal_by = now_.instant + heal_patience;
      }
      if (phase_ == Phase::stable && !is_plain_legacy()) announce({}, true);
  }
}

/// The one rule: nobody claims it, and we are the first in line.
void Resources::take_orphans() {
  if (upkeep_.on) return;
  if (is_alone()) duty_ = {.local = true, .foreign = true};
  GroupSet claimed;
  NodeSet candidates;
  candidates.set(self_.value);
  bool unclear = false;
  for (const NodeId node : placement_.nodes()) {
    if (node == self_) continue;
    claimed |= claims(node);
    if (takes_part(node)) candidates.set(node.value);
    unclear = unclear || (is_awaited(node) && is_ours(node) &&
                          sink_->status(node) == NodeStatus::active) ||
              doubt_.awaited.test(node.value);
  }
  follow_conflicts(claimed);
  if (unclear || is_forbidden_to_take()) return;  // it will tell in a moment what it holds
  if (standby_.state != StandbyState::none) claimed |= standby_.groups;
  each(~claimed & (local_ | foreign_), [&](GroupId group) {
    auto& entry = book(group);
    if (runs_.may_run(group) || entry.pull_again != never) return;
    if (conflicts_.stands(group)) return;
    if (entry.withheld_by != no_node) return;
    const NodeId owner = home(group);
    // A live 3.0.6 node takes its own groups, and nothing else can make it take one.
    const bool reserved = is_live(owner) && !peer(owner).gone && !peer(owner).leaving &&
                          (is_awaited(owner) || !is_ours(owner));
    if (reserved) return;
    NodeSet willing = candidates;
    for (const NodeId node : placement_.nodes()) {
      if (is_blocked(node, group)) willing.reset(node.value);
    }
    NodeSet able = willing;
    for (const NodeId node : placement_.nodes()) {
      const bool failed = node == self_ ? entry.failed : peer(node).failed.test(group.value);
      if (failed || no_path(node).test(group.value)) able.reset(node.value);
    }
    NodeId taker = placement_.taker(owner, able);
    if (taker == no_node && now_.instant >= entry.retry_at) {
      taker = placement_.taker(owner, willing);
    }
    if (taker == self_) take(group);
  });
}

void Resources::take(GroupId group) {
  auto& entry = book(group);
  entry.highest = std::max(entry.highest, entry.epoch) + 1;
  entry.epoch = entry.highest;
  entry.failback_due = home(group) != self_;
  entry.failed = entry.blocked = false;
  entry.contested = false;
  entry.wanted_by = no_node;
  needs_failback_ = needs_failback_ || entry.failback_due;
  if (entry.failback_due) log(LogLevel::info, resource_text::taking_over_group, key(group));
  if (taking_from_.any()) took_ = true;
  runs_.start(now_, group, *sink_);
}

/// Everything taken from a gone node is through: says so, as its scripts did.
void Resources::close_takeover() {
  if ((taking_from_.none() && !acquiring_own_) || any_busy() || is_forbidden_to_take()) return;
  if (acquiring_own_) {
    acquiring_own_ = false;
    log(LogLevel::info, resource_text::local_acquired);
    if (!is_plain_legacy()) announce("req_our_resources()");
  }
  if (taking_from_.none()) return;
  if (took_ || is_alone()) {
    for (const NodeId node : placement_.nodes()) {
      if (taking_from_.test(node.value)) {
        log(LogLevel::info, resource_text::mach_down_for, name(node));
      }
    }
    log(LogLevel::info, resource_text::mach_down);
    if (!is_plain_legacy()) send_mach_down();
  }
  took_ = false;
  taking_from_.reset();
}

/// What peers did not do in time.
void Resources::check_peers() {
  for (const NodeId node : placement_.nodes()) {
    auto& who = peer(node);
    if (!who.announced && is_ours(node) && now_.instant >= who.patience) {
      withhold(node, who.unknown);
      who.unknown.reset();
      who.held.reset();  // it restarted, and is not coming up
      who.moving.reset();
    }
    if (who.heal_by > now_.instant) continue;
    // A 3.0.6 node that was declared dead and did not notice keeps what it had: we release it.
    who.heal_by = never;
    each(who.held & held(), [&](GroupId group) {
      log(LogLevel::warn, "{}: node {} never gave it up; releasing it", key(group), name(node));
      runs_.stop(now_, group, *sink_);
    });
    duty_.foreign = duty_.foreign && !has_local(who.booked);
  }
}

}  // namespace hb::core
