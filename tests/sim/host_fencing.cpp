// host_fencing: the devices that a simulated machine resets others with: slow, broken, or liars
#include "tests/sim/host.hpp"

#include <algorithm>

namespace hb::sim {

namespace {

using namespace std::chrono_literals;

}  // namespace

void Host::fence(const core::FenceNode& order) {
  if (runner_lost_) return;  // the next one does not list it as running
  const bool is_check = order.node == core::no_node;
  const std::uint64_t serial = ++last_serial_;
  Duration length = world_.between(5ms, 200ms);
  core::ActionEnd end = core::ActionEnd::exited;
  bool shoots = !is_check, good = true;
  if (site_.device_faults) {
    if (world_.chance(200)) length = world_.between(500ms, 3s);
    if (world_.chance(250)) good = shoots = false;
    if (!is_check && world_.chance(100)) {  // it is done, and called a failure
      world_.probes.hit("fencing-denied");
      shoots = true;
      good = false;
    }
  }
  if (length > order.timeout) {
    world_.probes.hit("fencing-timed-out");
    length = order.timeout + world_.between(1ms, 500ms);
    end = core::ActionEnd::timed_out;
    good = false;
  }
  world_.trace("{} device {} begins with {}", id_.value, order.device.value, order.node.value);
  for (const FenceRun& other : fence_runs_) {
    if (!is_check && other.node == order.node) {
      world_.fail("host {} resets {} twice at once", id_.value, order.node.value);
    }
  }
  fence_runs_.push_back({order.ticket, order.node, serial});
  if (shoots) {
    world_.after(world_.between(1ms, length), [this, serial] {
      const auto found = std::ranges::find(fence_runs_, serial, &FenceRun::serial);
      if (found != fence_runs_.end()) watcher_.shot(id_, found->node);
    });
  }
  world_.after(length, [this, serial, end, good] { end_fencing(serial, end, good ? 0 : 1); });
}

void Host::end_fencing(std::uint64_t serial, core::ActionEnd end, int code) {
  const auto found = std::ranges::find(fence_runs_, serial, &FenceRun::serial);
  if (found == fence_runs_.end()) return;
  world_.trace("{} device ends with {}: {}", id_.value, found->node.value, code);
  if (engine_) done_.push_back({found->ticket, end, code, "says the device"});
  fence_runs_.erase(found);
  wake(20us);
}

/// It obeys at once; what it reports then comes late.
bool Host::kill_fencing(core::Ticket ticket) {
  const auto found = std::ranges::find(fence_runs_, ticket, &FenceRun::ticket);
  if (found == fence_runs_.end()) return false;
  fence_runs_.erase(found);
  world_.after(world_.between(1ms, 50ms), [this, ticket, life = life_] {
    if (life != life_ || !engine_) return;
    done_.push_back({ticket, core::ActionEnd::exited, 0, "late"});
    wake(20us);
  });
  return true;
}

/// What its master believes of the dead.
void Host::note_fencing(std::string_view line) {
  if (!site_.fencing) return;
  for (std::size_t n = 0; n < unfenced_.size(); ++n) {
    const std::string& name = site_.config.nodes[n].name;
    if (line == fmt::format("node {}: is dead", name)) unfenced_[n] = 1;
    const bool is_off = line == fmt::format("node {} now reset.", name) ||
                        line.starts_with(fmt::format("node {} was reset by ", name)) ||
                        line.starts_with(fmt::format("node {} is off, ", name)) ||
                        line == fmt::format("Dead node {} gave up resources.", name);
    if (is_off) unfenced_[n] = 0;
  }
}

/// Nothing begins to start while a dead node may still run it.
void Host::check_fenced(const core::RunAction& action) {
  if (!site_.fencing || action.operation != core::Operation::start) return;
  const core::GroupState state = before_.states[action.group.value];
  if (state != core::GroupState::stopped && state != core::GroupState::failed) return;
  for (std::size_t n = 0; n < unfenced_.size(); ++n) {
    const bool is_dead = engine_->snapshot().nodes[n].status == core::NodeStatus::dead;
    if (unfenced_[n] != 0 && is_dead) {
      return world_.fail("host {} begins to start group {} before the dead host {} was reset",
                         id_.value, action.group.value, n);
    }
  }
}

}  // namespace hb::sim
