// address_conflict: when an answer is a conflict, and when the conflict is over
#include "core/address_conflict.hpp"

#include <algorithm>

namespace hb::core {

namespace {

template <class Act>
void each(const GroupSet& set, std::size_t count, Act act) {
  for (std::size_t i = 0; i < count; ++i) {
    if (set.test(i)) act(GroupId{static_cast<std::uint16_t>(i)});
  }
}

}  // namespace

void AddressConflicts::answered(Instant now, GroupId group, std::string_view text) {
  Row& row = rows_[group.value];
  row.answered = now;
  row.who = text;
}

GroupSet AddressConflicts::judge(Instant now, const GroupSet& groups) {
  GroupSet found;
  each(groups, rows_.size(), [&](GroupId group) {
    Row& row = rows_[group.value];
    const bool fresh = row.answered != Instant{} && now - row.answered <= conflict_limits::memory;
    if (!fresh || conflicts_.test(group.value)) return;
    found.set(group.value);
    conflicts_.set(group.value);
    row.ask_at = now + conflict_limits::pause;
  });
  return found;
}

void AddressConflicts::settle(GroupId group) {
  conflicts_.reset(group.value);
  rows_[group.value].ask_at = never;
}

GroupSet AddressConflicts::expire(Instant now) {
  GroupSet over;
  each(conflicts_, rows_.size(), [&](GroupId group) {
    if (now - rows_[group.value].answered < conflict_limits::silence) return;
    over.set(group.value);
    settle(group);
  });
  return over;
}

GroupSet AddressConflicts::due(Instant now) {
  GroupSet asked;
  each(conflicts_, rows_.size(), [&](GroupId group) {
    Row& row = rows_[group.value];
    if (row.ask_at > now) return;
    asked.set(group.value);
    row.ask_at = now + conflict_limits::pause;
  });
  return asked;
}

Instant AddressConflicts::next_deadline() const {
  Instant next = never;
  each(conflicts_, rows_.size(), [&](GroupId group) {
    const Row& row = rows_[group.value];
    next = std::min({next, row.ask_at, row.answered + conflict_limits::silence});
  });
  return next;
}

void AddressConflicts::remember(Instant now, GroupId group) {
  Row& row = rows_[group.value];
  row.answered = now;
  row.ask_at = now;
  conflicts_.set(group.value);
}

}  // namespace hb::core
