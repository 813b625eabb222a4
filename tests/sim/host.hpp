// host: one machine of the model: clock, disk, daemon, scripts and their real effects
#pragma once

#include "core/engine.hpp"
#include "tests/sim/network.hpp"
#include "tests/sim/world.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hb::sim {

/// What the run has in common for all hosts.
struct Site {
  core::Config config;             ///< node_name is set by each host
  std::vector<core::Group> groups;
  bool faults = true;              ///< scripts may be slow, hang or fail
  bool fencing = false;            ///< there are devices that reset nodes
  bool device_faults = false;      ///< and they may be slow, hang, fail, or not tell the truth
  bool calm = false;               ///< nothing happens but crashes of masters
  bool flapping = false;           ///< nothing happens but that one host's service link flaps
  NodeId lame = core::no_node;     ///< its service link stays down to the end
};

/// The number behind a mark in the text of a frame.
[[nodiscard]] std::optional<std::uint64_t> hex_after(std::string_view text, std::string_view mark);

/// What the invariants want to know, as it happens.
struct Watcher {
  virtual ~Watcher() = default;
  virtual void changed() = 0;  ///< something runs or ended, or a host came or went
  virtual void declared_dead(NodeId judge, NodeId node) = 0;
  virtual void delivered(NodeId to, const core::Message& message) = 0;
  virtual void sent(NodeId from, core::Bytes bytes) = 0;
  virtual void restart_seen(NodeId judge, NodeId node) = 0;
  /// It did not run for longer than its dead time, and has had its time to notice what follows.
  /// `others`: whom it held for alive before the pause.
  virtual void judged_itself(NodeId node, const std::vector<NodeId>& others) = 0;
  /// A device has been told to reset a node.
  virtual void shot(NodeId shooter, NodeId target) = 0;
  /// Does another machine answer for the group's address?
  [[nodiscard]] virtual bool answers_elsewhere(NodeId asker, core::GroupId group) const = 0;
};

class Host {
 public:
  Host(World& world, const Site& site, NodeId id, Network& network, Watcher& watcher);

  // faults and commands
  void power_on();
  void power_off();
  enum class Pause { process, machine };  ///< a stopped process still has its socket buffer
  void pause(Duration length, Pause kind);
  void terminate();                       ///< SIGTERM
  void replace_master();                  ///< `heartbeat -r`: the next image keeps what runs
  enum class Crash { none, soon, when_busy };  ///< when_busy: once a script runs
  void crash_master(Crash when);          ///< kill -9 of it alone; another one goes on soon
  void lose_runner();                     ///< its scripts end unseen, a new one comes soon
  void lose_address(core::GroupId group); ///< somebody removes what the guardian watches
  void set_service_link(bool works);      ///< the interface of all service addresses
  void lose_resource(core::GroupId group);///< one that is monitored ends by itself
  /// From now on no stop of the group goes through here, and what runs goes on running.
  void jam(core::GroupId group, Duration length);
  void command(std::string_view text);    ///< one message for the FIFO
  void tell_witness(Instant since, Instant until);  ///< the witness program's news (world time)
  void client_send(std::uint64_t number); ///< a numbered message of an API client
  /// A frame reaches our network card; `from`: who signed it, no_node if it is forged.
  void arrive(NodeId from, core::LinkId link, core::Bytes bytes);

  // what is true, not what is announced
  [[nodiscard]] bool is_on() const { return on_; }
  [[nodiscard]] bool has_daemon() const { return engine_ != nullptr; }
  [[nodiscard]] bool is_paused() const { return paused_; }
  [[nodiscard]] bool is_stopping() const { return stopping_; }
  /// Its master has crashed, and the next one is on its way.
  [[nodiscard]] bool is_between_masters() const { return between_masters_; }
  /// Any resource of the group runs, or may run, here.
  [[nodiscard]] bool runs(core::GroupId group) const;
  /// All resources of the group run here.
  [[nodiscard]] bool serves(core::GroupId group) const;
  [[nodiscard]] bool has_script(core::GroupId group) const;
  /// It is on the service network, and its kernel is awake; and since when.
  [[nodiscard]] bool is_reachable() const {
    return on_ && link_works_ && !(paused_ && pause_kind_ == Pause::machine);
  }
  [[nodiscard]] Instant reachable_since() const { return reachable_since_; }
  [[nodiscard]] bool has_address(core::GroupId group) const {
    return effects_[group.value][0] != 0;
  }
  /// The present runner is there to ask and to hear since then.
  [[nodiscard]] Instant runner_since() const { return runner_since_; }
  [[nodiscard]] bool is_jammed(core::GroupId group) const {
    return site_.faults && world_.now < jammed_until_[group.value];
  }
  /// The daemon has ended in good order, and this would not stop before.
  [[nodiscard]] bool was_left(core::GroupId group) const {
    return !engine_ && on_ && left_[group.value] != 0 && runs(group);
  }
  /// Since when the daemon is gone that left something running.
  [[nodiscard]] Instant left_at() const { return left_at_; }
  [[nodiscard]] const core::Engine* engine() const { return engine_.get(); }
  [[nodiscard]] bool is_active() const;
  /// The same before the present step, whose outputs are being carried out.
  [[nodiscard]] bool was_active() const { return was_active_; }
  [[nodiscard]] NodeId id() const { return id_; }
  [[nodiscard]] Instant last_pause_end() const { return last_pause_end_; }
  [[nodiscard]] Instant daemon_started() const { return daemon_started_; }
  /// When communication was up, in the present life of the daemon.
  [[nodiscard]] Instant active_since() const { return active_since_; }
  /// Local time that has passed between two moments of world time.
  [[nodiscard]] Duration local_span(Instant from, Instant to) const;
  /// When the last status of a node reached this host's socket (world time).
  [[nodiscard]] Instant last_status(NodeId node) const { return heard_[node.value].ever.at; }
  /// The last one that the daemon had no means to know for a recording: it is newer than all that
  /// it heard in its present life.
  [[nodiscard]] Instant last_believed(NodeId node) const { return heard_[node.value].life.at; }

 private:
  struct Script {
    core::Ticket ticket;
    core::GroupId group;
    std::uint16_t resource;
    core::Operation operation;
    std::uint64_t serial;
  };
  /// A device at work.
  struct FenceRun {
    core::Ticket ticket;
    NodeId node;
    std::uint64_t serial;
  };
  struct Frame {
    core::LinkId link;
    std::string bytes;
    Instant rx_time;  // world
  };
  void start_daemon(core::Inheritance inheritance = {});
  void go_on_after_crash(std::uint64_t life);
  void end_daemon();
  void wake_up(Duration length, const std::vector<NodeId>& others);
  [[nodiscard]] std::vector<NodeId> live_others() const;
  void next_image(std::uint64_t life);
  void turn();
  void wake(Duration latency);
  void step(const core::Input& input);
  void crash_amid(const core::Outputs& outputs);
  void apply(const core::Outputs& outputs);
  void apply(const core::Output& output, std::uint64_t life);
  void arm();
  void run(const core::RunAction& action);
  void check_maintenance(const core::RunAction& action);
  void fence(const core::FenceNode& order);
  void end_fencing(std::uint64_t serial, core::ActionEnd end, int code);
  bool kill_fencing(core::Ticket ticket);
  void note_fencing(std::string_view line);
  void check_fenced(const core::RunAction& action);
  /// Of the turn before: whether maintenance was on and nothing was on its way.
  struct Before {
    bool maintenance = false;
    std::vector<core::GroupState> states;
  };
  Before before_;
  void finish(std::uint64_t serial, core::ActionEnd end, int code);
  void kill(core::Ticket ticket);
  void probe(core::GroupId group);
  void look_at_paths();
  void note_client(const core::ToClients& event);
  [[nodiscard]] core::Now local_now() const;
  [[nodiscard]] Instant to_local(Instant world) const;
  [[nodiscard]] Instant to_world(Instant local) const;
  std::uint8_t& effect(core::GroupId group, std::uint16_t resource) {
    return effects_[group.value][resource];
  }

  World& world_;
  const Site& site_;
  const NodeId id_;
  Network& network_;
  Watcher& watcher_;

  // the disk
  std::uint64_t generation_ = 0;
  std::shared_ptr<core::Continuity> memory_ = std::make_shared<core::Continuity>();  // in /run
  std::string peers_file_;

  bool between_masters_ = false;
  Crash crash_ = Crash::none;
  bool on_ = false, paused_ = false, stopping_ = false, was_active_ = false;
  Pause pause_kind_ = Pause::process;
  Instant booted_{}, last_pause_end_{}, daemon_started_{}, active_since_{};
  std::int64_t drift_ppm_ = 0;
  std::uint64_t life_ = 0;  // events of an earlier life of the daemon are void
  std::unique_ptr<core::Engine> engine_;
  std::vector<Frame> socket_;
  Instant asked_ = core::never;  // local
  std::uint64_t alarm_ = 0;
  bool turn_due_ = false;
  std::vector<core::ActionDone> done_;
  std::vector<std::string> fifo_;
  std::vector<std::string> client_;
  bool terminate_ = false, replace_ = false, runner_lost_ = false, runner_ready_ = false;
  std::vector<core::GroupId> addresses_lost_, addresses_answered_;
  bool link_works_ = true, paths_due_ = false;
  Instant reachable_since_{}, runner_since_{};

  std::vector<core::RunAction> waiting_;
  std::vector<core::Ticket> running_;
  std::vector<Script> scripts_;
  std::vector<FenceRun> fence_runs_;
  std::vector<std::uint8_t> unfenced_;  ///< by node: dead for this master, and not known to be off
  std::uint64_t last_serial_ = 0;
  std::vector<Instant> jammed_until_;
  std::vector<std::uint8_t> left_;
  Instant left_at_{};
  std::vector<std::vector<std::uint8_t>> effects_;  // group, resource: really running
  struct Newest {
    std::uint64_t generation = 0, seqno = 0;
    Instant at{};
    void note(const Newest& status) {
      if (std::pair{status.generation, status.seqno} > std::pair{generation, seqno}) *this = status;
    }
  };
  struct Heard {
    Newest ever, life;
  };
  void note_status(NodeId from, core::Bytes bytes);
  std::vector<Heard> heard_;
};

}  // namespace hb::sim
