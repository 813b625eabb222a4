// host: one machine of the model: clock, disk, daemon, scripts and their real effects
#include "tests/sim/host.hpp"

#include "core/frame.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace hb::sim {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t socket_room = 256;   // frames that wait while the process is stopped
constexpr std::uint64_t first_wall = 1'700'000'000;
constexpr Duration kill_delay = 5s;        // the runner's TERM, then KILL

}  // namespace

std::optional<std::uint64_t> hex_after(std::string_view text, std::string_view mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return std::nullopt;
  std::uint64_t value = 0;
  const char* const begin = text.data() + at + mark.size();
  if (std::from_chars(begin, text.data() + text.size(), value, 16).ec != std::errc{}) {
    return std::nullopt;
  }
  return value;
}

Host::Host(World& world, const Site& site, NodeId id, Network& network, Watcher& watcher)
    : world_(world), site_(site), id_(id), network_(network), watcher_(watcher) {
  effects_.resize(site.groups.size());
  for (std::size_t g = 0; g < site.groups.size(); ++g) {
    effects_[g].assign(site.groups[g].resources.size(), 0);
  }
  heard_.resize(site.config.nodes.size());
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
  booted_ = world_.now;
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
  apply(outputs);
  arm();
}

void Host::end_daemon() {
  engine_.reset();
  ++life_;
  socket_.clear();
  done_.clear();
  fifo_.clear();
  client_.clear();
  addresses_lost_.clear();
  waiting_.clear();
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
  world_.after(length, [this, life = life_] {
    if (life != life_ || !paused_) return;
    world_.trace("{} runs again", id_.value);
    paused_ = false;
    last_pause_end_ = world_.now;
    watcher_.changed();
    turn_due_ = false;
    wake(Duration{});
  });
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
  done_.clear();
  watcher_.changed();
  world_.after(world_.between(5ms, 100ms), [this, life = life_] {
    if (life != life_) return;
    runner_lost_ = false;
    runner_ready_ = true;
    for (const core::RunAction& action : std::exchange(waiting_, {})) run(action);
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

// ---- the master's turn

void Host::arrive(NodeId from, core::LinkId link, core::Bytes bytes) {
  if (!engine_ || (paused_ && pause_kind_ == Pause::machine)) return;
  if (socket_.size() >= socket_room) return;
  if (from != core::no_node && from != id_) note_status(from, bytes);
  socket_.push_back({link, std::string{core::as_text(bytes)}, world_.now});
  wake(world_.between(5us, 60us));
}

void Host::note_status(NodeId from, core::Bytes bytes) {
  const std::string_view text = core::as_text(bytes);
  if (text.substr(0, 24).find("t=status") == std::string_view::npos) return;
  const auto generation = hex_after(text, ")hg="), seqno = hex_after(text, ")seq=");
  if (!generation || !seqno) return;
  heard_[from.value].ever.note({*generation, *seqno, world_.now});
  heard_[from.value].life.note({*generation, *seqno, world_.now});
}

void Host::wake(Duration latency) {
  if (paused_ || turn_due_ || !engine_) return;
  turn_due_ = true;
  world_.after(latency, [this, life = life_] {
    if (life != life_ || paused_) return;
    turn_due_ = false;
    turn();
  });
}

/// Inputs before timers, as master/master.cpp does it.
void Host::turn() {
  const std::uint64_t life = life_;
  const auto alive = [&] { return engine_ && life == life_; };
  for (const Frame& frame : std::exchange(socket_, {})) {
    if (!alive()) return;
    step(core::FrameArrived{frame.link, core::as_bytes(frame.bytes), to_local(frame.rx_time)});
  }
  if (alive() && std::exchange(runner_ready_, false)) {
    running_.clear();
    for (const Script& script : scripts_) running_.push_back(script.ticket);
    step(core::RunnerReady{running_});
  }
  for (const core::GroupId group : std::exchange(addresses_lost_, {})) {
    if (!alive()) return;
    step(core::AddressLost{group, "address removed"});
  }
  for (const core::ActionDone& done : std::exchange(done_, {})) {
    if (!alive()) return;
    step(done);
  }
  for (const std::string& message : std::exchange(fifo_, {})) {
    if (!alive()) return;
    step(core::FifoMessage{core::as_bytes(message)});
  }
  for (const std::string& message : std::exchange(client_, {})) {
    if (!alive()) return;
    step(core::ClientMessage{core::ClientId{1}, "simclient", core::as_bytes(message)});
  }
  if (alive() && std::exchange(terminate_, false)) step(core::StopRequested{});
  if (alive() && std::exchange(replace_, false)) step(core::RestartRequested{});
  const Instant now = to_local(world_.now);
  if (alive() && now >= asked_) {
    step(core::Tick{now - std::exchange(asked_, core::never)});
  }
  if (alive()) arm();
}

void Host::step(const core::Input& input) {
  was_active_ = is_active();
  const core::Outputs& outputs = engine_->step(local_now(), input);
  engine_->save(*memory_);  // before anything of it is seen outside
  const bool crashes = crash_ == Crash::soon || (crash_ == Crash::when_busy && !scripts_.empty());
  if (!crashes || !is_active() || runner_lost_ || outputs.empty()) return apply(outputs);
  const std::uint64_t life = life_;
  std::uint64_t left = world_.random.below(8);
  for (const core::Output& output : outputs) {
    if (left-- == 0 || life != life_) break;
    apply(output, life);
  }
  if (life != life_) return;  // it had come to its end
  world_.trace("{} crashes", id_.value);
  world_.probes.hit("master-crashed");
  if (!scripts_.empty()) world_.probes.hit("action-adopted");
  if (memory_->standby_state != core::StandbyState::none) world_.probes.hit("move-adopted");
  if (memory_->stop_asked != 0) world_.probes.hit("stop-adopted");
  const bool continues = memory_->active != 0;
  end_daemon();
  between_masters_ = true;
  watcher_.changed();
  ENSURE(continues);
  world_.after(world_.between(5ms, site_.config.deadtime / 2),
               [this, again = life_] { go_on_after_crash(again); });
}

void Host::arm() {
  const Instant deadline = engine_->next_deadline();
  if (deadline == core::never || deadline >= asked_) return;
  asked_ = deadline;
  // Now and then the scheduler is slow; that is no pause yet.
  const Duration latency = world_.chance(5) ? world_.between(1ms, 20ms) : world_.between(5us, 90us);
  world_.at(to_world(deadline) + latency, [this, life = life_, alarm = ++alarm_] {
    if (life != life_ || alarm != alarm_ || paused_) return;
    turn();
  });
}

void Host::apply(const core::Outputs& outputs) {
  const std::uint64_t life = life_;
  for (const core::Output& output : outputs) {
    if (life != life_) return;
    apply(output, life);
  }
}

void Host::apply(const core::Output& output, std::uint64_t life) {
  if (const auto* send = std::get_if<core::Send>(&output)) {
    for (std::size_t l = 0; l < network_.links(); ++l) {
      if ((send->links >> l & 1) == 0) continue;
      network_.send(id_, core::LinkId{static_cast<std::uint16_t>(l)}, send->bytes);
    }
    watcher_.sent(id_, send->bytes);
    world_.digest(send->bytes.data(), send->bytes.size());
  } else if (const auto* action = std::get_if<core::RunAction>(&output)) {
    run(*action);
  } else if (const auto* killed = std::get_if<core::KillAction>(&output)) {
    kill(killed->ticket);
  } else if (const auto* line = std::get_if<core::Log>(&output)) {
    world_.trace("{} {}", id_.value, line->text);
    world_.probes.saw_log(line->text);
    if (line->text.starts_with("node ") && line->text.ends_with(": is dead")) {
      const auto name = line->text.substr(5, line->text.size() - 5 - 9);
      watcher_.declared_dead(id_, *site_.config.node(name));
    }
    constexpr std::string_view restart = "Heartbeat restart on node ";
    if (line->text.starts_with(restart)) {
      watcher_.restart_seen(id_, *site_.config.node(line->text.substr(restart.size())));
    }
  } else if (const auto* event = std::get_if<core::ToClients>(&output)) {
    note_client(*event);
  } else if (const auto* saved = std::get_if<core::Persist>(&output)) {
    peers_file_ = saved->content;
  } else if (const auto* pause = std::get_if<core::PauseClients>(&output)) {
    if (pause->paused != 0) world_.probes.hit("clients-paused");
  } else if (std::holds_alternative<core::CommunicationUp>(output)) {
    client_.clear();
    active_since_ = world_.now;
    world_.after(1ms, [this, life] {
      if (life != life_ || !engine_ || paused_) return;
      step(core::ClientJoined{core::ClientId{1}, "simclient"});
      if (life == life_ && engine_) arm();
    });
  } else if (const auto* exit = std::get_if<core::Exit>(&output);
             exit != nullptr && exit->reason == core::ExitReason::resume) {
    world_.trace("{} hands over to the next image", id_.value);
    world_.probes.hit("master-replaced");
    world_.after(50ms, [this, life] { next_image(life); });
  } else if (exit != nullptr) {
    world_.trace("{} exits", id_.value);
    for (std::size_t g = 0; g < effects_.size(); ++g) {
      const core::GroupId group{static_cast<std::uint16_t>(g)};
      if (runs(group)) {
        world_.fail("host {} left group {} running when it exited", id_.value, g);
      }
    }
    world_.after(Duration{}, [this, life] {
      if (life != life_) return;
      end_daemon();
      watcher_.changed();
    });
  }
}

/// The program is executed anew in the same process, which may be stopped at that moment.
void Host::next_image(std::uint64_t life) {
  if (life != life_ || !engine_) return;
  if (paused_) return world_.after(10ms, [this, life] { next_image(life); });
  core::Inheritance inheritance;
  inheritance.held = engine_->snapshot().holding;
  inheritance.running_keys = engine_->running_keys();
  const bool killed = stopping_;  // a signal that is pending stays so
  end_daemon();
  start_daemon(std::move(inheritance));
  if (killed) terminate();
  watcher_.changed();
}

void Host::note_client(const core::ToClients& event) {
  if (core::as_text(event.body).find("t=simtest") == std::string_view::npos) return;
  core::Message message;
  if (core::decode(event.body, message) && message.type() == "simtest") {
    watcher_.delivered(id_, message);
  }
}

// ---- scripts

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
  const auto found = std::ranges::find(scripts_, ticket, &Script::ticket);
  if (found == scripts_.end()) return;
  world_.after(world_.between(1ms, kill_delay), [this, serial = found->serial] {
    finish(serial, core::ActionEnd::signaled, 9);
  });
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

bool Host::is_active() const {
  return engine_ && engine_->snapshot().nodes[id_.value].status == core::NodeStatus::active;
}

}  // namespace hb::sim
