// resources_wire: what the resource logic says to other nodes and understands of them
#include "core/resource_log_text.hpp"
#include "core/resources.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace hb::core {

namespace {

/// A peer of ours that keeps silent is asked again this often.
constexpr Duration ask_pause = std::chrono::seconds{1};
/// What was said last is said once more, for a 3.0.6 peer: it acts on messages as they come, and a
/// lost "unstable" that arrives after the "stable" behind it would leave it refusing any standby.
constexpr Duration echo_pause = std::chrono::seconds{2};

/// The words of a blank separated list.
template <class Act>
void each_word(std::string_view list, Act act) {
  while (!list.empty()) {
    const auto end = std::min(list.find(' '), list.size());
    if (end > 0) act(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
}

struct HeldGroup {
  std::uint64_t epoch;
  std::string_view key;
};

/// "EPOCH:KEY"; nothing if it is not that, or above the bound that keeps a hostile number from
/// overflowing ours.
std::optional<HeldGroup> parse_held(std::string_view word, std::uint64_t leftover) {
  HeldGroup held{};
  const auto colon = word.find(':');
  if (colon == word.npos) return {};
  const char* end = word.data() + colon;
  const auto read = std::from_chars(word.data(), end, held.epoch);
  if (read.ec != std::errc{} || read.ptr != end || held.epoch > leftover) return {};
  held.key = word.substr(colon + 1);
  return held;
}

}  // namespace

// ---- what others say

/// It has just come up. A 3.0.6 node holds nothing then; one of ours says what it found running.
void Resources::on_starting(NodeId node, const Message& message) {
  auto& who = peer(node);
  const auto before = who.before_death;
  partner_lost(node);
  doubt_.awaited.reset(node.value);  // a new life has taken nothing
  who = Peer{};
  who.before_death = before;
  who.announced = true;
  who.stable = false;
  who.generation = Generation{message.hex("hg").value_or(0)};
  who.last = Seqno{message.hex("seq").value_or(0)};
  read_holdings(who, node, message);
  if (is_plain_legacy()) return;
  announce();
  check_conflicts(node);
}

/// Messages of one sender may overtake each other; an older view must not replace a newer one.
bool Resources::is_stale(Peer& who, const Message& message) const {
  const Generation generation{message.hex("hg").value_or(0)};
  const Seqno number{message.hex("seq").value_or(0)};
  if (generation == who.generation && number < who.last) return true;
  who.generation = generation;
  who.last = number;
  return false;
}

void Resources::on_resource(NodeId node, const Message& message) {
  if (is_plain_legacy()) return;
  auto& who = peer(node);
  if (const auto number = message.decimal("sys_doubt")) {
    answer(node, *number);
  } else if (message.text_or_empty("sys_ask") == "1") {
    announce();
  }
  if (is_stale(who, message)) return;
  if (message.text_or_empty("info") == "shutdown") {
    who.leaving = true;
    who.heal_by = never;
  }
  read_holdings(who, node, message);
  const auto stable = message.text("isstable");
  if (stable || message.text_or_empty("rtype") == "full") who.announced = true;
  if (stable == "0") who.stable = false;
  if (stable == "1" && !who.stable) {
    who.stable = true;
    log(LogLevel::info, resource_text::remote_completed);
    announce();
  }
  check_conflicts(node);
  check_partner(node);
  on_confirmation(node, message);
}

/// The sender's holdings: exact from one of ours, else {local, foreign} from its own view.
void Resources::read_holdings(Peer& who, NodeId node, const Message& message) {
  if (const auto said = holding(message.text_or_empty("rsc_hold"))) {
    const bool full = message.text_or_empty("rtype") == "full";
    const Shares old{.local = has_local(who.booked), .foreign = has_foreign(who.booked)};
    const bool none = *said == Holding::none;  // habit: an incremental `none` clears
    who.booked = full || none ? *said
                              : holding_of({.local = old.local || has_local(*said),
                                            .foreign = old.foreign || has_foreign(*said)});
  }
  const auto list = message.text("sys_held");
  if (list) {
    who.held.reset();
    who.epochs.assign(groups_.size(), 0);
    each_word(*list, [&](std::string_view word) {
      const auto entry = parse_held(word, leftover_epoch);
      const auto group = entry ? group_of(entry->key) : std::nullopt;
      if (!group) return;
      who.held.set(group->value);
      who.epochs[group->value] = entry->epoch;
      if (entry->epoch == leftover_epoch) return;
      const auto taken =
          entry->epoch >= starting_mark ? entry->epoch - starting_mark : entry->epoch;
      book(*group).highest = std::max(book(*group).highest, taken);
    });
    who.moving = parse_keys(message.text_or_empty("sys_moving"));
    who.failed = parse_keys(message.text_or_empty("sys_failed"));
    read_silent(node, message);
    who.has_witness = message.text_or_empty("sys_witness") == "1";
    who.yields = parse_keys(message.text_or_empty("sys_yield"));
    who.no_path = parse_keys(message.text_or_empty("sys_nopath"));
    read_faults(who, node, message);
    who.gives_to = config_.node(message.text_or_empty("sys_to")).value_or(no_node);
    who.takes_from = config_.node(message.text_or_empty("sys_from")).value_or(no_node);
  } else if (!is_ours(node) && !who.leaving) {
    release_withheld(node);
    // A 3.0.6 node that leaves says "none" before it releases (W2): believed at its shutdone.
    who.held = who.booked == Holding::none ? GroupSet{} : set_of(who.booked, node);
  }
}

/// Both of us hold a group: after a healed partition, or by a race that the rule cannot exclude.
void Resources::check_conflicts(NodeId node) {
  auto& who = peer(node);
  if (node == self_ || phase_ != Phase::stable || is_plain_legacy()) return;
  if (!is_ours(node) && standby_.partner == node) return;  // its words lag behind
  each((local_ | foreign_) & ~who.held, [&](GroupId group) {
    if (!std::exchange(book(group).contested, false)) return;
    // The loser has released it: make the address ours again in everybody's caches.
    runs_.refresh(now_, group, *sink_);
  });
  const GroupSet both = who.held & held();
  const GroupSet fresh = both & ~std::exchange(who.conflicts, both);
  if ((fresh & local_).any()) log(LogLevel::error, resource_text::both_ours);
  if ((fresh & foreign_).any()) log(LogLevel::error, resource_text::both_foreign);
  bool tell = false;
  each(both, [&](GroupId group) {
    auto& entry = book(group);
    if (runs_.is_leaving(group)) return;
    // 3.0.6 gives up everything by itself; only what was merely found running here is released.
    const bool exact = !who.epochs.empty();
    const std::uint64_t theirs = exact ? who.epochs[group.value] : 0;
    const bool tie = epoch(group) == theirs && name(self_) > name(node);
    const bool they_yield = who.yields.test(group.value);
    const bool in_doubt = doubt_.groups.test(group.value) && !they_yield;
    const bool they_may = who.has_witness && !witness_.is_held(now_.instant);
    const bool we_may = !who.has_witness && witness_.is_held(now_.instant);
    // Who only comes gives way; if both do, the rule finds one when both have let go.
    const bool later = !we_may && (they_may || epoch(group) > theirs || tie);
    const bool yields = !they_yield && (runs_.is_coming(group) || later);
    const bool loses = in_doubt || (exact ? yields : entry.leftover);
    if (loses) {
      log(LogLevel::warn, "{}: node {} holds it as well; releasing it here", key(group),
          name(node));
      return runs_.stop(now_, group, *sink_);
    }
    if (!exact) return;
    tell = tell || !entry.contested;
    entry.contested = true;
  });
  if (tell) announce();  // so that it learns that it has to release
}

/// A partner that is not in our move any more has given it up, or finished it.
void Resources::check_partner(NodeId node) {
  using enum StandbyState;
  if (!is_ours(node) || standby_.partner != node) return;
  const bool taker = standby_.state == granted;
  const bool giver = standby_.state == giving || standby_.state == released;
  if (taker && peer(node).gives_to != self_) return partner_lost(node);
  if (giver && peer(node).takes_from != self_) return partner_lost(node);
}

/// It has released everything and goes: its groups are free at once.
void Resources::on_shutdone(NodeId node) {
  log(LogLevel::info, resource_text::shutdown_notice, name(node));
  auto& who = peer(node);
  const GroupSet before = claims(node);
  const Seqno last = who.last;
  const Generation generation = who.generation;
  who = Peer{};
  who.gone = true;
  who.before_death = before;
  who.last = last;
  who.generation = generation;
  partner_lost(node);
  if (phase_ == Phase::releasing || phase_ == Phase::released) {
    return log(LogLevel::info, resource_text::takeover_cancelled);
  }
  peer_is_gone(node);
}

// ---- what we say

void Resources::send_starting() {
  Message message;
  message.add("t", "starting");
  add_holdings(message, announcement());
  sink_->send(message);
}

void Resources::send_shutdone() {
  Message message;
  message.add("t", "shutdone");
  message.add("st", "dead");
  sink_->send(message);
}

void Resources::send_mach_down() {
  Message message;
  message.add("t", "resource");
  message.add("rsc_hold", "foreign");
  message.add("info", "mach_down");
  sink_->send(message);
}

void Resources::send_stonith(NodeId node, std::string_view result) {
  Message message;
  message.add("t", "stonith");
  message.add("node", name(node));
  message.add("result", result);
  sink_->send(message);
}

/// Says everything; peers that are not ours read rsc_hold and isstable.
void Resources::announce(std::string_view info, bool ask) {
  if (phase_ == Phase::silent || is_plain_legacy()) return;
  const Announcement present = announcement();
  Message message = present_view(present, info);
  if (ask) message.add("sys_ask", "1");
  if (ask && doubt_.number != 0) message.add_decimal("sys_doubt", doubt_.number);
  tell(message, present);
}

/// The same, for a node that asks whether we took what it holds.
void Resources::answer(NodeId node, std::uint64_t number) {
  if (phase_ == Phase::silent || is_plain_legacy()) return;
  const Announcement present = announcement();
  Message message = present_view(present, {});
  message.add_decimal("sys_answer", number);
  message.add("sys_answered", name(node));
  tell(message, present);
}

Message Resources::present_view(const Announcement& present, std::string_view info) const {
  Message message;
  message.add("t", "resource");
  message.add("rsc_hold", name_of(present.booked));
  message.add("rtype", "full");
  message.add("isstable", present.stable ? "1" : "0");
  if (!info.empty()) message.add("info", info);
  else if (present.leaving) message.add("info", "shutdown");
  add_holdings(message, present);
  return message;
}

void Resources::tell(Message& message, const Announcement& present) {
  sink_->send(message);
  announced_ = present;
  echo_at_ = all_ours_ || present.leaving ? never : now_.instant + echo_pause;
  if (present.silent.any() && !present.leaving) echo_at_ = now_.instant + silent_pause();
}

void Resources::add_holdings(Message& message, const Announcement& present) const {
  std::string list;
  each(present.held, [&](GroupId group) {
    fmt::format_to(std::back_inserter(list), "{}{}:{}", list.empty() ? "" : " ",
                   epoch(group), key(group));
  });
  message.add("sys_held", list);
  if (present.moving.any()) message.add("sys_moving", key_list(present.moving));
  if (present.failed.any()) message.add("sys_failed", key_list(present.failed));
  if (present.silent.any()) message.add("sys_silent", names_of(present.silent));
  if (present.has_witness) message.add("sys_witness", "1");
  if (present.yields.any()) message.add("sys_yield", key_list(present.yields));
  if (present.no_path.any()) message.add("sys_nopath", key_list(present.no_path));
  add_faults(message, present);
  if (present.gives_to != no_node) message.add("sys_to", name(present.gives_to));
  if (present.takes_from != no_node) message.add("sys_from", name(present.takes_from));
}

/// At the end of each step: what changed is told, unless the exchange under way tells it.
void Resources::announce_changes() {
  using enum StandbyState;
  ask_silent_peers();
  if (now_.instant >= echo_at_) {
    announce();
    if (!announced_->silent.any()) echo_at_ = never;
    return;
  }
  if (!announced_ || phase_ == Phase::released) return;
  if (standby_.state != none && standby_.state != taking) return;
  // habit: while leaving, a 3.0.6 peer hears of the release when it is complete.
  if (phase_ == Phase::releasing && !all_ours_) return;
  if (*announced_ != announcement()) announce();
}

void Resources::ask_silent_peers() {
  if (phase_ != Phase::starting && phase_ != Phase::stable) return;
  bool ask = false;
  for (const NodeId node : placement_.nodes()) {
    auto& who = peer(node);
    const bool silent = is_live(node) && is_ours(node) && !who.announced && !who.gone &&
                        sink_->status(node) == NodeStatus::active;
    if (!silent) {
      who.ask_again = never;
    } else if (who.ask_again == never) {
      who.ask_again = now_.instant + ask_pause;  // it may answer what was said a moment ago
    } else if (now_.instant >= who.ask_again) {
      who.ask_again = now_.instant + ask_pause;
      ask = true;
    }
  }
  if (ask) announce({}, true);
}

Resources::Announcement Resources::announcement() const {
  using enum StandbyState;
  Announcement present;
  present.booked = booking();
  present.stable = phase_ == Phase::stable && !any_busy() &&
                   (standby_.state == none || standby_.state == asking);
  present.leaving = phase_ == Phase::releasing || phase_ == Phase::released;
  present.held = held();
  each_silent([&](NodeId node) {
    if (witness_.is_configured() && !is_live(node)) present.silent.set(node.value);
  });
  present.has_witness = witness_.is_held(now_.instant);
  present.yields = doubt_.groups & present.held;
  each(present.held, [&](GroupId group) {
    if (runs_.is_leaving(group)) present.yields.set(group.value);
  });
  present.no_path = no_path(self_);
  if (standby_.state == released) present.moving = standby_.groups & ~present.held;
  if (standby_.state == asking || standby_.state == giving || standby_.state == released) {
    present.gives_to = standby_.partner;
  }
  if (standby_.state == granted || standby_.state == taking) present.takes_from = standby_.partner;
  for (std::size_t i = 0; i < books_.size(); ++i) {
    const GroupId group{static_cast<std::uint16_t>(i)};
    present.failed.set(i, books_[i].failed);
    present.starting.set(i, runs_.is_coming(group));
  }
  announce_faults(present);
  return present;
}

/// Ours as {local, foreign}. Where there are no such groups at all, it is who is responsible.
Holding Resources::booking() const {
  const GroupSet here = held();
  return holding_of({.local = local_.any() ? (here & local_).any() : duty_.local,
                     .foreign = foreign_.any() ? (here & foreign_).any() : duty_.foreign});
}

GroupSet Resources::parse_keys(std::string_view list) const {
  GroupSet set;
  each_word(list, [&](std::string_view word) {
    if (const auto group = group_of(word)) set.set(group->value);
  });
  return set;
}

std::string Resources::key_list(const GroupSet& groups) const {
  std::string list;
  each(groups, [&](GroupId group) {
    if (!list.empty()) list.push_back(' ');
    list.append(key(group));
  });
  return list;
}

}  // namespace hb::core
