// release: stops everything that the ledger names, when no master is left to order it
#include "status/release.hpp"

#include "core/resource_log_text.hpp"
#include "os/clock.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace hb::status {

Release::Release(Surroundings& surroundings, Ledger& ledger, Actions& actions)
    : surroundings_(surroundings), ledger_(ledger), actions_(actions) {
  actions_.kill_all_but_stops();
  find_groups();
}

/// Also later ones: a status script that was still running may have found something.
void Release::find_groups() {
  for (const Holding& holding : ledger_.entries()) {
    if (std::ranges::find(groups_, holding.key, &Group::key) != groups_.end()) continue;
    surroundings_.log(core::LogLevel::crit,
                      fmt::format(core::resource_text::releasing,
                                  surroundings_.settings.node + ' ' + holding.key));
    groups_.push_back({holding.key});
  }
}

void Release::tick(core::Instant now) {
  find_groups();
  for (Group& group : groups_) {
    const bool is_waiting = group.ticket != 0 || group.is_finished || group.retry_at > now;
    if (is_waiting || actions_.is_busy(group.key)) continue;
    order_next(group);
  }
}

void Release::order_next(Group& group) {
  const Holding* last = nullptr;
  for (const Holding& holding : ledger_.entries()) {
    if (holding.key != group.key || holding.resource >= group.next) continue;
    if (last == nullptr || holding.resource > last->resource) last = &holding;
  }
  if (last == nullptr) {
    group.is_finished = true;
    return;
  }
  group.ticket = ++last_ticket_;
  actions_.run({group.ticket, {}, last->key, last->resource, last->name, last->arguments,
                core::Operation::stop, patience});
}

void Release::ended(const ActionRequest& request, const ActionReport& report) {
  const auto group = std::ranges::find(groups_, request.ticket, &Group::ticket);
  if (group == groups_.end()) return;
  group->ticket = 0;
  const bool is_stopped = report.end == core::ActionEnd::missing ||
                          (report.end == core::ActionEnd::exited && report.code == 0);
  const bool is_hopeless = report.end == core::ActionEnd::timed_out ||
                           ++group->failures >= attempts;
  if (is_stopped || is_hopeless) {
    if (!is_stopped)
      surroundings_.log(core::LogLevel::crit,
                        fmt::format("Resource {} of group {} would not stop: look after it by hand",
                                    request.script, request.key));
    group->next = request.resource;
    group->failures = 0;
    return;
  }
  surroundings_.log(core::LogLevel::error,
                    fmt::format(core::resource_text::retrying_stop, request.script));
  group->retry_at = os::instant_now() + retry_pause;
}

core::Instant Release::next_deadline() const {
  core::Instant next = core::never;
  for (const Group& group : groups_)
    if (!group.is_finished && group.ticket == 0) next = std::min(next, group.retry_at);
  return next;
}

bool Release::is_done() const {
  return actions_.idle() && std::ranges::all_of(groups_, &Group::is_finished);
}

}  // namespace hb::status
