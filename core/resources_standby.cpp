// resources_standby: planned moves: hb_standby, hb_takeover, failback on, and a failed start
#include "core/resource_log_text.hpp"
#include "core/resources.hpp"

#include <algorithm>

namespace hb::core {

std::string_view name_of(StandbyState state) {
  switch (state) {
    case StandbyState::none: return "none";
    case StandbyState::asking: return "asking";
    case StandbyState::giving: return "giving";
    case StandbyState::released: return "released";
    case StandbyState::granted: return "granted";
    case StandbyState::taking: return "taking";
  }
  return "?";
}

// ---- messages

void Resources::on_ask_resources(NodeId node, const Message& message) {
  if (phase_ == Phase::releasing || phase_ == Phase::released) return;
  const auto info = message.text_or_empty("info");
  const auto to = message.text("sys_to");
  const bool ours = node == self_;
  if (ours && (info != "me" || to)) return;  // acted on when it was sent
  if (!ours && to && *to != name(self_)) return;
  // With more than two nodes a request that names nobody is the asker's own, to be shared out.
  if (!ours && !to && placement_.nodes().size() != 2) return;
  const auto said = holding(message.text_or_empty("rsc_hold"));
  if (!said || *said == Holding::none || *said == Holding::transition) {
    return log(LogLevel::error,
               "ask_resources of node {}: rsc_hold={} is not all, local or foreign", name(node),
               message.text_or_empty("rsc_hold"));
  }
  if (is_legacy()) {
    log(LogLevel::info, resource_text::only_nice);
    return note_order(message, OrderResult::refused, resource_text::only_nice);
  }
  if (!ours && is_outdated(node, message)) return;
  if (info == "me" && ours) return on_own_ask(*said, message);
  if (info == "me" && upkeep_.on) {
    if (is_ours(node)) send_ask("not", node);
    return log(LogLevel::warn, resource_text::not_in_maintenance, "Standby of " + name(node));
  }
  if (info == "me") return asked_here(node, *said, message);

  const auto act = standby_act(standby_.state, info, StandbySender::other);
  if (!act || node != standby_.partner) {
    // A partner of ours learns from what we announce that we are in no move with it.
    if (is_ours(node) && info != "not") announce();
    return log(LogLevel::error, resource_text::ignored_message, info, name(node),
               name_of(standby_.state));
  }
  switch (*act) {
    case StandbyAct::give: return giving();
    case StandbyAct::take: return taking(message);
    case StandbyAct::finish: return finish_giving();
    case StandbyAct::refused:
      log(LogLevel::info, "node {} is busy; the standby will be tried again", name(node));
      failback_at_ = now_.instant + standby_limits::retry;
      moves_.push_front({node, standby_.set, standby_.groups, standby_.until});
      standby_ = {};
      return;
    case StandbyAct::ask:
    case StandbyAct::grant: return;  // only by `me`
  }
}

/// A repetition of a lost message may come when the sender is long past it: it counts only if what
/// the sender announced since says that it is still in that move with us.
bool Resources::is_outdated(NodeId node, const Message& message) {
  if (!is_ours(node)) return false;
  auto& who = peer(node);
  if (!is_stale(who, message)) return false;
  const auto info = message.text_or_empty("info");
  const bool of_giver = info == "me" || info == "done";
  const bool of_taker = info == "other" || info == "not" || info == "done";
  return !(of_giver && who.gives_to == self_) && !(of_taker && who.takes_from == self_);
}

/// `me`: of hb_standby here, or of another node that wants to give us something.
void Resources::asked_here(NodeId asker, Holding set, const Message& message) {
  const bool ours = asker == self_;
  const bool again = standby_.state == StandbyState::granted ||
                     standby_.state == StandbyState::released;
  if (again && !ours && standby_.partner == asker) partner_lost(asker);  // it begins anew
  if (standby_.state != StandbyState::none) {
    // Two requests have crossed: between ours the lower name goes first, 3.0.6 drops both.
    const bool yields = !ours && standby_.state == StandbyState::asking &&
                        standby_.partner == asker && is_ours(asker) && name(asker) < name(self_);
    if (!yields) {
      const auto left = standby_.deadline - now_.instant;
      log(LogLevel::warn, resource_text::in_progress, name(asker),
          std::chrono::duration_cast<std::chrono::seconds>(left).count());
      const bool crossed = standby_.state == StandbyState::asking && standby_.partner == asker;
      if (!ours && is_ours(asker) && !crossed) send_ask("not", asker);
      return;
    }
    standby_ = {};
  }
  const NodeId other = ours ? only_peer() : asker;
  const bool other_known = other == no_node || peer(other).announced;
  const bool other_stable = other == no_node || is_ours(other) || peer(other).stable;
  if (!other_known || !other_stable) {
    return log(LogLevel::warn, resource_text::other_in_flux, "me", name(asker));
  }
  // In doubt: whoever has not told yet may have taken what is offered here.
  if (phase_ != Phase::stable || stop_asked_ || doubt_.awaited.any()) {
    log(LogLevel::warn, resource_text::local_in_flux, "me", name(asker));
    if (!ours && is_ours(asker)) send_ask("not", asker);
    return;
  }
  if (!ours) return granting(asker, set, message);
  if (placement_.nodes().size() != 2) return plan_standby(set);
  if (other == no_node || !takes_part(other)) {
    log(LogLevel::warn, "Standby refused: there is no other node that could take the resources.");
    return log(LogLevel::warn, resource_text::no_reply);
  }
  log(LogLevel::info, resource_text::wants_standby, name(self_), name_of(set));
  // The request is out already, as it came from the control FIFO or a client.
  standby_ = {StandbyState::asking, other, set, set_of(set, self_),
              now_.instant + standby_limits::reply, now_.instant + standby_limits::phase};
}

void Resources::granting(NodeId node, Holding set, const Message& message) {
  log(LogLevel::info, resource_text::wants_standby, name(node), name_of(set));
  const auto named = message.text("sys_groups");
  standby_ = {StandbyState::granted, node, set, named ? parse_keys(*named) : set_of(set, node),
              now_.instant + standby_limits::phase, never};
  peer(node).stable = false;
  send_ask("other", node);
}

// ---- giver

void Resources::giving() {
  log(LogLevel::info, resource_text::can_take, name(standby_.partner), name_of(standby_.set));
  log(LogLevel::info, resource_text::give_up_standby, name_of(standby_.set));
  standby_.state = StandbyState::giving;
  standby_.deadline = now_.instant + standby_limits::phase;
  peer(standby_.partner).stable = false;
  standby_.groups &= held();
  each(standby_.groups, [&](GroupId group) {
    const bool unwanted = is_ours(standby_.partner) && is_blocked(standby_.partner, group);
    if (unwanted) log(LogLevel::warn, resource_text::kept_here, key(group), name(standby_.partner));
    if (book(group).contested || unwanted) standby_.groups.reset(group.value);
  });
  each(standby_.groups, [&](GroupId group) { runs_.stop(now_, group, *sink_); });
}

/// All stops are through, or given up: the taker may start what is free.
void Resources::release_done() {
  const GroupSet stuck = standby_.groups & held();
  if (stuck.any() && !is_ours(standby_.partner)) {
    // 3.0.6 would take the whole set, also what still runs here: it must not hear `done`.
    log(LogLevel::crit, "Standby broken off, could not be stopped: {}", key_list(stuck));
    const GroupSet back = standby_.groups & ~stuck;
    standby_ = {};
    return each(back, [&](GroupId group) { take(group); });
  }
  standby_.groups &= ~stuck;
  standby_.state = StandbyState::released;
  standby_.deadline = now_.instant + standby_limits::phase;
  if (has_local(standby_.set)) duty_.local = false;
  if (has_foreign(standby_.set)) duty_.foreign = false;
  log(LogLevel::info, resource_text::release_completed, name_of(standby_.set));
  announce("standby");
  send_ask("done", standby_.partner);
  log(LogLevel::info, resource_text::standby_completed, name_of(standby_.set));
}

void Resources::finish_giving() {
  log(LogLevel::info, resource_text::other_completed, name_of(standby_.set));
  auto& who = peer(standby_.partner);
  who.held |= standby_.groups;  // its own announcement may come later
  if (!is_ours(standby_.partner)) {
    who.held |= set_of(mirrored(standby_.set), standby_.partner);
    const Holding gained = mirrored(standby_.set);
    who.booked = holding_of({.local = has_local(who.booked) || has_local(gained),
                             .foreign = has_foreign(who.booked) || has_foreign(gained)});
  }
  each(set_of(standby_.set, self_), [&](GroupId group) {
    if (!who.held.test(group.value) || runs_.may_run(group)) return;
    book(group).failback_due = false;
    book(group).handed_over = true;
  });
  if (has_foreign(standby_.set)) needs_failback_ = false;
  standby_ = {};
  announce();
}

// ---- taker

void Resources::taking(const Message& message) {
  if (const auto named = message.text("sys_groups")) standby_.groups = parse_keys(*named);
  log(LogLevel::info, resource_text::acquire_from, name_of(standby_.set), name(standby_.partner));
  log(LogLevel::info, resource_text::acquire_standby, name_of(mirrored(standby_.set)));
  standby_.state = StandbyState::taking;
  standby_.deadline = now_.instant + standby_limits::phase;
  auto& who = peer(standby_.partner);
  who.held &= ~standby_.groups;
  who.last = std::max(who.last, Seqno{message.hex("seq").value_or(0)});
  GroupSet elsewhere;  // a third node has it after a partition: that is settled first
  for (const NodeId node : placement_.nodes()) {
    if (node != standby_.partner) elsewhere |= claims(node);
  }
  standby_.groups &= ~elsewhere;
  each(standby_.groups & ~held(), [&](GroupId group) {
    take(group);
    // What came because its home's service interface does not work goes home when that works again.
    if (!who.no_path.test(group.value)) book(group).failback_due = false;
  });
}

void Resources::finish_taking() {
  const Holding gained = mirrored(standby_.set);
  log(LogLevel::info, resource_text::acquisition_completed, name_of(gained));
  log(LogLevel::info, resource_text::acquisition_done, name_of(standby_.set));
  duty_ = {.local = duty_.local || has_local(gained),
           .foreign = duty_.foreign || has_foreign(gained)};
  // What the giver still announces as moving is ours now, or failed here and free.
  peer(standby_.partner).moving.reset();
  standby_.groups &= held();
  send_ask("done", standby_.partner);
  standby_ = {};
  announce();
}

// ---- progress

void Resources::progress_standby() {
  using enum StandbyState;
  if (standby_.state == giving || standby_.state == taking) {
    bool through = true;
    each(standby_.groups, [&](GroupId group) {
      const bool leaving = runs_.is_leaving(group) && !runs_.is_stuck(group);
      if (standby_.state == giving ? leaving : runs_.is_busy(group)) through = false;
    });
    if (through) return standby_.state == giving ? release_done() : finish_taking();
  }
  if (standby_.state == none || now_.instant < standby_.deadline) return;
  log(LogLevel::warn, resource_text::no_reply);
  if (standby_.partner != no_node) peer(standby_.partner).stable = true;
  failback_at_ = now_.instant + standby_limits::retry;
  cancel_standby();
}

void Resources::partner_lost(NodeId node) {
  if (standby_.partner != node || standby_.state == StandbyState::none) return;
  log(LogLevel::info, resource_text::cancelling);
  // Not at once again: answers to what was broken off are still on their way, and taken for answers
  // to the next request they would break that off too, and so on for ever.
  failback_at_ = std::max(failback_at_, now_.instant + standby_limits::retry);
  cancel_standby();
}

/// What was to move stays as it is; what was stopped is nobody's and goes by the rule.
void Resources::cancel_standby() {
  const Standby broken = standby_;
  standby_ = {};
  if (broken.state == StandbyState::none || stop_asked_) return;
  // A partner of ours is told that we are out of it, whatever it has heard.
  if (is_ours(broken.partner)) announce();
  if (broken.state != StandbyState::giving) return;
  each(broken.groups, [&](GroupId group) {
    if (runs_.is_leaving(group)) take(group);
  });
}

// ---- moves of our own

void Resources::send_ask(std::string_view info, NodeId to) {
  Message message;
  message.add("t", "ask_resources");
  message.add("rsc_hold", name_of(standby_.set == Holding::none ? Holding::all : standby_.set));
  message.add("info", info);
  message.add("sys_to", name(to));
  if (info != "not") message.add("sys_groups", key_list(standby_.groups));
  sink_->send(message);
}

/// At most one that gives the same set to the same node.
void Resources::add_move(const Move& move) {
  for (auto& each : moves_) {
    if (each.to != move.to || each.set != move.set) continue;
    each = move;
    return;
  }
  moves_.push_back(move);
}

void Resources::next_move() {
  if (now_.instant < failback_at_) return;
  while (standby_.state == StandbyState::none && !moves_.empty()) {
    const Move move = moves_.front();
    moves_.pop_front();
    if (takes_part(move.to) && now_.instant < move.until) ask(move);
  }
}

void Resources::ask(const Move& move) {
  log(LogLevel::info, resource_text::wants_standby, name(self_), name_of(move.set));
  // A 3.0.6 node ignores the request of one that it believes to be in flux.
  if (!is_ours(move.to) && announced_ != announcement()) announce();
  standby_ = {StandbyState::asking, move.to, move.set, move.groups,
              now_.instant + standby_limits::reply, move.until};
  send_ask("me", move.to);
}

/// auto_failback on: what we took because its home was gone goes back to a home that is settled.
void Resources::plan_failback() {
  if (config_.auto_failback != AutoFailback::on || standby_.state != StandbyState::none) return;
  if (!moves_.empty() || now_.instant < failback_at_ || any_busy()) return;
  for (const NodeId node : placement_.nodes()) {
    const auto& who = peer(node);
    if (node == self_ || !takes_part(node) || !who.stable) continue;
    if (who.heal_by != never) continue;
    GroupSet due;
    // What it holds as well is a conflict, and not to be given; nor what it would not take: an
    // empty exchange would follow the other for ever.
    each(held() & ~who.failed & ~who.blocked & ~who.held & ~who.no_path, [&](GroupId group) {
      const bool runs = runs_.state(group) == GroupState::running && !runs_.is_leaving(group) &&
                        !book(group).contested;
      if (runs && home(group) == node && book(group).failback_due) due.set(group.value);
    });
    // habit: with two nodes the responsibility goes back too, where no group stands for it
    const bool duty_due = placement_.nodes().size() == 2 && foreign_.none() && duty_.foreign &&
                          needs_failback_;
    if (due.none() && !duty_due) continue;
    return add_move({node, Holding::foreign, is_ours(node) ? due : foreign_,
                     now_.instant + standby_limits::phase});
  }
}

/// hb_standby among more than two: each group to the next in line, one exchange for each taker.
void Resources::plan_standby(Holding set) {
  log(LogLevel::info, resource_text::going_standby, name_of(set));
  NodeSet candidates;
  for (const NodeId node : placement_.nodes()) {
    if (node != self_ && takes_part(node)) candidates.set(node.value);
  }
  const GroupSet leaving = set_of(set, self_) & held();
  if (candidates.none()) {
    log(LogLevel::warn, "Standby refused: there is no other node that could take the resources.");
    return log(LogLevel::warn, resource_text::no_reply);
  }
  for (const NodeId node : placement_.nodes()) {
    GroupSet share;
    each(leaving, [&](GroupId group) {
      if (placement_.taker(home(group), candidates) == node) share.set(group.value);
    });
    if (share.any()) add_move({node, set, share, now_.instant + standby_limits::phase});
  }
}

/// hb_takeover on another node: we give it what it asks for. The words are the asker's view;
/// failback means its own groups (3.0.6 turns that into all).
void Resources::on_hb_takeover(NodeId node, const Message& message) {
  if (phase_ != Phase::stable || stop_asked_) return;
  if (is_legacy()) return log(LogLevel::info, resource_text::only_nice);
  if (upkeep_.on) {
    return log(LogLevel::warn, resource_text::not_in_maintenance, "hb_takeover of " + name(node));
  }
  const auto wanted = message.text_or_empty("rsc_hold");
  Holding set = Holding::all;
  if (wanted == "local" || wanted == "failback") {
    set = Holding::foreign;
  } else if (wanted == "foreign") {
    set = Holding::local;
  } else if (wanted != "all") {
    return log(LogLevel::error, "hb_takeover of node {}: rsc_hold={} is not all, local, foreign "
               "or failback", name(node), wanted);
  }
  log(LogLevel::info, resource_text::going_standby, name_of(set));
  if (standby_.state != StandbyState::none) {
    const auto left = standby_.deadline - now_.instant;
    return log(LogLevel::warn, resource_text::in_progress, name(node),
               std::chrono::duration_cast<std::chrono::seconds>(left).count());
  }
  if (!takes_part(node)) {
    return log(LogLevel::warn, resource_text::other_in_flux, "me", name(self_));
  }
  GroupSet groups = wanted == "all" ? held()
                    : wanted == "foreign" ? held() & ~set_of(Holding::local, node)
                                          : held() & set_of(Holding::local, node);
  if (!is_ours(node)) groups = set_of(set, self_);
  if (groups.none() && placement_.nodes().size() != 2) {
    return log(LogLevel::info, "hb_takeover of node {}: nothing of that runs here", name(node));
  }
  add_move({node, set, groups, now_.instant + standby_limits::phase});
}

/// A group failed to start here. Ours see that in our announcement and the next in line takes it;
/// a 3.0.6 peer must be given its whole set, which is done once.
void Resources::plan_hand_over() {
  const NodeId other = only_peer();
  if (other == no_node || is_ours(other) || is_legacy() || any_busy()) return;
  if (!takes_part(other) || !peer(other).stable || peer(other).heal_by != never) return;
  if (standby_.state != StandbyState::none || now_.instant < failback_at_) return;
  for (std::size_t i = 0; i < books_.size(); ++i) {
    if (!books_[i].failed || books_[i].handed_over || peer(other).held.test(i)) continue;
    if (stays_failed(GroupId{static_cast<std::uint16_t>(i)})) continue;
    const Holding set = local_.test(i) ? Holding::local : Holding::foreign;
    GroupSet groups = set_of(set, self_);
    return add_move({other, set, groups, now_.instant + standby_limits::phase});
  }
}

GroupSet Resources::set_of(Holding set, NodeId giver) const {
  GroupSet groups;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const bool own = groups_[i].home == giver;
    groups.set(i, own ? has_local(set) : has_foreign(set));
  }
  return groups;
}

}  // namespace hb::core
