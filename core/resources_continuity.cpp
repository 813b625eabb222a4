// resources_continuity: what a master that crashed knew of the groups, for the one after it
#include "core/resources.hpp"

#include <algorithm>

namespace hb::core {

namespace {

std::uint8_t byte(bool value) { return value ? 1 : 0; }

/// A moment of the saved life; one that makes no sense has passed.
Instant moment(Instant saved) { return std::max(saved, Instant{}); }

}  // namespace

void Resources::save(Continuity& into) const {
  into.standby_state = standby_.state;
  into.standby_partner = standby_.partner;
  into.standby_set = standby_.set;
  into.standby_deadline = standby_.deadline;
  into.standby_until = standby_.until;
  into.stop_by = stop_by_;
  into.witness_since = witness_.since();
  into.witness_until = witness_.until();
  into.stop_asked = byte(stop_asked_);
  into.phase = static_cast<std::uint8_t>(phase_);
  into.duty_local = byte(duty_.local);
  into.duty_foreign = byte(duty_.foreign);
  into.needs_failback = byte(needs_failback_);
  into.was_heard = byte(was_heard_);
  into.took = byte(took_);
  into.acquiring_own = byte(acquiring_own_);
  into.taking_from = {};
  save_faults(into);
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    const Peer& who = peers_[i];
    Continuity::Node& row = into.nodes[i];
    if (taking_from_.test(i)) set_bit(into.taking_from, i);
    row.patience = who.patience;
    row.heal_by = who.heal_by;
    row.silent_since = who.silent_since;
    row.booked = who.booked;
    row.announced = byte(who.announced);
    row.stable = byte(who.stable);
    row.leaving = byte(who.leaving);
    row.gone = byte(who.gone);
    const NodeId node{static_cast<std::uint16_t>(i)};
    row.fencing = byte(fencing_.is_pending(node));
    row.fence_attempts = fencing_.attempts(node);
  }
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const GroupId group{static_cast<std::uint16_t>(i)};
    const Book& entry = books_[i];
    Continuity::Group& row = into.groups[i];
    const auto wanted = std::string_view{key(group)}.substr(0, row.key.bytes.size() - 1);
    if (row.key.view() != wanted) row.key.assign(wanted);
    runs_.save(group, row);
    row.epoch = entry.epoch;
    row.highest = entry.highest;
    row.failback_due = byte(entry.failback_due);
    row.failed = byte(entry.failed);
    row.handed_over = byte(entry.handed_over);
    row.contested = byte(entry.contested);
    row.leftover = byte(entry.leftover);
    row.retry_at = entry.retry_at;
    row.pull_again = entry.pull_again;
    row.wanted_by = entry.wanted_by;
    save_path(group, row);
    row.in_standby = byte(standby_.groups.test(i));
    row.held_by = row.held_before_death = {};
    for (std::size_t n = 0; n < peers_.size(); ++n) {
      if (peers_[n].held.test(i) || peers_[n].moving.test(i)) set_bit(row.held_by, n);
      if (peers_[n].before_death.test(i)) set_bit(row.held_before_death, n);
    }
  }
}

void Resources::remember_peer(const Continuity::Node& row, Peer& who) const {
  who.patience = moment(row.patience);
  who.heal_by = moment(row.heal_by);
  who.silent_since = moment(row.silent_since);
  // One that lives and is silent all the same had told that it does not hear us.
  who.hears_us_not = who.silent_since != never && row.status != NodeStatus::dead;
  who.booked = row.booked;
  // One of ours is asked again what it holds; until it tells, what it held stays its own.
  who.announced = row.announced != 0 && row.is_ours == 0;
  who.stable = row.stable != 0;
  who.leaving = row.leaving != 0;
  who.gone = row.gone != 0;
}

void Resources::remember_book(const Continuity::Group& row, const ContinuityMap& map,
                              Book& entry) const {
  entry.epoch = row.epoch;
  entry.highest = row.highest;
  entry.failback_due = row.failback_due != 0;
  entry.failed = row.failed != 0;
  entry.handed_over = row.handed_over != 0;
  entry.contested = row.contested != 0;
  entry.leftover = row.leftover != 0;
  entry.retry_at = moment(row.retry_at);
  entry.pull_again = moment(row.pull_again);
  entry.wanted_by = map.node(row.wanted_by);
}

/// In the constructor: nothing is sent or started yet.
void Resources::remember(const Continuity& memory) {
  goes_on_ = true;
  if (memory.manages_resources == 0) return;
  const ContinuityMap map{memory, config_, groups_};
  phase_ = static_cast<Phase>(memory.phase);
  duty_ = {.local = memory.duty_local != 0, .foreign = memory.duty_foreign != 0};
  needs_failback_ = memory.needs_failback != 0;
  was_heard_ = memory.was_heard != 0;
  took_ = memory.took != 0;
  acquiring_own_ = memory.acquiring_own != 0;
  stop_asked_ = memory.stop_asked != 0;
  stop_by_ = moment(memory.stop_by);
  witness_.told(memory.witness_since, memory.witness_until, memory.saved_at);
  for (std::size_t i = 0; i < map.nodes.size(); ++i) {
    if (map.nodes[i] == no_node) continue;
    remember_peer(memory.nodes[i], peer(map.nodes[i]));
    if (memory.nodes[i].fencing != 0 && fencing_.can_fence(map.nodes[i])) {
      fencing_.remember(map.nodes[i], memory.nodes[i].fence_attempts, moment(memory.saved_at));
    }
    if (has_bit(memory.taking_from, i)) taking_from_.set(map.nodes[i].value);
  }
  for (std::size_t g = 0; g < map.groups.size(); ++g) {
    const GroupId group = map.groups[g];
    if (group == no_group) continue;
    const Continuity::Group& row = memory.groups[g];
    remember_book(row, map, book(group));
    runs_.remember(group, row);
    remember_path(group, row, memory.saved_at);
    standby_.groups.set(group.value, row.in_standby != 0);
    for (std::size_t n = 0; n < map.nodes.size(); ++n) {
      if (map.nodes[n] == no_node) continue;
      Peer& who = peer(map.nodes[n]);
      who.held.set(group.value, has_bit(row.held_by, n));
      who.before_death.set(group.value, has_bit(row.held_before_death, n));
    }
  }
  remember_faults(memory, map);
  standby_.state = memory.standby_state;
  standby_.partner = map.node(memory.standby_partner);
  standby_.set = memory.standby_set;
  standby_.deadline = moment(memory.standby_deadline);
  standby_.until = moment(memory.standby_until);
  if (standby_.partner == no_node) standby_ = {};
}

/// Communication never was down: it goes on where the last master was.
void Resources::go_on() {
  goes_on_ = false;
  was_heard_ = true;
  for (const NodeId node : placement_.nodes()) {
    if (node == self_ || !is_live(node) || peer(node).announced || peer(node).gone) continue;
    peer(node).patience = now_.instant + resource_limits::announcement_patience;
  }
  if (!upkeep_.on) each(held(), [&](GroupId group) { runs_.verify(now_, group, *sink_); });
  each(local_ | foreign_, [&](GroupId group) {
    if (conflicts_.stands(group)) conflicts_.remember(now_.instant, group);  // asked for anew
  });
  if (phase_ == Phase::released) return sink_->stopped();
  if (phase_ == Phase::silent) phase_ = Phase::starting;
  if (is_plain_legacy()) return;
  if (phase_ == Phase::starting) return send_starting();
  announce({}, true);
}

}  // namespace hb::core
