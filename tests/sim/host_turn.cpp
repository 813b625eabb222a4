// host_turn: the master of a simulated machine: what it is fed, and what its outputs do
#include "tests/sim/host.hpp"

#include "core/frame.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace hb::sim {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t socket_room = 256;   // frames that wait while the process is stopped

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
  const bool serial = text.starts_with(">>>\n");
  const auto generation = hex_after(text, serial ? "\nhg=" : ")hg=");
  const auto seqno = hex_after(text, serial ? "\nseq=" : ")seq=");
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
    for (const FenceRun& run : fence_runs_) running_.push_back(run.ticket);
    step(core::RunnerReady{running_});
  }
  for (const core::GroupId group : std::exchange(addresses_lost_, {})) {
    if (!alive()) return;
    step(core::AddressLost{group, "address removed"});
  }
  if (alive() && std::exchange(paths_due_, false)) {
    std::vector<core::GroupId> bad;
    for (std::size_t g = 0; !link_works_ && g < site_.groups.size(); ++g) {
      bad.push_back(core::GroupId{static_cast<std::uint16_t>(g)});
    }
    step(core::ServicePathsSeen{bad});
  }
  for (const core::GroupId group : std::exchange(addresses_answered_, {})) {
    if (!alive()) return;
    step(core::AddressAnswered{group, "a neighbour"});
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
  before_.maintenance = memory_->maintenance != 0 &&
                        memory_->standby_state == core::StandbyState::none;
  before_.states.clear();
  for (std::size_t g = 0; g < site_.groups.size(); ++g) {
    before_.states.push_back(memory_->groups[g].state);
  }
  const core::Outputs& outputs = engine_->step(local_now(), input);
  engine_->save(*memory_);  // before anything of it is seen outside
  const bool crashes = crash_ == Crash::soon || (crash_ == Crash::when_busy && !scripts_.empty());
  const bool goes_on = is_active() && memory_->active != 0;  // not in its very last turn
  if (crashes && goes_on && !runner_lost_ && !outputs.empty()) return crash_amid(outputs);
  apply(outputs);
}

/// Some of what the turn wants to do leaves, the rest is lost.
void Host::crash_amid(const core::Outputs& outputs) {
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
  if (std::ranges::any_of(memory_->nodes, [](const auto& node) { return node.fencing != 0; })) {
    world_.probes.hit("fencing-adopted");
  }
  if (memory_->standby_state != core::StandbyState::none) world_.probes.hit("move-adopted");
  if (memory_->stop_asked != 0) world_.probes.hit("stop-adopted");
  end_daemon();
  between_masters_ = true;
  watcher_.changed();
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
      const bool serial = site_.config.media[l].type == core::MediumType::serial;
      if (serial) world_.probes.hit("serial");
      if (core::as_text(send->bytes).starts_with(">>>\n") != serial) {
        world_.fail("host {} sent the wrong framing on link {}", id_.value, l);
      }
    }
    watcher_.sent(id_, send->bytes);
    world_.digest(send->bytes.data(), send->bytes.size());
  } else if (const auto* action = std::get_if<core::RunAction>(&output)) {
    run(*action);
  } else if (const auto* order = std::get_if<core::FenceNode>(&output)) {
    fence(*order);
  } else if (const auto* asked = std::get_if<core::ProbeAddresses>(&output)) {
    probe(asked->group);
  } else if (const auto* killed = std::get_if<core::KillAction>(&output)) {
    kill(killed->ticket);
  } else if (const auto* line = std::get_if<core::Log>(&output)) {
    world_.trace("{} {}", id_.value, line->text);
    world_.probes.saw_log(line->text);
    note_fencing(line->text);
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
      const bool told = memory_->groups[g].state == core::GroupState::unknown;
      left_[g] = runs(group) && told ? 1 : 0;
      left_at_ = world_.now;
      if (left_[g] != 0) {
        world_.probes.hit("left-unknown");
      } else if (runs(group)) {
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
  inheritance.past = std::make_shared<core::Continuity>(*memory_);
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

}  // namespace hb::sim
