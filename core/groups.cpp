// groups: runs the scripts of each resource group in order and judges what they say
#include "core/groups.hpp"

#include "core/resource_log_text.hpp"
#include "core/result.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <string>

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

bool succeeded(const ActionDone& action) {
  return action.end == ActionEnd::exited && action.code == 0;
}

}  // namespace

bool says_running(std::string_view output) {
  const auto negated = after_not(output);
  if (negated != output.npos && has_running(output, negated)) return false;
  return has_running(output) || output.find("OK") != output.npos;
}

Groups::Groups(const Config& config, const std::vector<Group>& groups)
    : config_{config}, groups_{groups}, runs_(groups.size()) {}

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
  const bool start_under_way = run.step == Step::checking || run.step == Step::starting ||
                               run.step == Step::refreshing;
  if (start_under_way && run.deadline == never) {
    run.deadline = now.instant + group_limits::start_patience;
  }
}

void Groups::verify(Now, GroupId group, ResourceSink& sink) {
  auto& run = at(group);
  if (run.state != GroupState::running || run.step != Step::idle) return;
  run.resource = 0;
  run.failed_starts = 0;
  act(group, Step::checking, sink);
}

void Groups::refresh(Now now, GroupId group, ResourceSink& sink) {
  auto& run = at(group);
  if (run.state != GroupState::running || run.step != Step::idle) return;
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
    if (run.deadline > now.instant) continue;
    run.deadline = never;
    const GroupId group{static_cast<std::uint16_t>(i)};
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
  for (const auto& run : runs_) next = std::min(next, run.deadline);
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
  sink.outputs().add(RunAction{*run.ticket, group, run.resource, operation});
}

void Groups::begin_start(Now now, GroupId group, ResourceSink& sink) {
  auto& run = at(group);
  sink.log(LogLevel::info, fmt::format(resource_text::acquiring, line(group)));
  run.deadline = never;
  run.giving_up = false;
  run.told_unknown = false;
  run.resource = 0;
  enter(now, group, GroupState::starting, sink);
  act(group, Step::checking, sink);
}

void Groups::begin_stop(Now now, GroupId group, ResourceSink& sink) {
  auto& run = at(group);
  sink.log(LogLevel::info, fmt::format(resource_text::releasing, line(group)));
  run.deadline = never;
  run.attempts = 0;
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
  run.resource = 0;
  run.step = Step::idle;
  run.failed_starts = 0;
  if (was_quiet) return;
  enter(now, group, GroupState::running, sink);
  tell(group, GroupOutcome::Kind::started);
}

/// From run.resource on, the next address.
void Groups::next_refresh(Now, GroupId group, ResourceSink& sink) {
  auto& run = at(group);
  const auto& resources = groups_[group.value].resources;
  while (run.resource < resources.size() && !is_address(resources[run.resource])) ++run.resource;
  if (run.resource < resources.size()) return act(group, Step::refreshing, sink);
  run.resource = 0;
  run.step = Step::idle;
}

void Groups::next_stop(Now now, GroupId group, ResourceSink& sink) {
  auto& run = at(group);
  run.attempts = 0;
  if (run.resource > 0) {
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
  if (run.giving_up && run.failed_starts >= group_limits::start_attempts) {
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

void Groups::stop_failed(Now now, GroupId group, ResourceSink& sink) {
  auto& run = at(group);
  ++run.attempts;
  if (run.attempts > group_limits::stop_retries || run.told_unknown) {
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
    if (action.end == ActionEnd::exited && says_running(action.output)) {
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
  if (run.goal == Goal::run && !run.giving_up) return begin_start(now, group, sink);
  if (action.end == ActionEnd::unknown) return act(group, run.step, sink);
  if (run.step == Step::stopping) {
    // A script that is not there holds nothing; 3.0.6 lost ten seconds for each (§6.4).
    if (succeeded(action) || action.end == ActionEnd::missing) return next_stop(now, group, sink);
    return stop_failed(now, group, sink);
  }
  // What a status that did not end by itself printed proves nothing.
  if (action.end != ActionEnd::exited || says_running(action.output)) {
    return stop_unconfirmed(now, group, sink);
  }
  const auto& name = resource(group).text;
  sink.log(LogLevel::error, fmt::format(resource_text::not_lsb, name));
  sink.log(LogLevel::warn, fmt::format(resource_text::must_succeed, name));
  sink.log(LogLevel::warn, resource_text::narrowly_avoided);
  next_stop(now, group, sink);
}

}  // namespace hb::core
