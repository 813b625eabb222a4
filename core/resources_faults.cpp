// resources_faults: groups that fail or will not stop, maintenance, and orders that people give
#include "core/resource_log_text.hpp"
#include "core/resources.hpp"

#include <algorithm>
#include <charconv>

namespace hb::core {

namespace {

/// A group that failed to start everywhere is tried again at this pace (3.0.6 reacted after 30 s).
constexpr Duration failed_retry_pause = std::chrono::seconds{30};

}  // namespace

// ---- failed groups

/// It would not start here, or failed too often: everything of it is stopped.
void Resources::lost(GroupId group) {
  auto& entry = book(group);
  const GroupPolicy& policy = groups_[group.value].policy;
  if (now_.instant - entry.lost_at > policy.failure_window) entry.losses = 0;
  entry.failed = true;
  entry.retry_at = now_.instant + failed_retry_pause;
  entry.lost_at = now_.instant;
  ++entry.losses;
  const unsigned limit = policy.failure_limit.value_or(0);
  const bool stay = policy.after_failure == AfterFailure::stay;
  entry.blocked = stay || (limit > 0 && entry.losses >= limit);
  if (stay) return log(LogLevel::crit, resource_text::stays_failed, key(group));
  if (entry.blocked) {
    return log(LogLevel::crit, resource_text::failure_limit, key(group), entry.losses);
  }
  log(LogLevel::crit, resource_text::leaving_it, key(group));
}

/// Failed here, and nobody may take it.
bool Resources::stays_failed(GroupId group) const {
  return book(group).blocked && groups_[group.value].policy.after_failure == AfterFailure::stay;
}

bool Resources::is_blocked(NodeId node, GroupId group) const {
  return node == self_ ? book(group).blocked : peer(node).blocked.test(group.value);
}

// ---- stops that did not go through

/// The node is gone, and with it whoever could say that these have ended there.
void Resources::withhold(NodeId node, const GroupSet& groups) {
  each(groups, [&](GroupId group) {
    if (book(group).withheld_by == node) return;
    book(group).withheld_by = node;
    log(LogLevel::crit, resource_text::withheld, key(group), name(node), name(node));
  });
}

/// It is certain that nothing of what the node would not stop runs there any more, or the node says
/// itself what it holds. Fencing calls this when the node was reset.
void Resources::release_withheld(NodeId node) {
  each(local_ | foreign_, [&](GroupId group) {
    if (book(group).withheld_by == node) book(group).withheld_by = no_node;
  });
}

// ---- maintenance

void Resources::set_maintenance(bool on, std::uint64_t epoch) {
  upkeep_.epoch = epoch;
  if (upkeep_.on == on) return;
  upkeep_.on = on;
  runs_.rest_monitors(now_, on);
  // What people have done meanwhile is looked at.
  if (!on) each(held(), [&](GroupId group) { runs_.verify(now_, group, *sink_); });
  log(LogLevel::warn, "{}", on ? resource_text::maintenance_on : resource_text::maintenance_off);
  sink_->changed();
}

/// Each change has a higher number than the one before; of two with the same number `on` wins.
void Resources::read_upkeep(std::string_view said) {
  Upkeep theirs;
  const auto colon = said.find(':');
  if (colon == said.npos) return;
  const char* end = said.data() + colon;
  const auto read = std::from_chars(said.data(), end, theirs.epoch);
  theirs.on = said.substr(colon + 1) == "on";
  const bool sound = read.ec == std::errc{} && read.ptr == end && theirs.epoch <= highest_upkeep &&
                     (theirs.on || said.substr(colon + 1) == "off");
  if (!sound || theirs.epoch < upkeep_.epoch) return;
  if (theirs.epoch == upkeep_.epoch && !theirs.on) return;
  set_maintenance(theirs.on, theirs.epoch);
}

// ---- what others are told

void Resources::read_faults(Peer& who, NodeId node, const Message& message) {
  who.unknown = parse_keys(message.text_or_empty("sys_unknown"));
  who.blocked = parse_keys(message.text_or_empty("sys_blocked"));
  who.stays = parse_keys(message.text_or_empty("sys_stays"));
  if (const auto upkeep = message.text("sys_upkeep")) read_upkeep(*upkeep);
  release_withheld(node);
}

void Resources::add_faults(Message& message, const Announcement& present) const {
  if (present.unknown.any()) message.add("sys_unknown", key_list(present.unknown));
  if (present.blocked.any()) message.add("sys_blocked", key_list(present.blocked));
  if (present.stays.any()) message.add("sys_stays", key_list(present.stays));
  if (present.upkeep.epoch == 0) return;
  message.add("sys_upkeep",
              fmt::format("{}:{}", present.upkeep.epoch, present.upkeep.on ? "on" : "off"));
}

void Resources::announce_faults(Announcement& present) const {
  for (std::size_t i = 0; i < books_.size(); ++i) {
    const GroupId group{static_cast<std::uint16_t>(i)};
    present.unknown.set(i, runs_.is_unknown(group));
    present.blocked.set(i, books_[i].blocked);
    present.stays.set(i, stays_failed(group));
  }
  present.upkeep = upkeep_;
}

void Resources::fill_faults(Snapshot& snapshot) const {
  snapshot.maintenance = upkeep_.on ? 1 : 0;
  snapshot.order = order_.number;
  snapshot.order_result = order_.result;
  snapshot.order_text.assign(order_.text);
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const Book& entry = books_[i];
    auto& row = snapshot.groups[i];
    row.blocked = entry.blocked ? 1 : 0;
    row.withheld_by = entry.withheld_by;
    row.failed_on = {};
    for (const NodeId node : placement_.nodes()) {
      const bool failed = node == self_ ? entry.failed : peer(node).failed.test(i);
      if (failed) row.failed_on[node.value / 64] |= std::uint64_t{1} << (node.value % 64);
    }
  }
}

// ---- orders that people give on this node

/// What became of an order that has a number, for who waits for it.
void Resources::note_order(const Message& order, OrderResult result, std::string_view text) {
  const auto number = order.decimal("sys_order");
  if (!number || *number == 0) return;
  order_ = {*number, result, std::string{text}};
  sink_->changed();
}

void Resources::on_cleanup(const Message& order) {
  const auto wanted = order.text_or_empty("key");
  const auto group = group_of(wanted);
  if (!group) {
    log(LogLevel::error, "cleanup: {} is no group; there are: {}", wanted,
        key_list(local_ | foreign_));
    return note_order(order, OrderResult::refused, last_line_);
  }
  auto& entry = book(*group);
  if (entry.withheld_by != no_node) {
    log(LogLevel::warn, resource_text::withheld_cleared, key(*group), name(entry.withheld_by));
  }
  entry.failed = entry.blocked = entry.handed_over = false;
  entry.losses = 0;
  entry.lost_at = {};
  entry.withheld_by = no_node;
  entry.retry_at = now_.instant;
  runs_.forget_failures(now_, *group, *sink_);
  log(LogLevel::info, resource_text::cleaned_up, key(*group));
  note_order(order, OrderResult::begun, last_line_);
}

void Resources::on_maintenance(const Message& order) {
  const auto wanted = order.text_or_empty("state");
  if (wanted != "on" && wanted != "off") {
    log(LogLevel::error, "maintenance: {} is neither on nor off", wanted);
    return note_order(order, OrderResult::refused, last_line_);
  }
  if (is_plain_legacy() && !is_alone()) {
    log(LogLevel::warn,
        "maintenance: a 3.0.6 node does not know of it and goes on moving what is its own");
  }
  set_maintenance(wanted == "on", upkeep_.epoch + 1);
  note_order(order, OrderResult::begun,
             wanted == "on" ? resource_text::maintenance_on : resource_text::maintenance_off);
}

/// hb_standby on this node, as it comes back to us.
void Resources::on_own_ask(Holding set, const Message& order) {
  const std::size_t moves = moves_.size();
  const bool was_idle = standby_.state == StandbyState::none;
  last_line_.clear();
  if (upkeep_.on) {
    log(LogLevel::warn, resource_text::not_in_maintenance, "Standby");
  } else {
    asked_here(self_, set, order);
  }
  const bool begun = (was_idle && standby_.state != StandbyState::none) || moves_.size() > moves;
  note_order(order, begun ? OrderResult::begun : OrderResult::refused, last_line_);
}

/// hb_takeover on this node: the others decide; whether there are any is known here.
void Resources::on_own_takeover(const Message& order) {
  last_line_.clear();
  const bool asked = std::ranges::any_of(placement_.nodes(), [&](NodeId node) {
    return node != self_ && takes_part(node);
  });
  if (is_legacy()) {
    log(LogLevel::info, resource_text::only_nice);
  } else if (upkeep_.on) {
    log(LogLevel::warn, resource_text::not_in_maintenance, "Takeover");
  } else if (!asked) {
    log(LogLevel::warn, "Takeover refused: there is no other node that could give anything.");
  } else {
    return note_order(order, OrderResult::begun, "the other nodes have been asked");
  }
  note_order(order, OrderResult::refused, last_line_);
}

// ---- over a crash

void Resources::save_faults(Continuity& into) const {
  into.maintenance = upkeep_.on ? 1 : 0;
  into.upkeep_epoch = upkeep_.epoch;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    Continuity::Group& row = into.groups[i];
    row.blocked = books_[i].blocked ? 1 : 0;
    row.losses = books_[i].losses;
    row.lost_at = books_[i].lost_at;
    row.withheld_by = books_[i].withheld_by;
  }
}

void Resources::remember_faults(const Continuity& memory, const ContinuityMap& map) {
  upkeep_ = {memory.upkeep_epoch, memory.maintenance != 0};
  runs_.rest_monitors(Now{}, upkeep_.on);
  for (std::size_t g = 0; g < map.groups.size(); ++g) {
    if (map.groups[g] == no_group) continue;
    const Continuity::Group& row = memory.groups[g];
    Book& entry = book(map.groups[g]);
    entry.blocked = row.blocked != 0;
    entry.losses = row.losses;
    entry.lost_at = std::max(row.lost_at, Instant{});
    entry.withheld_by = map.node(row.withheld_by);
  }
}

/// The next image after an orderly hand-over: what people have to clear outlives it.
void Resources::inherit_faults(const Continuity& past) {
  const ContinuityMap map{past, config_, groups_};
  remember_faults(past, map);
  for (std::size_t g = 0; g < map.groups.size(); ++g) {
    if (map.groups[g] == no_group) continue;
    book(map.groups[g]).failed = past.groups[g].failed != 0;
    book(map.groups[g]).retry_at = std::max(past.groups[g].retry_at, Instant{});
  }
}

}  // namespace hb::core
