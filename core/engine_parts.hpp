// engine_parts: what one engine consists of, shared by the files that implement it
#pragma once

#include "core/engine.hpp"
#include "core/header.hpp"
#include "core/health.hpp"
#include "core/history.hpp"
#include "core/log_text.hpp"
#include "core/membership.hpp"
#include "core/message.hpp"
#include "core/peers.hpp"
#include "core/random.hpp"
#include "core/resources.hpp"
#include "core/resources_io.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hb::core {

/// Class bits of what API clients may ask to see (client-api §2.5).
namespace client_class {
inline constexpr std::uint32_t all = 0x01;         ///< meant for clients
inline constexpr std::uint32_t heartbeat = 0x02;   ///< heartbeats that change nothing
inline constexpr std::uint32_t dropped = 0x04;     ///< for another node
inline constexpr std::uint32_t duplicate = 0x08;   ///< came over another link before
inline constexpr std::uint32_t rexmit = 0x20;      ///< retransmission requests
}  // namespace client_class

/// Everything behind Engine. Five files: engine (life and time), engine_receive (what arrives),
/// engine_send (what leaves), engine_clients (FIFO, API clients, queries, hooks), engine_continuity
/// (going on after a crash).
struct Engine::Parts final : ResourceSink {
  /// An ordered message that waits for earlier numbers of its sender.
  struct Held {
    Seqno seqno;
    Message message;
  };
  /// One configured node, as the protocol sees it; its life is in Membership.
  struct Peer {
    PeerStream stream{0};
    Uuid uuid;
    Seqno acked;                ///< of our numbers, by this node
    Seqno counted_from;         ///< flow control counts from here: what we had sent when it came
    bool flow_control = true;   ///< off for good once a status came without `protocol` (§2)
    bool is_ours = false;       ///< its status says it is a Systole
    bool leaves = false;        ///< it said shutdone: every number is acknowledged at once
    std::uint64_t lost = 0;
    std::uint16_t weight = 100;
    FixedText<40> site;
    std::vector<Held> held;     ///< ascending
    std::string last_frame;     ///< the bytes of the last fresh one, already verified
    Seqno last_frame_seqno;
    Instant doubted{};          ///< the verdict that was told to be near
  };
  struct Client {
    ClientId id;
    std::string name;
    std::uint64_t generation;
  };
  /// Where the local node is in its life (§6.2). `ending`: all released, the peers get the rest.
  enum class Phase : std::uint8_t { hearing, asking, up, ending, gone };

  Parts(EngineSetup given, Now at);

  // ---- life and time (engine.cpp)
  void begin();
  void tell_abandoned(std::string_view key);
  void dispatch_input(const Input& input);
  void check_own_pause();
  void tick(Duration lateness);
  void judge_others();
  void node_died(NodeId node);
  void tell_doubts();
  [[nodiscard]] Instant doubt_at(NodeId node) const;
  void check_start();
  void communication_up();
  void stop_asked();
  void begin_restart();
  void check_end();
  void finish_step();
  void finish_messages();
  void refresh_snapshot();
  void persist_peers();
  void restore_peers(std::string_view text);
  [[nodiscard]] Instant next_deadline() const;

  // ---- after a crash (engine_continuity.cpp)
  void save(Continuity& into) const;
  void remember(const Continuity& memory);
  void go_on();

  // ---- what arrives (engine_receive.cpp)
  void receive(const FrameArrived& frame);
  [[nodiscard]] bool receive_copy(const FrameArrived& frame);
  void receive_ping(const Header& header, NodeId node, const FrameArrived& frame);
  void receive_own(const Header& header, const FrameArrived& frame);
  void receive_unsequenced(const Header& header, NodeId node, const FrameArrived& frame);
  void receive_sequenced(const Header& header, NodeId node, const FrameArrived& frame);
  [[nodiscard]] bool accept_uuid(const Header& header, NodeId node);
  void yield_to_clone(NodeId node);
  void report(const Judgement& judgement, const Header& header, NodeId node);
  void receive_status(const Header& header, NodeId node, Instant rx_time, bool restarted);
  void node_returned(NodeId node, ReturnKind kind, bool was_dead);
  void heard_on(NodeId node, LinkId link, Instant rx_time);
  void dispatch(const Message& message, const Header& header, NodeId node);
  void hold(const Message& message, Seqno seqno, NodeId node);
  void deliver(const Message& message, NodeId node);
  void release_held(NodeId node);
  void on_reqnodes(NodeId node);
  void on_ack(const Header& header, NodeId node);
  void on_rexmit(NodeId node);
  void on_nak(const Header& header, NodeId node);
  [[nodiscard]] bool is_for_us(const Header& header) const;
  [[nodiscard]] std::optional<NodeId> node_named(std::string_view name) const;

  // ---- what leaves (engine_send.cpp)
  enum class Loop : std::uint8_t { back, not_back };
  void transmit(Message& message, NodeId dest = no_node, Loop loop = Loop::back);
  void transmit_unsequenced(Message& message, NodeId dest);
  void send_frame(const Message& message, Bytes frame);
  void send_frame_again(Bytes frame);
  [[nodiscard]] bool encode(Message& message, std::string& out);
  void send_status();
  void ask_ping_nodes();
  void send_ack(NodeId node, Seqno seqno);
  void send_nak(NodeId node, Seqno seqno, std::string_view info);
  void ask_again();
  void loop_back();
  void update_flow();
  /// The highest number that every live node has, as far as it said so (§5.4).
  [[nodiscard]] Seqno acknowledged() const;
  [[nodiscard]] Stamp stamp(NodeId dest) const;

  // ---- FIFO, API clients, queries, hooks (engine_clients.cpp)
  void from_fifo(const FifoMessage& input);
  void on_order(const Message& message);
  void on_witness(const Message& message);
  void from_client(const ClientMessage& input);
  void client_joined(const ClientJoined& input);
  void client_left(const ClientLeft& input);
  void announce_client(std::string_view state, const Client& client, std::string_view info);
  void on_client_query(const ClientQuery& input);
  void on_query_cstatus(const Message& message, NodeId node);
  void route(Message& message);
  void on_node_property(const Message& message);
  void to_clients(std::uint32_t classes, const Message& message);
  void tell_node_dead(NodeId node);
  void tell_link(NodeId node, LinkId link, std::string_view state);
  void run_hook(const Message& message);

  // ---- for Resources
  void send(Message& message, NodeId dest) override { transmit(message, dest); }
  Outputs& outputs() override { return outputs_; }
  Ticket next_ticket() override { return Ticket{++last_ticket_}; }
  void log(LogLevel level, std::string_view text) override {
    outputs_.add(Log{level, outputs_.keep(text)});
  }
  void changed() override { publish_ = true; }
  [[nodiscard]] NodeStatus status(NodeId node) const override { return membership_.status(node); }
  [[nodiscard]] bool is_ours(NodeId node) const override { return peers_[node.value].is_ours; }
  [[nodiscard]] bool peers_are_ours() const override;
  void stopped() override;
  void begin_anew() override;
  void tell_resources(const ResourceEvent& event);
  /// From the beginning of a restart on the resources stay as they are, for the next image.
  [[nodiscard]] bool is_frozen() const { return exit_reason_ == ExitReason::resume; }

  // ---- small helpers
  template <class... Args>
  void logf(LogLevel level, std::string_view format, const Args&... args) {
    line_.clear();
    fmt::vformat_to(std::back_inserter(line_), format, fmt::make_format_args(args...));
    log(level, {line_.data(), line_.size()});
  }
  /// Counts a fault that others can cause at any rate, and logs it at most every ten seconds.
  template <class... Args>
  void complain(Counter kind, LogLevel level, std::string_view format, const Args&... args) {
    counters_.add(kind);
    Instant& quiet_until = quiet_until_[static_cast<std::size_t>(kind)];
    if (now_.instant < quiet_until) return;
    quiet_until = now_.instant + complaint_pause;
    logf(level, format, args...);
  }
  static constexpr Duration complaint_pause = std::chrono::seconds{10};
  [[nodiscard]] const std::string& name(NodeId node) const {
    return config_.nodes[node.value].name;
  }
  [[nodiscard]] Peer& peer(NodeId node) { return peers_[node.value]; }
  [[nodiscard]] bool is_up() const { return phase_ == Phase::up || phase_ == Phase::ending; }
  [[nodiscard]] bool is_live(NodeId node) const {
    return status(node) == NodeStatus::up || status(node) == NodeStatus::active;
  }
  /// Calls act(NodeId) for every normal node but ourselves.
  template <class Act>
  void each_other(Act act) const {
    for (std::size_t i = 0; i < config_.nodes.size(); ++i) {
      const NodeId node{static_cast<std::uint16_t>(i)};
      if (node != self_ && config_.nodes[i].type == NodeType::normal) act(node);
    }
  }

  const Config config_;
  const std::vector<Group> groups_;
  KeyRing keys_;
  const Identity identity_;
  const Inheritance inheritance_;
  const std::vector<std::string> hooks_;
  const NodeId self_;
  const Instant born_;
  std::uint64_t cluster_links_ = 0;  ///< media that carry netstring frames: UDP
  std::uint64_t serial_links_ = 0;   ///< media that carry text frames (wire-protocol §1.1)
  std::vector<LinkId> link_of_medium_;  ///< the first medium of that link name (§4)

  Now now_;
  Random random_;
  Membership membership_;
  History history_;
  Health health_;
  Counters counters_;
  std::vector<Peer> peers_;
  std::vector<Client> clients_;
  std::optional<Resources> resources_;
  std::string saved_peers_;

  bool yields_to_clone_ = false;  ///< we leave, since another node has our uuid
  Phase phase_ = Phase::hearing;
  ExitReason exit_reason_ = ExitReason::stopped;
  Instant next_beat_, next_publish_, persist_at_ = never;
  Instant ask_nodes_at_ = never;        ///< the next reqnodes
  Instant linger_until_ = never;        ///< ending: the latest moment of our exit
  Seqno last_word_{};                   ///< ending: peers should have everything up to this
  Instant last_status_at_{};
  bool stop_asked_ = false;
  bool muted_ = false;                  ///< nothing more is sent in this generation
  bool restart_asked_ = false;          ///< to be begun as soon as nothing moves
  bool hurry_ = false;                  ///< somebody new is here: send a status in this step
  bool publish_ = false;
  bool paused_ = false;
  std::uint32_t wanted_classes_ = client_class::all;
  std::uint64_t next_client_generation_ = 0;
  std::uint64_t last_ticket_ = 0, last_hook_ = 0;

  Message incoming_, outgoing_, scratch_, text_message_;
  std::vector<Message> looped_;         ///< own messages that are still to be processed
  std::size_t looped_count_ = 0;
  std::vector<PeerStream::Range> ranges_;
  std::string encoded_, body_, text_frame_;
  fmt::memory_buffer line_;
  std::array<Instant, counter_count> quiet_until_{};
  Outputs outputs_;
  Snapshot snapshot_;
};

}  // namespace hb::core
