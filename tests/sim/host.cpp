// host: one machine of the model: its clock, disk and power, and what befalls it
#include "tests/sim/host.hpp"

#include <algorithm>
#include <utility>

namespace hb::sim {

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t first_wall = 1'700'000'000;
/// After a pause: what others took is on its way down by then (the model's scheduler included).
constexpr Duration own_verdict = 221ms;

}  // namespace

Host::Host(World& world, const Site& site, NodeId id, Network& network, Watcher& watcher)
    : world_(world), site_(site), id_(id), network_(network), watcher_(watcher) {
  effects_.resize(site.groups.size());
  for (std::size_t g = 0; g < site.groups.size(); ++g) {
    effects_[g].assign(site.groups[g].resources.size(), 0);
  }
  jammed_until_.resize(site.groups.size());
  left_.resize(site.groups.size());
  heard_.resize(site.config.nodes.size());
  unfenced_.resize(site.config.nodes.size());
  drift_ppm_ = static_cast<std::int64_t>(world.random.below(201)) - 100;
}

// ---- clock

Instant Host::to_local(Instant world) const {
  const std::int64_t span = (world - booted_).count();
  return Instant{10s} + Duration{span + span / 1'000'000 * drift_ppm_};
}

Instant Host::to_world(Instant local) const {
  const std::int64_t span = (local - Instant{10s}).count();
  // A little late rather than early: an alarm clock does not ring before its time.
  return booted_ + Duration{span - span / 1'000'000 * drift_ppm_ + 1000};
}

Duration Host::local_span(Instant from, Instant to) const { return to_local(to) - to_local(from); }

core::Now Host::local_now() const {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(world_.now - World::start);
  return {to_local(world_.now),
          core::WallTime{std::chrono::seconds{first_wall} + seconds}};
}

// ---- faults and commands

void Host::power_on() {
  if (on_) return;
  world_.trace("{} power on", id_.value);
  on_ = true;
  paused_ = false;
  booted_ = reachable_since_ = world_.now;
  start_daemon();
  watcher_.changed();
}

void Host::power_off() {
  if (!on_) return;
  world_.trace("{} power off", id_.value);
  world_.probes.hit("power-off");
  end_daemon();
  on_ = false;
  scripts_.clear();
  for (auto& group : effects_) std::ranges::fill(group, std::uint8_t{0});
  std::ranges::fill(left_, std::uint8_t{0});
  std::ranges::fill(jammed_until_, Instant{});
  watcher_.changed();
}

void Host::start_daemon(core::Inheritance inheritance) {
  core::EngineSetup setup;
  setup.config = site_.config;
  setup.config.node_name = site_.config.nodes[id_.value].name;
  setup.groups = site_.groups;
  setup.keys.insert(core::KeyId{1}, {core::AuthMethod::crc, ""});
  setup.keys.activate(core::KeyId{1});
  setup.identity.uuid.bytes[0] = static_cast<std::byte>(id_.value + 1);
  if (inheritance.memory) {
    setup.identity.generation = core::Generation{generation_};
    setup.identity.first_seqno = inheritance.memory->next_seqno;
  } else {
    setup.identity.generation = core::Generation{++generation_};
  }
  setup.seed = world_.random.next();
  setup.peers = peers_file_;
  setup.inheritance = std::move(inheritance);
  ++life_;
  stopping_ = terminate_ = false;
  asked_ = core::never;
  daemon_started_ = world_.now;
  for (Heard& each : heard_) {
    each.ever.at = world_.now;
    each.life = {0, 0, world_.now};
  }
  engine_ = std::make_unique<core::Engine>(std::move(setup), local_now());
  const core::Outputs& outputs = engine_->start();
  engine_->save(*memory_);
  runner_since_ = world_.now;
  apply(outputs);
  arm();
  look_at_paths();
}

void Host::end_daemon() {
  engine_.reset();
  ++life_;
  socket_.clear();
  done_.clear();
  fifo_.clear();
  client_.clear();
  addresses_lost_.clear();
  addresses_answered_.clear();
  paths_due_ = false;
  waiting_.clear();
  fence_runs_.clear();
  std::ranges::fill(unfenced_, std::uint8_t{0});
  stopping_ = terminate_ = replace_ = turn_due_ = runner_lost_ = runner_ready_ = false;
  between_masters_ = false;
  crash_ = Crash::none;
}

void Host::pause(Duration length, Pause kind) {
  if (!on_ || paused_) return;
  world_.trace("{} paused for {} ms", id_.value, length / 1ms);
  world_.probes.hit(kind == Pause::process ? "process-paused" : "machine-paused");
  paused_ = true;
  pause_kind_ = kind;
  watcher_.changed();
  world_.after(length, [this, length, others = live_others(), life = life_] {
    if (life == life_ && paused_) wake_up(length, others);
  });
}

void Host::wake_up(Duration length, const std::vector<NodeId>& others) {
  world_.trace("{} runs again", id_.value);
  paused_ = false;
  last_pause_end_ = world_.now;
  if (pause_kind_ == Pause::machine) reachable_since_ = world_.now;
  watcher_.changed();
  turn_due_ = false;
  wake(Duration{});
  if (length < site_.config.deadtime) return;
  world_.after(own_verdict, [this, others, life = life_] {
    if (life == life_ && !paused_ && is_active()) watcher_.judged_itself(id_, others);
  });
}

std::vector<NodeId> Host::live_others() const {
  std::vector<NodeId> found;
  if (!is_active()) return found;
  const core::Snapshot& view = engine_->snapshot();
  for (std::uint16_t n = 0; n < view.node_count; ++n) {
    if (n != id_.value && view.nodes[n].status == core::NodeStatus::active) {
      found.push_back(NodeId{n});
    }
  }
  return found;
}

void Host::terminate() {
  if (!engine_ || stopping_) return;
  world_.trace("{} SIGTERM", id_.value);
  if (!is_active()) world_.probes.hit("stopped-early");
  stopping_ = terminate_ = true;
  watcher_.changed();
  wake(20us);
}

void Host::replace_master() {
  if (!is_active() || stopping_) return;
  world_.trace("{} SIGHUP: replaces its master", id_.value);
  replace_ = true;
  wake(20us);
}

/// In the middle of its next turn: some of what that turn wants to do leaves, the rest is lost.
void Host::crash_master(Crash when) {
  if (is_active() && !paused_ && !runner_lost_) crash_ = when;
}

/// The scripts run on under the runner; what ends meanwhile is told to nobody.
void Host::go_on_after_crash(std::uint64_t life) {
  if (life != life_ || !on_ || engine_) return;
  if (paused_) return world_.after(10ms, [this, life] { go_on_after_crash(life); });
  world_.trace("{} goes on", id_.value);
  between_masters_ = false;
  core::Inheritance inheritance;
  const auto last = std::make_shared<core::Continuity>(*memory_);
  if (const auto good = core::check(*last, local_now().instant); !good) {
    return world_.fail("host {}: {}", id_.value, good.error().text);
  }
  inheritance.memory = last;
  start_daemon(std::move(inheritance));
  stopping_ = last->stop_asked != 0;
  runner_ready_ = true;
  watcher_.changed();
  wake(20us);
}

void Host::tell_witness(Instant since, Instant until) {
  command(fmt::format("t=witness since_ns={} until_ns={}",
                      std::max(to_local(since), Instant{}).time_since_epoch().count(),
                      to_local(until).time_since_epoch().count()));
}

void Host::command(std::string_view text) {
  if (!engine_) return;
  world_.trace("{} command {}", id_.value, text);
  std::string message = ">>>\n";
  for (const char c : text) message += c == ' ' ? '\n' : c;
  fifo_.push_back(message + "\n<<<\n");
  wake(20us);
}

void Host::client_send(std::uint64_t number) {
  if (!engine_ || !is_active()) return;
  client_.push_back(fmt::format(">>>\nt=simtest\nnumber={}\n<<<\n", number));
  wake(20us);
}

bool Host::is_active() const {
  return engine_ && engine_->snapshot().nodes[id_.value].status == core::NodeStatus::active;
}

}  // namespace hb::sim
