// host_scripts: the runner of a simulated machine: scripts that take time, hang and fail
#include "tests/sim/host.hpp"

#include <algorithm>
#include <utility>

namespace hb::sim {

namespace {

using namespace std::chrono_literals;

constexpr Duration kill_delay = 5s;        // the runner's TERM, then KILL

}  // namespace

void Host::run(const core::RunAction& action) {
  if (runner_lost_) {  // the master keeps it for the next runner
    waiting_.push_back(action);
    return;
  }
  world_.trace("{} {} group {} resource {}", id_.value, core::name_of(action.operation),
               action.group.value, action.resource);
  for (const Script& other : scripts_) {
    if (other.group == action.group && other.resource == action.resource) {
      world_.fail("host {} runs two scripts of group {} resource {} at once", id_.value,
                  action.group.value, action.resource);
    }
  }
  const std::uint64_t serial = ++last_serial_;
  scripts_.push_back({action.ticket, action.group, action.resource, action.operation, serial});
  check_maintenance(action);
  check_fenced(action);
  Duration length = world_.between(1ms, 30ms);
  core::ActionEnd end = core::ActionEnd::exited;
  int code = 0;
  if (site_.faults && world_.chance(30)) length = world_.between(100ms, 4s);
  if (site_.faults && action.operation != core::Operation::status && world_.chance(40)) {
    code = 1;
    world_.probes.hit("script-failed");
  } else if (site_.faults && world_.chance(5)) {
    length = world_.between(5s, 12s);
    end = core::ActionEnd::signaled;
    code = 9;
    world_.probes.hit("script-hung");
  }
  if (action.operation == core::Operation::stop && is_jammed(action.group)) {
    world_.probes.hit("stop-jammed");
    code = 1;
    if (action.timeout > Duration{}) length = 24h;
  }
  if (action.timeout > Duration{} && length > action.timeout) {
    world_.probes.hit("script-timed-out");
    length = action.timeout + world_.between(1ms, kill_delay);
    end = core::ActionEnd::timed_out;
    code = 15;
  }
  if (action.operation == core::Operation::start) {
    effect(action.group, action.resource) = 1;  // from now on it may run
    watcher_.changed();
  }
  world_.after(length, [this, serial, end, code] { finish(serial, end, code); });
}

void Host::finish(std::uint64_t serial, core::ActionEnd end, int code) {
  const auto found = std::ranges::find(scripts_, serial, &Script::serial);
  if (found == scripts_.end()) return;
  const Script script = *found;
  scripts_.erase(found);
  const bool good = end == core::ActionEnd::exited && code == 0;
  std::uint8_t& running = effect(script.group, script.resource);
  // A start that failed may have left the resource running, or not; a stop that failed has not
  // stopped it.
  if (script.operation == core::Operation::start && !good) running = world_.chance(300) ? 1 : 0;
  if (script.operation == core::Operation::stop && good) running = 0;
  const std::string_view output =
      script.operation == core::Operation::status && good ? (running != 0 ? "running" : "stopped")
                                                          : "";
  if (engine_) done_.push_back({script.ticket, end, code, output});
  world_.trace("{} script of group {} ends: {}", id_.value, script.group.value, good);
  watcher_.changed();
  wake(20us);
}

void Host::kill(core::Ticket ticket) {
  if (kill_fencing(ticket)) return;
  const auto found = std::ranges::find(scripts_, ticket, &Script::ticket);
  if (found == scripts_.end()) return;
  world_.after(world_.between(1ms, kill_delay), [this, serial = found->serial] {
    finish(serial, core::ActionEnd::signaled, 9);
  });
}

/// What begins in maintenance begins against it; what had begun before comes to its end.
void Host::check_maintenance(const core::RunAction& action) {
  // An ip-request that is on its way comes to its end, too, and no state here shows it.
  const bool is_legacy = site_.config.auto_failback == core::AutoFailback::legacy;
  const bool stays_on = before_.maintenance && memory_->maintenance != 0 && !is_legacy;
  if (!stays_on || action.operation == core::Operation::stop) return;
  const core::GroupState state = before_.states[action.group.value];
  if (state == core::GroupState::stopped || state == core::GroupState::failed) {
    world_.fail("host {} begins to start group {} in maintenance", id_.value, action.group.value);
  }
}

void Host::lose_resource(core::GroupId group) {
  const auto& resources = site_.groups[group.value].resources;
  const std::size_t index = world_.random.below(resources.size());
  if (resources[index].policy.monitor == Duration{}) return;
  if (!engine_ || !serves(group) || has_script(group)) return;
  world_.trace("{} loses resource {} of group {}", id_.value, index, group.value);
  world_.probes.hit("resource-lost");
  effect(group, static_cast<std::uint16_t>(index)) = 0;
  watcher_.changed();
}

void Host::jam(core::GroupId group, Duration length) {
  if (!runs(group)) return;
  world_.trace("{} cannot stop group {} for {} ms", id_.value, group.value, length / 1ms);
  jammed_until_[group.value] = world_.now + length;
}

bool Host::runs(core::GroupId group) const {
  return std::ranges::any_of(effects_[group.value], [](std::uint8_t each) { return each != 0; });
}

bool Host::serves(core::GroupId group) const {
  return std::ranges::all_of(effects_[group.value], [](std::uint8_t each) { return each != 0; });
}

bool Host::has_script(core::GroupId group) const {
  return std::ranges::any_of(scripts_, [&](const Script& each) { return each.group == group; });
}

void Host::lose_runner() {
  if (!engine_ || runner_lost_) return;
  world_.trace("{} loses its runner", id_.value);
  world_.probes.hit("runner-lost");
  runner_lost_ = true;
  for (const Script& script : std::exchange(scripts_, {})) {
    // Each script went on to some end that nobody saw.
    std::uint8_t& running = effect(script.group, script.resource);
    if (script.operation == core::Operation::start) running = world_.chance(500) ? 1 : 0;
    if (script.operation == core::Operation::stop) running = world_.chance(500) ? 1 : 0;
  }
  fence_runs_.clear();
  done_.clear();
  watcher_.changed();
  world_.after(world_.between(5ms, 100ms), [this, life = life_] {
    if (life != life_) return;
    runner_lost_ = false;
    runner_ready_ = true;
    runner_since_ = world_.now;
    look_at_paths();
    for (const core::RunAction& action : std::exchange(waiting_, {})) run(action);
    wake(20us);
  });
}

/// A new runner looks at once, and tells; later only what changes.
void Host::look_at_paths() {
  world_.after(world_.between(1ms, 10ms), [this, life = life_] {
    if (life != life_ || runner_lost_) return;
    paths_due_ = true;
    wake(20us);
  });
}

void Host::set_service_link(bool works) {
  if (link_works_ == works) return;
  world_.trace("{} service link {}", id_.value, works ? "works" : "is dead");
  link_works_ = works;
  if (works) reachable_since_ = world_.now;
  look_at_paths();
  watcher_.changed();
}

/// Three requests and their answers, as one.
void Host::probe(core::GroupId group) {
  if (runner_lost_) return;
  world_.after(world_.between(100us, 5ms), [this, group, life = life_] {
    const bool can_hear = life == life_ && engine_ && !runner_lost_ && is_reachable();
    if (!can_hear || !watcher_.answers_elsewhere(id_, group)) return;
    world_.trace("{} hears an answer for group {}", id_.value, group.value);
    addresses_answered_.push_back(group);
    wake(20us);
  });
}

void Host::lose_address(core::GroupId group) {
  if (!engine_ || !serves(group) || has_script(group)) return;
  world_.trace("{} loses the address of group {}", id_.value, group.value);
  world_.probes.hit("address-lost");
  effect(group, 0) = 0;
  addresses_lost_.push_back(group);
  watcher_.changed();
  wake(200us);
}

}  // namespace hb::sim
