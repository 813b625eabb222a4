// resources: who holds which group: takeover, release, standby, failback and shutdown
#include "core/resources.hpp"

#include "core/resource_log_text.hpp"
#include "core/result.hpp"

#include <algorithm>

namespace hb::core {

namespace {

/// habit: a shutdown that is not through by then ends without releasing more (§7.6).
constexpr Duration shutdown_limit = std::chrono::minutes{60};

}  // namespace

Resources::Resources(const Config& config, const std::vector<Group>& groups,
                     const Inheritance& inheritance)
    : config_{config},
      groups_{groups},
      self_{config.self()},
      keeps_holdings_{inheritance.continues || inheritance.held},
      placement_{config},
      runs_{config, groups},
      peers_(config.nodes.size()),
      books_(groups.size()),
      paths_(groups.size()),
      conflicts_(groups.size()),
      witness_{config},
      fencing_{config} {
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    (groups_[i].home == self_ ? local_ : foreign_).set(i);
  }
  if (inheritance.memory) {
    remember(*inheritance.memory);
    return;
  }
  for (const GroupId group : inheritance.running) {
    if (group.value >= groups_.size()) continue;
    runs_.adopt(Now{}, group);
    book(group).leftover = !keeps_holdings_;
    book(group).failback_due = home(group) != self_;
  }
  if (inheritance.past) inherit_faults(*inheritance.past);
  if (inheritance.held) {
    duty_ = {.local = has_local(*inheritance.held), .foreign = has_foreign(*inheritance.held)};
    needs_failback_ = duty_.foreign;
  }
}

void Resources::handle(Now now, const ResourceEvent& event, ResourceSink& sink) {
  now_ = now;
  sink_ = &sink;
  look_around();
  std::visit([this](const auto& each) { on(each); }, event);
  runs_.time_passed(now_, sink);
  settle();
  update_deadline();
  sink_ = nullptr;
}

/// Membership is the engine's; here it is seen once for each event.
void Resources::look_around() {
  const NodeSet known = ours_;
  live_.reset();
  ours_.reset();
  for (const NodeId node : placement_.nodes()) {
    if (node == self_ || sink_->status(node) == NodeStatus::dead) continue;
    live_.set(node.value);
    // A node that has just begun anew is what it was, until it has said what it is.
    const bool beginning = sink_->status(node) == NodeStatus::init && known.test(node.value);
    ours_.set(node.value, sink_->is_ours(node) || beginning);
  }
  all_ours_ = (live_ & ~ours_).none();
}

// ---- events

void Resources::on(const CommunicationReached&) {
  if (goes_on_) return go_on();
  if (phase_ != Phase::silent) return;
  for (const NodeId node : placement_.nodes()) {
    if (node == self_) continue;
    if (is_live(node)) {
      peer(node).patience = now_.instant + resource_limits::announcement_patience;
    } else {
      taking_from_.set(node.value);
      peer(node).silent_since = now_.instant;
      (void)begin_fencing(node);  // before anything is taken; its death is told next
    }
  }
  if (is_alone()) judge_answers(unaccounted(no_node), "every other node");
  if (!upkeep_.on) each(held(), [&](GroupId group) { runs_.verify(now_, group, *sink_); });
  phase_ = Phase::starting;
  was_heard_ = true;
  warn_of_partitions();
  if (keeps_holdings_) {
    // Goes on where the last life stopped: no `starting`, the peers keep what they know of us.
    phase_ = Phase::stable;
    duty_.local = duty_.local || (held() & local_).any();
    duty_.foreign = duty_.foreign || (held() & foreign_).any();
    if (!is_plain_legacy()) announce({}, true);
    return;
  }
  if (!is_plain_legacy()) send_starting();
}

void Resources::on(const ResourceMessage& event) {
  if (phase_ == Phase::silent) return;
  const Message& message = *event.message;
  const auto type = message.type();
  if (type == "sys_cleanup") return on_cleanup(message);
  if (type == "sys_maintenance") return on_maintenance(message);
  if (type == "sys_fenced") return on_fenced_order(message);
  if (type == "hb_takeover" && event.source == self_) return on_own_takeover(message);
  if (type == "ask_resources") return on_ask_resources(event.source, message);
  if (event.source == self_) return;  // what we sent has been acted on
  if (event.source.value >= peers_.size()) return;
  if (type == "stonith") return on_stonith(event.source, message);
  if (type == "starting") return on_starting(event.source, message);
  if (type == "resource") return on_resource(event.source, message);
  if (type == "shutdone") return on_shutdone(event.source);
  if (type == "hb_takeover") return on_hb_takeover(event.source, message);
  if (type == "ip-request") return on_ip_request(event.source, message);
  if (type == "ip-request-resp") return on_ip_request_resp(event.source, message);
}

void Resources::on(const ActionDone& event) {
  if (!on_fence_end(event)) runs_.done(now_, event, *sink_);
}

void Resources::on(const RunnerReady& event) {
  runs_.runner_ready(now_, event.running, *sink_);
  fencing_.runner_ready(now_.instant, event.running);
}

void Resources::on(const AddressLost& event) {
  if (event.group.value >= groups_.size()) return;
  if (upkeep_.on) {
    return log(LogLevel::warn, "{}: {}; left so in maintenance",
               key(event.group), event.text);
  }
  log(LogLevel::error, "{}: {}; starting it again", key(event.group), event.text);
  runs_.verify(now_, event.group, *sink_);
}

void Resources::on(const StopAsked&) {
  if (stop_asked_) return;
  stop_asked_ = true;
  if (!may_release()) log(LogLevel::warn, resource_text::shutdown_delayed);
  stop_by_ = now_.instant + shutdown_limit;
}

// ---- decisions

/// Carries out what follows from the event, until nothing more follows.
void Resources::settle() {
  bool again = true;
  while (again) {
    // What ended is booked before anything is decided on it.
    while (const auto outcome = runs_.next_outcome()) on_outcome(*outcome);
    settle_once();
    if (may_release()) begin_release();
    again = runs_.has_outcome() || (phase_ == Phase::releasing && held().none());
  }
  announce_changes();
}

void Resources::settle_once() {
  judge_paths();
  if (phase_ == Phase::releasing) return finish_release();
  if (phase_ == Phase::starting) try_stable();
  if (phase_ != Phase::stable) return;
  check_peers();
  check_doubt();
  check_witness();
  fencing_.turn(now_.instant, witness_.is_configured() && !witness_.is_held(now_.instant), *sink_);
  if (!upkeep_.on) plan_pulls();
  take_orphans();
  progress_standby();
  if (!stop_asked_ && !upkeep_.on) {
    plan_path_moves();
    plan_hand_over();
    plan_failback();
    next_move();
  }
  close_takeover();
}

void Resources::on_outcome(const GroupOutcome& outcome) {
  const GroupId group = outcome.group;
  auto& entry = book(group);
  switch (outcome.kind) {
    case GroupOutcome::Kind::started:
      entry.failed = false;
      entry.handed_over = false;
      return;
    case GroupOutcome::Kind::start_failed:
      lost(group);
      return paths_.condemn(now_.instant, group);
    case GroupOutcome::Kind::stopped:
      entry.leftover = false;
      if (entry.wanted_by != no_node) answer_ip_request(group, "yes");
      return;
    case GroupOutcome::Kind::stop_failed:
      return;
  }
}

/// Cold start: decides as soon as every live node has told what it holds.
void Resources::try_stable() {
  const auto awaited = [&](NodeId node) { return is_awaited(node); };
  if (!is_plain_legacy() && std::ranges::any_of(placement_.nodes(), awaited)) return;
  become_stable();
}

void Resources::become_stable() {
  phase_ = Phase::stable;
  const auto holds_ours = [&](NodeId node) {
    return is_live(node) && has_foreign(peer(node).booked);
  };
  duty_.local = placement_.nodes().size() > 2 ||
                std::ranges::none_of(placement_.nodes(), holds_ours);
  if (!is_plain_legacy()) log(LogLevel::info, resource_text::local_completed);
  if (local_.none()) {
    log(LogLevel::info, resource_text::no_local,
        "/usr/share/heartbeat/ResourceManager listkeys " + name(self_));
  }
  if (is_plain_legacy() && !upkeep_.on) pull_own();
  for (const NodeId node : placement_.nodes()) check_conflicts(node);
  each(held(), [&](GroupId group) {
    auto& entry = book(group);
    if (!entry.leftover || runs_.is_leaving(group)) return;
    entry.leftover = false;  // nobody else has it: ours
    entry.epoch = ++entry.highest;
  });
  const GroupSet before = held();
  take_orphans();
  acquiring_own_ = held() != before;
  if (!acquiring_own_) log(LogLevel::info, resource_text::local_acquired_none);
  log(LogLevel::info, resource_text::initial_complete,
      is_alone() ? "mach_down" : "T_RESOURCES(us)");
  if (is_plain_legacy()) return;
  announce();
}

/// A move that has begun is finished first: the other side could wait an hour for its end.
bool Resources::may_release() const {
  using enum StandbyState;
  if (!stop_asked_ || phase_ == Phase::releasing || phase_ == Phase::released) return false;
  return standby_.state == none || standby_.state == asking || standby_.state == released;
}

void Resources::begin_release() {
  cancel_standby();
  moves_.clear();
  const bool was_silent = phase_ == Phase::silent;
  phase_ = Phase::releasing;
  if (!was_silent && !is_plain_legacy()) announce("shutdown");
  log(LogLevel::info, resource_text::giving_up_all);
  // Unlike 3.0.6, which stops every group of haresources: what the other node holds is left alone.
  each(held(), [&](GroupId group) { runs_.stop(now_, group, *sink_); });
  duty_ = {};
}

/// Groups that would not stop are never announced as released: then there is no shutdone, and a
/// 3.0.6 peer takes over when it declares us dead, after fencing us if it can.
void Resources::finish_release() {
  const bool late = now_.instant >= stop_by_;
  GroupSet stuck;
  bool busy = false;
  each(held(), [&](GroupId group) {
    if (runs_.is_stuck(group) || late) {
      stuck.set(group.value);
    } else {
      busy = true;
    }
  });
  if (busy) return;
  phase_ = Phase::released;
  if (announced_) announce("shutdown");
  if (stuck.any()) {
    log(LogLevel::crit, "These groups could not be released, this node may still run them: {}",
        key_list(stuck));
  } else {
    log(LogLevel::info, resource_text::relinquished);
    if (was_heard_) send_shutdone();
  }
  if (anew_ && !stop_asked_) return sink_->begin_anew();
  sink_->stopped();
}

}  // namespace hb::core
