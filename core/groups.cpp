// groups: runs the scripts of each resource group in order and judges what they say
#include "core/groups.hpp"

#include "core/resource_log_text.hpp"
#include "core/result.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <string>
#include <utility>

namespace hb::core {

namespace {

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

/// [Rr]unning, at or after `from`.
bool has_running(std::string_view text, std::size_t from = 0) {
  return text.find("running", from) != text.npos || text.find("Running", from) != text.npos;
}

/// The end of the first "not " in any case, or npos.
std::size_t after_not(std::string_view text) {
  constexpr std::string_view word = "not ";
  const auto same = [](char a, char b) { return lower(a) == lower(b); };
  const auto at = std::search(text.begin(), text.end(), word.begin(), word.end(), same);
  return at == text.end() ? text.npos
                          : static_cast<std::size_t>(at - text.begin()) + word.size();
}

/// The scripts that only hold a service address: starting them once more announces it again, and
/// is harmless. Of other scripts nobody knows what a second start does (3.0.6 never does it).
bool is_address(const Resource& resource) {
  return resource.script == "IPaddr" || resource.script == "IPaddr2" ||
         resource.script == "IPv6addr";
}

bool is_letter(char c) { return lower(c) >= 'a' && lower(c) <= 'z'; }

/// The first `word` from `from` on that no letter stands before; npos if there is none.
std::size_t find_word(std::string_view text, std::string_view word, std::size_t from = 0) {
  for (auto at = text.find(word, from); at != text.npos; at = text.find(word, at + 1)) {
    if (at == 0 || !is_letter(text[at - 1])) return at;
  }
  return text.npos;
}

bool has_running_word(std::string_view text, std::size_t from = 0) {
  return find_word(text, "running", from) != text.npos ||
         find_word(text, "Running", from) != text.npos;
}

/// What is no letter, digit or sign of punctuation: line ends count as blanks.
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool negates_running(std::string_view text) {
  for (std::size_t at = 0; at + 4 <= text.size(); ++at) {
    const bool is_not = lower(text[at]) == 'n' && lower(text[at + 1]) == 'o' &&
                        lower(text[at + 2]) == 't' && is_space(text[at + 3]);
    if (is_not) return has_running(text, at + 4);
  }
  return false;
}

/// LSB: dead with a pid file, dead with a lock file, stopped; OCF: not running.
bool means_stopped(int code) { return code == 1 || code == 2 || code == 3 || code == 7; }

/// What a status that did not end by itself printed proves nothing, and neither does silence.
bool proves_stopped(const ActionDone& action) {
  if (action.end != ActionEnd::exited || says_running(action.output)) return false;
  const bool silent = std::ranges::all_of(action.output, is_space);
  return !silent || action.code == 3 || action.code == 7;
}

std::string how_it_ended(const ActionDone& action) {
  if (action.end == ActionEnd::timed_out) return "took too long";
  if (action.end == ActionEnd::missing) return "has no script any more";
  if (action.end == ActionEnd::signaled) return fmt::format("was killed by signal {}", action.code);
  return fmt::format("exit code {}", action.code);
}

bool succeeded(const ActionDone& action) {
  return action.end == ActionEnd::exited && action.code == 0;
}

}  // namespace

bool says_running(std::string_view output) {
  const auto negated = after_not(output);
  if (negated != output.npos && has_running(output, negated)) return false;
  return has_running(output) || output.find("OK") != output.npos;
}

bool is_running(std::string_view output, int code) {
  if (means_stopped(code) || negates_running(output)) return false;
  return has_running_word(output) || find_word(output, "OK") != output.npos;
}

Groups::Groups(const Config& config, const std::vector<Group>& groups)
    : config_{config}, groups_{groups}, runs_(groups.size()) {
  for (std::size_t i = 0; i < groups.size(); ++i) {
    runs_[i].monitor_at.assign(groups[i].resources.size(), never);
  }
}

// ---- orders

void Groups::adopt(Now now, GroupId group) {
  auto& run = at(group);
  run.state = GroupState::running;
  run.goal = Goal::run;
  run.since = now.instant;
}

void Groups::start(Now now, GroupId group, ResourceSink& sink) {
  auto& run = at(group);
  run.goal = Goal::run;
  if (run.state == GroupState::running || run.state == GroupState::starting) {
    run.deadline = never;  // a stop that waited for the script that runs has been revoked
    if (run.state == GroupState::running) tell(group, GroupOutcome::Kind::started);
    return;
  }
  run.failed_starts = 0;
  if (run.step == Step::idle || run.step == Step::pausing) begin_start(now, group, sink);
}

void Groups::stop(Now now, GroupId group, ResourceSink& sink) {
  auto& run = at(group);
  run.goal = Goal::rest;
  run.told_unknown = false;
  if (run.step == Step::idle) {
    if (may_run(group)) return begin_stop(now, group, sink);
    return tell(group, GroupOutcome::Kind::stopped);
  }
  if (run.step == Step::pausing) return begin_stop(now, group, sink);
  // What it would say is of no interest any more.
  if (run.step == Step::monitoring) return sink.outputs().add(KillAction{*run.ticket});
  const bool start_under_way = run.step == Step::checking || run.step == Step::starting ||
                               run.step == Step::refreshing;
  if (start_under_way && run.deadline == never) {
    run.deadline = now.instant + group_limits::start_patience;
  }
}

void Groups::verify(Now, GroupId group, ResourceSink& sink) {
  auto& run = at(group);
  if (run.state != GroupState::running) return;
  run.verify_due = run.step != Step::idle;
  if (run.verify_due) return;
  run.resource = 0;
  run.failed_starts = 0;
  act(group, Step::checking, sink);
}

void Groups::refresh(Now now, GroupId group, ResourceSink& sink) {
  auto& run = at(group);
  if (run.state != GroupState::running) return;
  run.refresh_due = run.step != Step::idle;
  if (run.refresh_due) return;
  run.resource = 0;
  run.failed_starts = 0;
  next_refresh(now, group, sink);
}

// ---- over a crash

void Groups::save(GroupId group, Continuity::Group& row) const {
  const Run& run = at(group);
  row.state = run.state;
  row.step = static_cast<std::uint8_t>(run.step);
  row.goal = static_cast<std::uint8_t>(run.goal);
  row.giving_up = run.giving_up ? 1 : 0;
  row.told_unknown = run.told_unknown ? 1 : 0;
  row.resource = run.resource;
  row.attempts = run.attempts;
  row.failed_starts = run.failed_starts;
  row.failures = run.failures;
  row.recovering = run.recovering ? 1 : 0;
  row.floor = run.floor;
  row.recoveries = run.recoveries;
  row.failed_at = run.failed_at;
  row.ticket = run.ticket.value_or(Ticket{});
  row.deadline = run.deadline;
  row.since = run.since;
}

void Groups::remember(GroupId group, const Continuity::Group& row) {
  Run& run = at(group);
  run.state = row.state;
  run.step = static_cast<Step>(row.step);
  run.goal = static_cast<Goal>(row.goal);
  run.giving_up = row.giving_up != 0;
  run.told_unknown = row.told_unknown != 0;
  run.resource = row.resource;
  run.attempts = row.attempts;
  run.failed_starts = row.failed_starts;
  run.failures = row.failures;
  run.recovering = row.recovering != 0;
  run.floor = row.floor;
  run.recoveries = row.recoveries;
  run.failed_at = std::max(row.failed_at, Instant{});
  if (row.ticket != Ticket{}) run.ticket = row.ticket;
  run.deadline = row.deadline;
  run.since = row.since;
  const bool script = run.step != Step::idle && run.step != Step::pausing;
  const bool busy = run.state == GroupState::starting || run.state == GroupState::stopping;
  const bool fits = run.resource < groups_[group.value].resources.size() &&
                    run.ticket.has_value() == script && (!busy || run.step != Step::idle);
  if (fits) return;
  // haresources has changed under a script: what may run is stopped, and then placed anew.
  const bool anything = may_run(group);
  run = Run{};
  run.monitor_at.assign(groups_[group.value].resources.size(), never);
  if (!anything) return;
  run.state = GroupState::stopping;
  run.step = Step::pausing;
  run.resource = static_cast<std::uint16_t>(groups_[group.value].resources.size() - 1);
  run.deadline = Instant{};
}

// ---- ends

void Groups::done(Now now, const ActionDone& action, ResourceSink& sink) {
  const auto found = std::ranges::find(runs_, std::optional{action.ticket}, &Run::ticket);
  if (found == runs_.end()) return;  // told before by runner_ready
  found->ticket.reset();
  ended(now, GroupId{static_cast<std::uint16_t>(found - runs_.begin())}, action, sink);
}

void Groups::runner_ready(Now now, std::span<const Ticket> running, ResourceSink& sink) {
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    auto& run = runs_[i];
    if (!run.ticket || std::ranges::find(running, *run.ticket) != running.end()) continue;
    const ActionDone lost{*run.ticket, ActionEnd::unknown, 0, {}};
    run.ticket.reset();
    ended(now, GroupId{static_cast<std::uint16_t>(i)}, lost, sink);
  }
}

void Groups::time_passed(Now now, ResourceSink& sink) {
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    auto& run = runs_[i];
    const GroupId group{static_cast<std::uint16_t>(i)};
    if (next_monitor(group) <= now.instant) monitor(now, group, sink);
    if (run.deadline > now.instant) continue;
    run.deadline = never;
    if (run.step == Step::pausing) {
      act(group, Step::stopping, sink);
    } else if (run.ticket) {
      sink.log(LogLevel::warn,
               fmt::format("{}: still not started, and to be stopped: killing its script",
                           resource(group).text));
      sink.outputs().add(KillAction{*run.ticket});
    }
  }
}

Instant Groups::next_deadline() const {
  Instant next = never;
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    const GroupId group{static_cast<std::uint16_t>(i)};
    next = std::min({next, runs_[i].deadline, next_monitor(group)});
  }
  return next;
}

std::optional<GroupOutcome> Groups::next_outcome() {
  if (outcomes_told_ == outcomes_.size()) {
    outcomes_.clear();
    outcomes_told_ = 0;
    return {};
  }
  return outcomes_[outcomes_told_++];
}

// ---- questions

bool Groups::may_run(GroupId group) const {
  const auto state = at(group).state;
  return state != GroupState::stopped && state != GroupState::failed;
}

bool Groups::is_busy(GroupId group) const {
  const auto state = at(group).state;
  return state == GroupState::starting || state == GroupState::stopping;
}

bool Groups::is_leaving(GroupId group) const {
  return may_run(group) && at(group).goal == Goal::rest;
}

const Resource& Groups::resource(GroupId group) const {
  return groups_[group.value].resources[at(group).resource];
}

/// The line of haresources, as the shell script logged it.
std::string Groups::line(GroupId group) const {
  const auto& entry = groups_[group.value];
  std::string text = config_.nodes[entry.home.value].name;
  for (const auto& each : entry.resources) text.append(" ").append(each.text);
  return text;
}

// ---- steps

void Groups::enter(Now now, GroupId group, GroupState state, ResourceSink& sink) {
  auto& run = at(group);
  run.state = state;
  run.since = now.instant;
  sink.changed();
}

void Groups::tell(GroupId group, GroupOutcome::Kind kind) { outcomes_.push_back({group, kind}); }

void Groups::act(GroupId group, Step step, ResourceSink& sink) {
  auto& run = at(group);
  ENSURE(!run.ticket);
  run.step = step;
  run.ticket = sink.next_ticket();
  Operation operation = Operation::status;
  if (step == Step::starting || step == Step::refreshing) operation = Operation::start;
  if (step == Step::stopping) operation = Operation::stop;
  sink.outputs().add(RunAction{*run.ticket, group, run.resource, operation, timeout(group, step)});
}

Duration Groups::timeout(GroupId group, Step step) const {
  const ResourcePolicy& policy = resource(group).policy;
  std::optional<Duration> own = policy.status_timeout;
  if (step == Step::starting || step == Step::refreshing) own = policy.start_timeout;
  if (step == Step::stopping) own = policy.stop_timeout;
  if (step == Step::monitoring && policy.monitor_timeout) own = policy.monitor_timeout;
  return own.value_or(config_.resource_timeout);
}

/// No script runs, and none follows: what was asked for meanwhile is done now.
void Groups::rest(Now now, GroupId group, ResourceSink& sink) {
  auto& run = at(group);
  run.resource = 0;
  run.step = Step::idle;
  const bool verifies = std::exchange(run.verify_due, false);
  const bool refreshes = std::exchange(run.refresh_due, false);
  if (verifies) return verify(now, group, sink);
  if (refreshes) refresh(now, group, sink);
}

void Groups::begin_start(Now now, GroupId group, ResourceSink& sink) {
  auto& run = at(group);
  sink.log(LogLevel::info, fmt::format(resource_text::acquiring, line(group)));
  run.deadline = never;
  run.giving_up = false;
  run.told_unknown = false;
  run.verify_due = run.refresh_due = false;
  run.resource = run.recovering ? std::min(run.resource, run.floor) : std::uint16_t{0};
  run.recovering = false;
  enter(now, group, GroupState::starting, sink);
  act(group, Step::checking, sink);
}

void Groups::begin_stop(Now now, GroupId group, ResourceSink& sink) {
  auto& run = at(group);
  sink.log(LogLevel::info, fmt::format(resource_text::releasing, line(group)));
  run.deadline = never;
  run.attempts = 0;
  run.recovering = false;
  run.verify_due = run.refresh_due = false;
  // habit: the whole group, also what was never started: stopping twice must succeed (§6.3)
  run.resource = static_cast<std::uint16_t>(groups_[group.value].resources.size() - 1);
  if (run.state != GroupState::unknown) enter(now, group, GroupState::stopping, sink);
  act(group, Step::stopping, sink);
}

void Groups::next_start(Now now, GroupId group, ResourceSink& sink) {
  auto& run = at(group);
  if (++run.resource < groups_[group.value].resources.size()) {
    return act(group, Step::checking, sink);
  }
  const bool was_quiet = run.state == GroupState::running;
  run.failed_starts = 0;
  arm_monitors(now, group);
  if (!was_quiet) {
    enter(now, group, GroupState::running, sink);
    tell(group, GroupOutcome::Kind::started);
  }
  rest(now, group, sink);
}

/// From run.resource on, the next address.
void Groups::next_refresh(Now now, GroupId group, ResourceSink& sink) {
  auto& run = at(group);
  const auto& resources = groups_[group.value].resources;
  while (run.resource < resources.size() && !is_address(resources[run.resource])) ++run.resource;
  if (run.resource < resources.size()) return act(group, Step::refreshing, sink);
  rest(now, group, sink);
}

void Groups::next_stop(Now now, GroupId group, ResourceSink& sink) {
  auto& run = at(group);
  run.attempts = 0;
  const bool recovers = run.recovering && run.goal == Goal::run;
  if (run.resource > (recovers ? run.floor : 0)) {
    --run.resource;
    return act(group, Step::stopping, sink);
  }
  run.step = Step::idle;
  run.told_unknown = false;
  if (run.goal == Goal::rest) {
    run.giving_up = false;
    enter(now, group, GroupState::stopped, sink);
    return tell(group, GroupOutcome::Kind::stopped);
  }
  if (run.giving_up && run.failed_starts > groups_[group.value].policy.start_retries) {
    run.giving_up = false;
    run.goal = Goal::rest;
    enter(now, group, GroupState::failed, sink);
    return tell(group, GroupOutcome::Kind::start_failed);
  }
  begin_start(now, group, sink);
}

void Groups::start_failed(Now now, GroupId group, ResourceSink& sink) {
  auto& run = at(group);
  ++run.failures;
  ++run.failed_starts;
  run.giving_up = true;
  sink.log(LogLevel::crit,
           fmt::format(resource_text::giving_up_group, resource(group).text));
  begin_stop(now, group, sink);
}

void Groups::stop_failed(Now now, GroupId group, const ActionDone& action, ResourceSink& sink) {
  auto& run = at(group);
  if (++run.attempts == 1) sink.changed();
  // One that had to be ended would take as long again each time.
  const bool took_too_long = action.end == ActionEnd::timed_out;
  if (run.attempts > group_limits::stop_retries || run.told_unknown || took_too_long) {
    return act(group, Step::confirming, sink);
  }
  sink.log(LogLevel::info, fmt::format(resource_text::retrying_stop, resource(group).text));
  run.step = Step::pausing;
  run.deadline = now.instant + group_limits::stop_retry_pause;
}

/// Stopped ten times and more, and it still says that it runs. Unlike 3.0.6 we do not reboot: the
/// group counts as held, is never announced as released, and is tried again.
void Groups::stop_unconfirmed(Now now, GroupId group, ResourceSink& sink) {
  auto& run = at(group);
  run.step = Step::pausing;
  run.deadline = now.instant + group_limits::unknown_retry_pause;
  if (run.told_unknown) return;
  run.told_unknown = true;
  ++run.failures;
  sink.log(LogLevel::crit, resource_text::stop_failure);
  sink.log(LogLevel::crit,
           fmt::format("{}: cannot be stopped; it stays booked here and is tried again every {} s; "
                       "stop it by hand or reboot this node",
                       resource(group).text,
                       std::chrono::seconds{std::chrono::duration_cast<std::chrono::seconds>(
                           group_limits::unknown_retry_pause)}.count()));
  enter(now, group, GroupState::unknown, sink);
  tell(group, GroupOutcome::Kind::stop_failed);
}

void Groups::ended(Now now, GroupId group, const ActionDone& action, ResourceSink& sink) {
  switch (at(group).step) {
    case Step::checking:
    case Step::starting:
    case Step::refreshing:
      return ended_start(now, group, action, sink);
    case Step::stopping:
    case Step::confirming:
      return ended_stop(now, group, action, sink);
    case Step::monitoring:
      return ended_monitor(now, group, action, sink);
    case Step::idle:
    case Step::pausing:
      ENSURE(!"a script ended for a group that runs none");
  }
}

void Groups::ended_start(Now now, GroupId group, const ActionDone& action, ResourceSink& sink) {
  auto& run = at(group);
  if (run.goal == Goal::rest) return begin_stop(now, group, sink);
  if (action.end == ActionEnd::unknown) return act(group, Step::checking, sink);
  if (run.step == Step::checking) {
    if (action.end == ActionEnd::exited && is_running(action.output, action.code)) {
      return next_start(now, group, sink);
    }
    if (run.state == GroupState::running) enter(now, group, GroupState::starting, sink);
    return act(group, Step::starting, sink);
  }
  if (!succeeded(action)) return start_failed(now, group, sink);
  if (run.step == Step::refreshing) {
    ++run.resource;
    return next_refresh(now, group, sink);
  }
  next_start(now, group, sink);
}

void Groups::ended_stop(Now now, GroupId group, const ActionDone& action, ResourceSink& sink) {
  auto& run = at(group);
  if (run.goal == Goal::run && !run.giving_up && !run.recovering) {
    return begin_start(now, group, sink);
  }
  if (action.end == ActionEnd::unknown) return act(group, run.step, sink);
  if (run.step == Step::stopping) {
    // A script that is not there holds nothing; 3.0.6 lost ten seconds for each (§6.4).
    if (succeeded(action) || action.end == ActionEnd::missing) return next_stop(now, group, sink);
    return stop_failed(now, group, action, sink);
  }
  if (!proves_stopped(action)) return stop_unconfirmed(now, group, sink);
  const auto& name = resource(group).text;
  sink.log(LogLevel::error, fmt::format(resource_text::not_lsb, name));
  sink.log(LogLevel::warn, fmt::format(resource_text::must_succeed, name));
  sink.log(LogLevel::warn, resource_text::narrowly_avoided);
  next_stop(now, group, sink);
}

// ---- monitors

bool Groups::is_monitored(GroupId group) const {
  const auto& run = at(group);
  return !monitors_rest_ && run.state == GroupState::running && run.goal == Goal::run &&
         run.step == Step::idle;
}

Instant Groups::next_monitor(GroupId group) const {
  if (!is_monitored(group)) return never;
  return std::ranges::min(at(group).monitor_at);
}

void Groups::arm_monitors(Now now, GroupId group) {
  const auto& resources = groups_[group.value].resources;
  for (std::size_t i = 0; i < resources.size(); ++i) {
    const Duration pause = resources[i].policy.monitor;
    at(group).monitor_at[i] = pause > Duration{} ? now.instant + pause : never;
  }
}

void Groups::rest_monitors(Now now, bool rest) {
  if (monitors_rest_ == rest) return;
  monitors_rest_ = rest;
  for (std::size_t i = 0; i < runs_.size() && !rest; ++i) {
    arm_monitors(now, GroupId{static_cast<std::uint16_t>(i)});
  }
}

void Groups::forget_failures(Now now, GroupId group, ResourceSink& sink) {
  auto& run = at(group);
  if (run.state == GroupState::failed) enter(now, group, GroupState::stopped, sink);
  if (run.step == Step::pausing) run.deadline = now.instant;
  run.failures = 0;
  run.recoveries = 0;
  run.failed_at = {};
}

/// The resource that has waited longest.
void Groups::monitor(Now, GroupId group, ResourceSink& sink) {
  auto& run = at(group);
  const auto first = std::ranges::min_element(run.monitor_at);
  run.resource = static_cast<std::uint16_t>(first - run.monitor_at.begin());
  act(group, Step::monitoring, sink);
}

void Groups::ended_monitor(Now now, GroupId group, const ActionDone& action, ResourceSink& sink) {
  auto& run = at(group);
  if (run.goal == Goal::rest) return begin_stop(now, group, sink);
  const Duration pause = resource(group).policy.monitor;
  // Unknown: the runner was lost, which says nothing of the resource.
  const bool is_good = action.end == ActionEnd::unknown || monitors_rest_ ||
                       (action.end == ActionEnd::exited && is_running(action.output, action.code));
  if (!is_good) return monitor_failed(now, group, action, sink);
  run.monitor_at[run.resource] = pause > Duration{} ? now.instant + pause : never;
  rest(now, group, sink);
}

void Groups::monitor_failed(Now now, GroupId group, const ActionDone& action, ResourceSink& sink) {
  auto& run = at(group);
  const GroupPolicy& policy = groups_[group.value].policy;
  ++run.failures;
  if (now.instant - run.failed_at > policy.failure_window) run.recoveries = 0;
  run.failed_at = now.instant;
  sink.log(LogLevel::error, fmt::format(resource_text::monitor_failed, resource(group).text,
                                        how_it_ended(action)));
  if (run.recoveries < policy.recoveries) {
    ++run.recoveries;
    sink.log(LogLevel::warn, fmt::format(resource_text::recovering, resource(group).text,
                                         run.recoveries, policy.recoveries));
    return begin_recovery(now, group, sink);
  }
  sink.log(LogLevel::crit, fmt::format(resource_text::giving_up_group, resource(group).text));
  run.recoveries = 0;
  run.giving_up = true;
  run.failed_starts = policy.start_retries + 1;  // no try here follows
  begin_stop(now, group, sink);
}

/// What stands to the right of a resource may need it, so that is stopped and started with it.
void Groups::begin_recovery(Now now, GroupId group, ResourceSink& sink) {
  auto& run = at(group);
  const std::uint16_t failed = run.resource;
  begin_stop(now, group, sink);
  run.recovering = true;
  run.floor = failed;
}

}  // namespace hb::core
