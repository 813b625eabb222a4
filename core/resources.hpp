// resources: who holds which group: takeover, release, standby, failback and shutdown
#pragma once

#include "core/address_conflict.hpp"
#include "core/continuity.hpp"
#include "core/engine.hpp"
#include "core/fencing.hpp"
#include "core/groups.hpp"
#include "core/placement.hpp"
#include "core/resources_io.hpp"
#include "core/service_path.hpp"
#include "core/standby.hpp"
#include "core/witness.hpp"

#include <deque>
#include <fmt/core.h>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hb::core {

namespace resource_limits {
/// habit: a node that is silent about its resources is waited for this long (§7.2, §9).
inline constexpr Duration announcement_patience = std::chrono::seconds{10};
}  // namespace resource_limits

/// Decides for every group whether it runs here, and says so to the cluster.
///
/// Ownership is booked for each group: it may run here from the moment its first script is started
/// until its last stop is through, and that is what peers are told (W2: 3.0.6 tells its intention).
/// One rule does all takeovers (cold start, death, shutdown, failed start): a group that no node
/// claims is started by its Placement::taker among the nodes that take part, are not leaving, and
/// have not failed to start it. Every node computes the same, so exactly one starts it (W6).
///
/// Planned moves (standby, hb_takeover, failback on) go by the ask_resources exchange, failback in
/// legacy mode by ip-request. With a 3.0.6 peer this is wire-protocol §7, for two nodes. Between
/// Systoles the same messages carry more fields, which 3.0.6 ignores:
///   resource, starting: `sys_held`   EPOCH:KEY, blank separated: groups that may run here
///                       `sys_moving` KEY: released here, on their way to the taker of our standby
///                       `sys_failed` KEY: would not start here
///                       `sys_nopath` KEY: this node's way to their users does not work
///                       `sys_unknown` KEY: of the held ones, a stop did not go through
///                       `sys_blocked` KEY: not started here until people clear it
///                       `sys_stays`  KEY: failed here, and nobody else may take it
///                       `sys_upkeep` NUMBER:on|off: maintenance of the whole cluster; highest wins
///                       `sys_ask`    1: please answer with a `resource`
///                       `sys_to`, `sys_from`  the partner of a move that we are giving, taking
///                       `sys_yield`  KEY: held, but given up to whoever has it as well
///                       `sys_witness` 1: has the witness
///                       `sys_silent` NODE, blank separated: not heard by the sender (with a
///                       witness: one of them that hears us is silent all the same)
///                       `sys_doubt`  NUMBER: please answer with a `resource` that has
///                       `sys_answer` NUMBER and `sys_answered` the asking node
///   ask_resources:      `sys_to`     the node that is meant; `sys_groups` KEY: exactly these
/// An epoch counts the takeovers of a group. If two connected nodes hold the same group (a healed
/// partition), the one with the higher epoch took over last and releases; at a tie the higher name.
/// One that is only starting gives way to one that runs; two that are starting both let go.
///
/// A failed start is tried once more, then the group is stopped, marked failed and left to the next
/// node (with a 3.0.6 peer: by a standby of its set, once). If it failed everywhere, the first node
/// in line tries again every 30 s: it is never silently nowhere (W1). GroupPolicy sets the numbers
/// and may forbid the move, or end the tries until people have cleared the failure.
///
/// A group that would not stop is never announced as released. If its node dies in that state, it
/// is started nowhere until fencing, people (cleanup) or the node itself say that it runs no more.
///
/// In maintenance nothing is started, moved or monitored; what is under way comes to its end.
class Resources {
 public:
  /// The arguments are kept by reference.
  Resources(const Config& config, const std::vector<Group>& groups,
            const Inheritance& inheritance);

  void handle(Now now, const ResourceEvent& event, ResourceSink& sink);
  [[nodiscard]] Instant next_deadline() const { return deadline_; }
  /// holding, group_count, groups and the nodes' holdings; nothing else.
  void fill(Snapshot& snapshot) const;

  /// Its part of what outlives a crash: the head's fields from standby_deadline on, of each node
  /// what it told, and all of each group.
  void save(Continuity& into) const;

  /// What we are said to hold, or transition (cl_status rscstatus; wire-protocol §7.1).
  [[nodiscard]] Holding status() const;
  [[nodiscard]] StandbyState standby_state() const { return standby_.state; }
  /// No script runs, and nothing is on its way from or to this node.
  [[nodiscard]] bool is_at_rest() const;
  /// Keys of the groups that may run here, blank separated.
  [[nodiscard]] std::string running_keys() const { return key_list(held()); }

 private:
  /// R of wire-protocol §7.1; starting is STARTING, BOTHSTARTING and RSCRCVD.
  enum class Phase : std::uint8_t { silent, starting, stable, releasing, released };

  /// What another normal node told us.
  struct Peer {
    bool announced = false;  ///< its holdings are known since it came
    bool stable = true;      ///< habit: until it says otherwise
    bool leaving = false;    ///< it shuts down
    bool gone = false;       ///< dead, or it has released everything (shutdone)
    Holding booked = Holding::none;
    GroupSet held, moving, failed;
    GroupSet no_path;        ///< its way to their users does not work
    GroupSet unknown;        ///< of the held ones: a stop did not go through
    GroupSet blocked, stays; ///< not started there; nor anywhere else
    std::vector<std::uint64_t> epochs;  ///< of what is held, by GroupId; empty from 3.0.6
    GroupSet before_death;
    GroupSet conflicts;      ///< held by both of us, and told
    GroupSet yields;         ///< of its held ones: it gives way to everybody (it had been paused)
    NodeId gives_to = no_node, takes_from = no_node;  ///< of the move that it is in
    Instant silent_since = never;  ///< dead, without a goodbye
    bool has_witness = false;      ///< as it says
    bool hears_us_not = false;     ///< as it says: silent is then both of us
    Instant patience{};      ///< until then a silent one is waited for
    Instant ask_again = never;
    Instant heal_by = never; ///< it came back from a partition: it gives up until then, or we do
    Generation generation{};
    Seqno last{};            ///< of what it announced
  };

  /// What was merely found running gives way to everybody.
  static constexpr std::uint64_t leftover_epoch = (std::uint64_t{1} << 62) - 1;
  /// Added to the epoch of a group that is starting.
  static constexpr std::uint64_t starting_mark = std::uint64_t{1} << 60;

  /// Whether maintenance is on; each change of it anywhere has a number of its own.
  struct Upkeep {
    std::uint64_t epoch = 0;
    bool on = false;
    bool operator==(const Upkeep&) const = default;
  };
  /// What is above could overflow ours.
  static constexpr std::uint64_t highest_upkeep = (std::uint64_t{1} << 60) - 1;
  /// The last order of people that had a number, and what became of it.
  struct Order {
    std::uint64_t number = 0;
    OrderResult result = OrderResult::none;
    std::string text;
  };

  struct Announcement {
    Holding booked{};
    bool stable = false;
    bool leaving = false;
    bool has_witness = false;
    NodeSet silent;          ///< with a witness: whom we do not hear; they may hear us
    GroupSet held, moving, failed, starting, yields, no_path;
    GroupSet unknown, blocked, stays;
    Upkeep upkeep;
    NodeId gives_to = no_node, takes_from = no_node;
    bool operator==(const Announcement&) const = default;
  };

  /// What we know of one group beside its scripts.
  struct Book {
    std::uint64_t epoch = 0;       ///< of our own takeover
    std::uint64_t highest = 0;     ///< seen anywhere
    bool failback_due = false;     ///< taken because its home was gone
    bool failed = false;           ///< would not start here
    bool handed_over = false;      ///< given to a 3.0.6 peer because it failed here
    bool contested = false;        ///< somebody else announced it too, and will release it
    bool leftover = false;         ///< found running when we came
    bool blocked = false;          ///< failed too often here, or is to stay failed
    NodeId withheld_by = no_node;  ///< a dead node that may still run it
    std::uint32_t losses = 0;      ///< how often it was given up here because it failed
    Instant lost_at{};
    Instant retry_at{};            ///< a failed one may be tried again
    Instant pull_again = never;    ///< legacy: asked for by ip-request
    NodeId wanted_by = no_node;    ///< legacy: to be released for that node's ip-request
  };

  /// What runs here after we had not run for a while (resources_pause.cpp).
  struct Doubt {
    GroupSet groups;           ///< may have been taken by another node
    NodeSet awaited;           ///< nodes that could have, and have not answered
    std::uint64_t number = 0;  ///< of the question; 0: there is none
    Instant until = never;     ///< then everything in doubt is released
  };

  // events (resources.cpp)
  void on(const CommunicationReached&);
  void on(const ResourceMessage& event);
  void on(const NodeDied& event);
  void on(const NodeReturned& event);
  void on(const NodeStatusChanged&) {}
  void on(const ActionDone& event);
  void on(const RunnerReady& event);
  void on(const AddressLost& event);
  void on(const WasAway& event);
  void on(const ServicePathsSeen& event);
  void on(const AddressAnswered& event);
  void on(const NodeDoubtful& event);
  void on(const WitnessTold& event);
  void on(const TimePassed&) {}
  void on(const StopAsked&);

  // decisions: settle, start and release in resources.cpp, gone nodes in resources_takeover.cpp,
  // questions in resources_view.cpp
  void settle();
  void settle_once();
  void on_outcome(const GroupOutcome& outcome);
  void try_stable();
  void become_stable();
  void take_orphans();
  void take(GroupId group);
  void close_takeover();
  void peer_is_gone(NodeId node);
  void check_peers();
  [[nodiscard]] bool may_release() const;
  void begin_release();
  void finish_release();
  void look_around();

  // after a pause (resources_pause.cpp)
  void on_confirmation(NodeId node, const Message& message);
  void check_doubt();
  void end_doubt();

  // the service network: its interfaces, and who answers there (resources_path.cpp)
  void judge_paths();
  void plan_path_moves();
  void offer_path_move(const GroupSet& lame, NodeId node);
  [[nodiscard]] bool may_take_over_path(NodeId node, GroupId group) const;
  [[nodiscard]] GroupSet no_path(NodeId node) const;
  [[nodiscard]] GroupSet unaccounted(NodeId suspect) const;
  void ask_who_has(const GroupSet& groups);
  void judge_answers(const GroupSet& groups, std::string_view owner);
  void follow_conflicts(const GroupSet& claimed);
  void save_path(GroupId group, Continuity::Group& row) const;
  void remember_path(GroupId group, const Continuity::Group& row, Instant saved_at);
  // while nodes are silent (resources_witness.cpp)
  /// A node that did not say goodbye may hold anything, wherever it is.
  template <class Act>
  void each_silent(Act act) const {
    for (const NodeId node : placement_.nodes()) {
      if (node != self_ && peer(node).silent_since != never) act(node);
    }
  }
  [[nodiscard]] Duration silent_pause() const;
  [[nodiscard]] std::string names_of(const NodeSet& nodes) const;
  [[nodiscard]] bool is_forbidden_to_take();
  void read_silent(NodeId node, const Message& message);
  void check_witness();
  [[nodiscard]] Instant witness_deadline() const;

  // fencing (resources_fencing.cpp)
  [[nodiscard]] bool begin_fencing(NodeId node);
  void fenced(NodeId node);
  void cancel_fencing(NodeId node);
  [[nodiscard]] bool on_fence_end(const ActionDone& event);
  void on_stonith(NodeId source, const Message& message);
  void on_fenced_order(const Message& order);
  void warn_of_partitions();

  // what fails, maintenance, orders of people (resources_faults.cpp)
  void lost(GroupId group);
  [[nodiscard]] bool stays_failed(GroupId group) const;
  [[nodiscard]] bool is_blocked(NodeId node, GroupId group) const;
  void withhold(NodeId node, const GroupSet& groups);
  void release_withheld(NodeId node);
  void set_maintenance(bool on, std::uint64_t epoch);
  void read_upkeep(std::string_view said);
  void read_faults(Peer& who, NodeId node, const Message& message);
  void add_faults(Message& message, const Announcement& present) const;
  void announce_faults(Announcement& present) const;
  void fill_faults(Snapshot& snapshot) const;
  void note_order(const Message& order, OrderResult result, std::string_view text);
  void on_cleanup(const Message& order);
  void on_maintenance(const Message& order);
  void on_own_ask(Holding set, const Message& order);
  void on_own_takeover(const Message& order);
  void save_faults(Continuity& into) const;
  void remember_faults(const Continuity& memory, const ContinuityMap& map);
  void inherit_faults(const Continuity& past);

  // after a crash (resources_continuity.cpp)
  void remember(const Continuity& memory);
  void remember_peer(const Continuity::Node& row, Peer& who) const;
  void remember_book(const Continuity::Group& row, const ContinuityMap& map, Book& entry) const;
  void go_on();
  [[nodiscard]] bool is_live(NodeId node) const { return live_.test(node.value); }
  [[nodiscard]] bool is_ours(NodeId node) const { return ours_.test(node.value); }
  [[nodiscard]] bool takes_part(NodeId node) const;
  [[nodiscard]] bool is_awaited(NodeId node) const;
  [[nodiscard]] bool is_alone() const;
  [[nodiscard]] GroupSet claims(NodeId node) const;
  [[nodiscard]] GroupSet held() const;
  [[nodiscard]] bool any_busy() const;
  [[nodiscard]] NodeId only_peer() const;
  void update_deadline();

  // the wire (resources_wire.cpp)
  void on_starting(NodeId node, const Message& message);
  void on_resource(NodeId node, const Message& message);
  void on_shutdone(NodeId node);
  void on_hb_takeover(NodeId node, const Message& message);
  void read_holdings(Peer& peer, NodeId node, const Message& message);
  [[nodiscard]] bool is_stale(Peer& peer, const Message& message) const;
  void check_conflicts(NodeId node);
  void check_partner(NodeId node);
  void announce(std::string_view info = {}, bool ask = false);
  void answer(NodeId node, std::uint64_t number);
  void tell(Message& message, const Announcement& present);
  [[nodiscard]] Message present_view(const Announcement& present, std::string_view info) const;
  void announce_changes();
  void ask_silent_peers();
  void send_starting();
  void send_shutdone();
  void send_mach_down();
  void send_stonith(NodeId node, std::string_view result);
  void add_holdings(Message& message, const Announcement& now_held) const;
  [[nodiscard]] Announcement announcement() const;
  [[nodiscard]] Holding booking() const;
  [[nodiscard]] GroupSet parse_keys(std::string_view list) const;
  [[nodiscard]] std::string key_list(const GroupSet& groups) const;

  // planned moves (resources_standby.cpp)
  void on_ask_resources(NodeId node, const Message& message);
  void asked_here(NodeId asker, Holding set, const Message& message);
  void granting(NodeId node, Holding set, const Message& message);
  void giving();
  void taking(const Message& message);
  void finish_giving();
  void finish_taking();
  void release_done();
  void progress_standby();
  void cancel_standby();
  void partner_lost(NodeId node);
  [[nodiscard]] bool is_outdated(NodeId node, const Message& message);
  void next_move();
  void plan_failback();
  void plan_standby(Holding set);
  void ask(const Move& move);
  void plan_hand_over();
  void add_move(const Move& move);
  void send_ask(std::string_view info, NodeId to);
  [[nodiscard]] GroupSet set_of(Holding set, NodeId giver) const;

  // legacy failback (resources_legacy.cpp)
  void pull(GroupId group);
  void pull_own();
  void plan_pulls();
  void on_ip_request(NodeId node, const Message& message);
  void on_ip_request_resp(NodeId node, const Message& message);
  void answer_ip_request(GroupId group, std::string_view owned);
  [[nodiscard]] bool is_legacy() const { return config_.auto_failback == AutoFailback::legacy; }
  /// Legacy with a 3.0.6 peer: no starting, resource or ask_resources messages at all.
  [[nodiscard]] bool is_plain_legacy() const { return is_legacy() && !all_ours_; }

  [[nodiscard]] std::optional<GroupId> group_of(std::string_view key) const;
  [[nodiscard]] const std::string& key(GroupId group) const { return groups_[group.value].key(); }
  [[nodiscard]] const std::string& name(NodeId node) const {
    return config_.nodes[node.value].name;
  }
  [[nodiscard]] Peer& peer(NodeId node) { return peers_[node.value]; }
  [[nodiscard]] const Peer& peer(NodeId node) const { return peers_[node.value]; }
  [[nodiscard]] Book& book(GroupId group) { return books_[group.value]; }
  [[nodiscard]] const Book& book(GroupId group) const { return books_[group.value]; }
  [[nodiscard]] std::uint64_t epoch(GroupId group) const;
  [[nodiscard]] NodeId home(GroupId group) const { return groups_[group.value].home; }
  template <class... Args>
  void log(LogLevel level, fmt::format_string<Args...> text, Args&&... args) {
    last_line_ = fmt::format(text, std::forward<Args>(args)...);
    sink_->log(level, last_line_);
  }
  /// Calls act(GroupId) for each group of the set.
  template <class Act>
  void each(const GroupSet& set, Act act) const {
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      if (set.test(i)) act(GroupId{static_cast<std::uint16_t>(i)});
    }
  }

  const Config& config_;
  const std::vector<Group>& groups_;
  const NodeId self_;
  const bool keeps_holdings_;
  Placement placement_;
  Groups runs_;
  std::vector<Peer> peers_;
  std::vector<Book> books_;
  GroupSet local_, foreign_;
  ServicePaths paths_;
  AddressConflicts conflicts_;

  Phase phase_ = Phase::silent;
  Shares duty_;                    ///< what we are responsible for, also where no group is
  Standby standby_;
  std::deque<Move> moves_;
  Instant failback_at_{};
  Doubt doubt_;
  Witness witness_;
  Fencing fencing_;
  bool told_forbidden_ = false;
  bool anew_ = false;              ///< after the release a new generation begins
  Upkeep upkeep_;
  Order order_;
  std::string last_line_;          ///< logged last: what who gave an order is told
  bool stop_asked_ = false;
  bool goes_on_ = false;           ///< remembers the life of a master that crashed
  bool was_heard_ = false;         ///< communication was reached: the peers count on us
  Instant stop_by_ = never;
  NodeSet taking_from_;            ///< gone nodes whose groups we are starting
  bool took_ = false;
  bool acquiring_own_ = false;
  bool needs_failback_ = false;
  std::optional<Announcement> announced_;
  Instant echo_at_ = never;
  Instant deadline_ = never;

  // of the present handle()
  NodeSet live_, ours_;            ///< other normal nodes
  bool all_ours_ = true;
  Now now_{};
  ResourceSink* sink_ = nullptr;
};

}  // namespace hb::core
