// resources_lab: nodes that exchange messages in memory and run imaginary scripts, for unit tests
#pragma once

#include "core/resources.hpp"

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace hb::test {

using namespace hb::core;
using namespace std::chrono_literals;

class Lab;

/// One node: what runs on it, and how it reacts.
class LabNode {
 public:
  LabNode(Lab& lab, NodeId id) : lab_{lab}, id_{id} {}
  virtual ~LabNode() = default;
  LabNode(const LabNode&) = delete;
  LabNode& operator=(const LabNode&) = delete;

  virtual void communication_up() = 0;
  virtual void receive(NodeId source, const Message& message) = 0;
  virtual void died(NodeId node) = 0;
  virtual void returned(NodeId node, ReturnKind kind, bool was_dead) = 0;
  virtual void time_passed() = 0;
  virtual void stop() = 0;
  [[nodiscard]] virtual Instant next_deadline() const = 0;
  [[nodiscard]] virtual bool is_ours() const = 0;
  [[nodiscard]] NodeId id() const { return id_; }

  std::set<std::string> running;            ///< resources that run here, by text
  std::set<std::string> bad_start, bad_stop;
  std::set<std::string> hanging;            ///< whose next start does not end by itself
  std::vector<std::string> calls;           ///< "start a"
  std::vector<std::string> log;
  bool up = false;                          ///< communication is up
  bool finished = false;                    ///< released all and left

 protected:
  Lab& lab_;
  const NodeId id_;
};

/// A node with the real Resources.
class OurNode final : public LabNode, public ResourceSink {
 public:
  OurNode(Lab& lab, NodeId id, AutoFailback mode, const Inheritance& inheritance = {});
  void communication_up() override;
  void receive(NodeId source, const Message& message) override;
  void died(NodeId node) override;
  void returned(NodeId node, ReturnKind kind, bool was_dead) override;
  void time_passed() override;
  void stop() override;
  [[nodiscard]] Instant next_deadline() const override { return resources->next_deadline(); }
  [[nodiscard]] bool is_ours() const override { return true; }

  void handle(const ResourceEvent& event);
  /// Ends the script that hangs for this resource.
  void release(std::string_view resource, int code = 0);
  /// The runner is killed: what runs ends unknown.
  void lose_runner();
  [[nodiscard]] GroupRow row(std::size_t group) const;

  void send(Message& message, NodeId dest) override;
  Outputs& outputs() override { return outputs_; }
  Ticket next_ticket() override { return Ticket{++last_ticket_}; }
  void log(LogLevel level, std::string_view text) override;
  void changed() override {}
  [[nodiscard]] NodeStatus status(NodeId node) const override;
  [[nodiscard]] bool is_ours(NodeId node) const override;
  [[nodiscard]] bool peers_are_ours() const override;
  void stopped() override { finished = true; }
  void begin_anew() override { begun_anew = true; }

  Config config;
  std::unique_ptr<Resources> resources;
  bool begun_anew = false;                  ///< released all, for a new generation

 private:
  void run_actions();
  [[nodiscard]] ActionDone run(const RunAction& action, std::string& output);
  struct Hanging {
    RunAction action;
  };
  std::vector<Hanging> hung_;
  Outputs outputs_;
  std::uint64_t last_ticket_ = 0;
};

/// A node that behaves as heartbeat 3.0.6 (wire-protocol §7.2 to §7.7); its scripts take no time.
class OldNode final : public LabNode {
 public:
  OldNode(Lab& lab, NodeId id, AutoFailback mode) : LabNode{lab, id}, mode_{mode} {}
  void communication_up() override;
  void receive(NodeId source, const Message& message) override;
  void died(NodeId node) override;
  void returned(NodeId, ReturnKind, bool) override {}
  void time_passed() override;
  void stop() override;
  [[nodiscard]] Instant next_deadline() const override;
  [[nodiscard]] bool is_ours() const override { return false; }

  enum class R { init, starting, both_starting, received, stable, shutdown };
  enum class S { none, me, other, done };
  R r = R::init;
  S s = S::none;
  Shares mine, other;
  bool other_stable = true, takeover = false, needs_failback = false;
  std::vector<std::string> errors;   ///< what 3.0.6 would log as ERROR or WARN

 private:
  void send(std::string_view type, std::vector<std::pair<std::string, std::string>> fields);
  void send_resource(bool stable, std::string_view info = {});
  void request(bool force);
  void acquire(Holding set, NodeId view);
  void release(Holding set);
  void start_groups(bool own);
  void on_resource(bool from_self, const Message& message);
  void on_ask(bool from_self, const Message& message);
  void try_failback();
  void take_over();
  const AutoFailback mode_;
  Instant deadline_ = never, standby_deadline_ = never, failback_at_ = never;
  Holding giving_ = Holding::none;
};

/// The cluster: names, groups, an ordered network and a clock.
class Lab {
 public:
  /// Nodes are named n1, n2, ... ; `groups` are "n1 a b": home and resources.
  Lab(std::size_t nodes, std::vector<std::string> group_lines);

  OurNode& add_ours(std::size_t index, AutoFailback mode = AutoFailback::on,
                    const Inheritance& inheritance = {});
  OldNode& add_old(std::size_t index, AutoFailback mode = AutoFailback::on);

  /// Delivers everything that is on its way, and what follows.
  void run();
  /// Moves the clock, stopping at every deadline.
  void advance(Duration time);
  /// All of them come up, in order, with nothing delivered in between.
  void start_all();
  /// Power off: gone without a word; the others are told.
  void kill(std::size_t index);
  /// The same node again after kill() or a stop, empty-handed.
  OurNode& restart_ours(std::size_t index, AutoFailback mode = AutoFailback::on);
  OldNode& restart_old(std::size_t index, AutoFailback mode = AutoFailback::on);
  /// From here on the two hear nothing of each other, or hear each other again.
  void cut(std::size_t one, std::size_t two);
  /// The same, but neither has noticed yet.
  void lose(std::size_t one, std::size_t two) { lossy_.insert(std::minmax(one, two)); }
  void heal(std::size_t one, std::size_t two);
  /// As from the control FIFO of that node.
  void fifo(std::size_t index, std::vector<std::pair<std::string, std::string>> fields);

  void post(NodeId source, const Message& message);
  [[nodiscard]] NodeStatus status(NodeId from, NodeId of) const;
  [[nodiscard]] LabNode& node(std::size_t index) { return *nodes[index]; }
  [[nodiscard]] OurNode& ours(std::size_t index) {
    return dynamic_cast<OurNode&>(*nodes[index]);
  }
  [[nodiscard]] OldNode& old(std::size_t index) { return dynamic_cast<OldNode&>(*nodes[index]); }
  /// "n1" or "n1 n2" (twice!) or "" (nowhere): where the first resource of a group runs.
  [[nodiscard]] std::string where(std::size_t group) const;
  [[nodiscard]] Config config_of(std::size_t index, AutoFailback mode) const;
  [[nodiscard]] bool is_cut(NodeId one, NodeId two) const;

  Now now{Instant{100s}, WallTime{1'700'000'000s}};
  Config config;                    ///< of n1
  std::vector<Group> groups;
  std::vector<std::unique_ptr<LabNode>> nodes;
  std::vector<bool> alive;
  std::vector<std::string> wire;    ///< "n1 resource local 1 info=standby"
  bool double_seen = false;         ///< some resource ran on two nodes at one time

 private:
  struct Letter {
    NodeId source;
    Message message;
    std::vector<NodeId> to;
  };
  void check_doubles();
  void come_up(std::size_t index);
  std::deque<Letter> letters_;
  std::set<std::pair<std::size_t, std::size_t>> cuts_, lossy_;
  std::uint64_t seq_ = 0;
  friend class OurNode;
};

/// "local 1 info=standby": how the tests name a message.
[[nodiscard]] std::string describe(const Message& message);

}  // namespace hb::test
