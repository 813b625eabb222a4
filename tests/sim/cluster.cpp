// cluster: one run: hosts, network, a plan of faults, quiet, and the verdict
#include "tests/sim/cluster.hpp"

#include "tests/sim/witness.hpp"

#include <array>
#include <utility>

namespace hb::sim {

namespace {

using namespace std::chrono_literals;

constexpr Duration fault_time = 24s;
/// Long enough for the last hung script, a stop under way and the retry of a failed start (30 s).
constexpr Duration quiet_time = 45s;
/// A stop that was under way when quiet came may still be: its host is started anew afterwards.
constexpr Duration restart_check = 1s;
constexpr Duration last_restart = 20s;
constexpr Duration cleanup_pause = 5s;
constexpr std::size_t link_count = 2;

class Cluster {
 public:
  Cluster(std::uint64_t seed, bool verbose, Probes& probes);
  Outcome run();

 private:
  void configure();
  void next_fault();
  void next_crash();
  void flap(Host& host);
  void draw_policy(core::Group& group);
  void fault_of_host(Host& host);
  void fault_of_group(Host& host);
  void clean_up();
  void fault_of_network();
  void fault_of_witness(NodeId host);
  void set_up_fencing();
  void fault_of_fencing();
  void fault_of_link(std::uint64_t kind, NodeId from, NodeId to, core::LinkId link);
  void watch();
  void restart_stopped();
  Host& any_host() { return *hosts_[world_.random.below(hosts_.size())]; }
  NodeId any_node() {
    return NodeId{static_cast<std::uint16_t>(world_.random.below(hosts_.size()))};
  }
  /// A fault ends after a while, unless quiet came first.
  void later(Duration low, Duration high, std::function<void()> what) {
    world_.at(std::min(world_.now + world_.between(low, high), quiet_at_), std::move(what));
  }

  World world_;
  Site site_;
  std::optional<Network> network_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::optional<Invariants> invariants_;
  std::optional<ModelWitness> witness_;
  bool has_paused_flapping_ = false;
  Instant quiet_at_ = World::start + fault_time;
  Duration pace_{};
  std::uint64_t client_number_ = 0;
};

Cluster::Cluster(std::uint64_t seed, bool verbose, Probes& probes)
    : world_(seed * 0x9e3779b97f4a7c15ULL + 1, verbose, probes) {
  configure();
  const std::size_t count = site_.config.nodes.size();
  network_.emplace(world_, count, link_count,
                   [this](NodeId from, NodeId to, core::LinkId link, core::Bytes bytes) {
                     hosts_[to.value]->arrive(from, link, bytes);
                   });
  invariants_.emplace(world_, site_, *network_, hosts_);
  hosts_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    hosts_[i] = std::make_unique<Host>(world_, site_, NodeId{static_cast<std::uint16_t>(i)},
                                       *network_, *invariants_);
  }
}

void Cluster::configure() {
  core::Config& config = site_.config;
  const std::uint64_t draw = world_.random.below(10);
  const std::size_t count = draw < 7 ? 2 : draw < 9 ? 3 : 4;
  for (std::size_t i = 0; i < count; ++i) {
    config.nodes.push_back({fmt::format("n{}", i + 1), core::NodeType::normal});
  }
  config.node_name = "n1";
  for (std::size_t l = 0; l < link_count; ++l) {
    core::MediumConfig medium;
    // Now and then a serial line, which speaks another framing, beside the network.
    const bool serial = draw == 6 && l == 1;
    medium.type = serial ? core::MediumType::serial : core::MediumType::bcast;
    medium.interface = serial ? "/dev/ttyS0" : fmt::format("eth{}", l);
    config.media.push_back(medium);
  }
  config.keepalive = 250ms;
  config.deadtime = 1200ms;
  config.warntime = 600ms;
  config.initdead = 2500ms;
  config.msgfmt = core::MessageFormat::netstring;
  constexpr std::array modes = {core::AutoFailback::on, core::AutoFailback::off,
                                core::AutoFailback::legacy};
  config.auto_failback = modes[world_.random.below(modes.size())];
  config.service_link_failover =
      config.auto_failback != core::AutoFailback::legacy && world_.chance(800);
  config.address_conflict = world_.chance(300) ? core::AddressConflict::hold
                                               : core::AddressConflict::take;
  const std::size_t groups = 1 + world_.random.below(4);
  for (std::size_t g = 0; g < groups; ++g) {
    core::Group group;
    group.home = NodeId{static_cast<std::uint16_t>(world_.random.below(count))};
    const std::size_t resources = 1 + world_.random.below(3);
    for (std::size_t r = 0; r < resources; ++r) {
      group.resources.push_back({fmt::format("Sim::{}-{}", g, r), "Sim", {fmt::format("{}", r)}});
    }
    draw_policy(group);
    site_.groups.push_back(std::move(group));
  }
  constexpr std::array timeouts = {Duration{}, Duration{}, Duration{3s}, Duration{8s}};
  config.resource_timeout = timeouts[world_.random.below(timeouts.size())];
  constexpr std::array paces = {Duration{100s}, Duration{4s}, Duration{1500ms}};
  pace_ = paces[world_.random.below(paces.size())];
}

/// Half of the groups have the options of haresources.options.
void Cluster::draw_policy(core::Group& group) {
  if (world_.chance(500)) return;
  core::GroupPolicy& policy = group.policy;
  policy.start_retries = static_cast<unsigned>(world_.random.below(3));
  policy.recoveries = static_cast<unsigned>(world_.random.below(3));
  policy.failure_limit = static_cast<unsigned>(world_.random.below(4));
  if (world_.chance(200)) policy.after_failure = core::AfterFailure::stay;
  const bool monitored = world_.chance(700);
  for (core::Resource& each : group.resources) {
    if (monitored) each.policy.monitor = world_.between(1s, 4s);
    if (world_.chance(300)) each.policy.start_timeout = world_.between(2s, 5s);
    if (world_.chance(300)) each.policy.stop_timeout = world_.between(2s, 5s);
  }
}

void Cluster::watch() {
  invariants_->changed();
  invariants_->check_rates(World::start + fault_time);
  world_.after(500ms, [this] { watch(); });
}

void Cluster::fault_of_host(Host& host) {
  if (!host.is_on()) return host.power_on();
  switch (world_.random.below(19)) {
    case 15: {
      host.set_service_link(false);
      return later(100ms, 12s, [&host] { host.set_service_link(true); });
    }
    case 16:
    case 17:
    case 18: return fault_of_group(host);
    case 13: return host.crash_master(Host::Crash::soon);
    case 14: return host.crash_master(Host::Crash::when_busy);
    case 12: return host.replace_master();
    case 10: return host.lose_runner();
    case 11:
      return host.lose_address(
          core::GroupId{static_cast<std::uint16_t>(world_.random.below(site_.groups.size()))});
    case 0:
    case 1: {
      host.power_off();
      return later(100ms, 12s, [&host] { host.power_on(); });
    }
    case 2: return host.pause(world_.between(100ms, 4s), Host::Pause::process);
    case 3: return host.pause(world_.between(100ms, 4s), Host::Pause::machine);
    case 4: {
      host.terminate();
      return later(3s, 15s, [&host] {
        if (host.has_daemon()) return;
        host.power_off();
        host.power_on();
      });
    }
    case 5: {
      if (host.has_daemon()) break;
      host.power_off();  // the daemon had been stopped
      return host.power_on();
    }
    default: break;
  }
  constexpr std::array<std::string_view, 5> sets = {"all", "local", "foreign", "failback", "all"};
  const std::string_view set = sets[world_.random.below(sets.size())];
  if (world_.chance(600)) {
    host.command(fmt::format("t=ask_resources rsc_hold={} info=me",
                             set == "failback" ? "foreign" : set));
  } else {
    host.command(fmt::format("t=hb_takeover rsc_hold={}", set));
  }
}

/// A resource that dies, one that does not stop, and people who clear failures or forbid moves.
void Cluster::fault_of_group(Host& host) {
  const core::GroupId group{static_cast<std::uint16_t>(world_.random.below(site_.groups.size()))};
  switch (world_.random.below(4)) {
    case 0: return host.lose_resource(group);
    case 1: {
      host.jam(group, world_.between(2s, 20s));
      if (world_.chance(500)) host.terminate();
      return;
    }
    case 2:
      return host.command("t=sys_cleanup key=" + site_.groups[group.value].key());
    default: {
      host.command("t=sys_maintenance state=on");
      return later(1s, 6s, [this] { any_host().command("t=sys_maintenance state=off"); });
    }
  }
}

/// What only people clear: at the end of the faults somebody does.
void Cluster::clean_up() {
  for (const auto& host : hosts_) {
    host->command("t=sys_maintenance state=off");
    for (const core::Group& group : site_.groups) host->command("t=sys_cleanup key=" + group.key());
  }
  if (world_.now < quiet_at_ + last_restart) world_.after(cleanup_pause, [this] { clean_up(); });
}

void Cluster::fault_of_link(std::uint64_t kind, NodeId from, NodeId to, core::LinkId link) {
  Path& path = network_->path(from, to, link);
  switch (kind) {
    case 0: path.cut = true; break;
    case 1: path.lost = 50 + world_.random.below(400); break;
    case 2: path.doubled = 300; break;
    case 3:
      path.late = 300;
      path.lateness = world_.between(1ms, 400ms);
      break;
    case 4: path.delay = world_.between(1ms, 60ms); break;
    default: path = Path{}; break;
  }
}

void Cluster::fault_of_network() {
  const NodeId from = any_node(), to = any_node();
  if (from == to) return;
  const std::uint64_t kind = world_.random.below(5);
  const bool both_ways = world_.chance(600), all_links = world_.chance(600);
  if (kind == 0 && !both_ways) world_.probes.hit("one-way-cut");
  world_.trace("network: fault {} from {} to {}, both ways {}, all links {}", kind, from.value,
               to.value, both_ways, all_links);
  for (std::size_t l = 0; l < (all_links ? link_count : 1); ++l) {
    const core::LinkId link{static_cast<std::uint16_t>(l)};
    fault_of_link(kind, from, to, link);
    if (both_ways) fault_of_link(kind, to, from, link);
  }
  invariants_->changed();
  later(300ms, 10s, [this, from, to] {
    world_.trace("network: {} and {} as new", from.value, to.value);
    for (std::size_t l = 0; l < link_count; ++l) {
      const core::LinkId link{static_cast<std::uint16_t>(l)};
      network_->path(from, to, link) = network_->path(to, from, link) = Path{};
    }
    invariants_->changed();
  });
}

void Cluster::fault_of_witness(NodeId host) {
  world_.trace("{} does not reach the witness", host.value);
  witness_->reach(host, false);
  later(300ms, 10s, [this, host] { witness_->reach(host, true); });
}

void Cluster::set_up_fencing() {
  world_.probes.hit("fencing");
  site_.fencing = site_.device_faults = true;
  core::Config& config = site_.config;
  config.fence_timeout = 2s;
  config.fence_agents.push_back({"*", "/usr/sbin/fence_first", {}, 1});
  if (world_.chance(400)) config.fence_agents.push_back({"*", "/usr/sbin/fence_second", {}, 2});
  if (world_.chance(500)) config.fence_delays.emplace_back("n1", 4s);
}

/// A host dies; who resets it has troubles of his own, or somebody looks and says that it is off.
void Cluster::fault_of_fencing() {
  Host& victim = any_host();
  Host& other = any_host();
  victim.power_off();
  later(3s, 12s, [&victim] { victim.power_on(); });
  later(1200ms, 4s, [this, &victim, &other] {
    if (world_.chance(600)) return other.crash_master(Host::Crash::soon);
    if (victim.is_on()) return;
    other.command("t=sys_fenced node=" + site_.config.nodes[victim.id().value].name);
  });
}

/// Masters crash, as often as they like, while clients are busy.
void Cluster::next_crash() {
  if (world_.now >= quiet_at_) return;
  any_host().crash_master(world_.chance(700) ? Host::Crash::soon : Host::Crash::when_busy);
  for (std::uint64_t i = 0; i < 5; ++i) any_host().client_send(++client_number_);
  later(1ms, pace_ / 2, [this] { next_crash(); });
}

/// Its service link goes up and down, mostly faster than one may trust it.
void Cluster::flap(Host& host) {
  if (world_.now >= quiet_at_) return;
  host.set_service_link(!host.is_reachable());
  // Longer than a link needs to be trusted again: seldom, and only once.
  const bool pauses = !has_paused_flapping_ && world_.chance(100);
  has_paused_flapping_ = has_paused_flapping_ || pauses;
  later(100ms, pauses ? 12s : 4s, [this, &host] { flap(host); });
}

void Cluster::next_fault() {
  if (world_.now >= quiet_at_) return;
  if (witness_ && world_.chance(200)) fault_of_witness(any_node());
  if (site_.fencing && world_.chance(150)) fault_of_fencing();
  switch (world_.random.below(8)) {
    case 0:
    case 1:
    case 2: fault_of_host(any_host()); break;
    case 3:
    case 4:
    case 5: fault_of_network(); break;
    case 6: {  // an attacker plays back what he recorded, or invents
      auto [from, frame] = network_->recording();
      if (world_.chance(300) && frame.size() > 20) {
        frame[world_.random.below(frame.size())] ^= 1;
        from = core::no_node;
      }
      any_host().arrive(from, core::LinkId{}, core::as_bytes(frame));
      break;
    }
    default: {  // a client is busy; seldom so busy that it must be held back
      Host& host = any_host();
      const std::uint64_t burst = world_.chance(60) ? 320 : 12;
      for (std::uint64_t i = 0; i < burst; ++i) host.client_send(++client_number_);
    }
  }
  later(pace_ / 4, pace_, [this] { next_fault(); });
}

void Cluster::restart_stopped() {
  for (const auto& host : hosts_) {
    host->crash_master(Host::Crash::none);  // one that waits for a script would come late
    if (!host->has_daemon() && !host->is_between_masters()) host->power_off();
    host->power_on();
  }
  if (world_.now < quiet_at_ + last_restart) {
    world_.after(restart_check, [this] { restart_stopped(); });
  }
}

Outcome Cluster::run() {
  site_.calm = world_.chance(80);
  if (site_.calm) {
    world_.probes.hit("calm");
    site_.faults = false;
  }
  site_.flapping = !site_.calm && world_.chance(40);
  if (site_.flapping) {
    world_.probes.hit("flapping");
    site_.faults = false;
  }
  const bool alone = !site_.calm && !site_.flapping && world_.chance(100);
  if (alone) world_.probes.hit("cold-start-alone");
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    if (alone && i > 0) continue;
    Host& host = *hosts_[i];
    later(0ms, world_.chance(500) ? 10ms : 4s, [&host] { host.power_on(); });
  }
  if (!site_.calm && !site_.flapping && world_.chance(200)) {
    world_.probes.hit("witness");
    site_.faults = false;  // a script that does not stop in time is nobody's to mend but fencing's
    site_.config.witness.kind = core::WitnessKind::etcd;
    witness_.emplace(world_, site_, hosts_);
    witness_->turn();
  }
  if (!site_.calm && !site_.flapping && world_.chance(250)) set_up_fencing();
  if (site_.flapping) {
    world_.after(8s, [this] { flap(*hosts_[0]); });
  } else {
    later(500ms, 5s, [this] { site_.calm ? next_crash() : next_fault(); });
  }
  watch();
  world_.run_until(quiet_at_);
  world_.trace("quiet");
  site_.faults = site_.device_faults = false;
  network_->heal();
  if (!site_.calm && !site_.flapping && world_.chance(200)) {
    world_.probes.hit("lame");
    site_.lame = any_node();
  }
  for (const auto& host : hosts_) host->set_service_link(host->id() != site_.lame);
  invariants_->changed();
  restart_stopped();
  clean_up();
  world_.run_until(quiet_at_ + quiet_time);
  if (world_.failure.empty()) invariants_->check_after_quiet();
  return {world_.failure, world_.hash};
}

}  // namespace

Duration simulated_time() { return fault_time + quiet_time; }

Outcome run_cluster(std::uint64_t seed, bool verbose, Probes& probes) {
  return Cluster{seed, verbose, probes}.run();
}

}  // namespace hb::sim
