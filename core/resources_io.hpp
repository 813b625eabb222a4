// resources_io: what the engine tells the resource logic, and what that may ask of the engine
#pragma once

#include "core/engine_io.hpp"
#include "core/message.hpp"
#include "core/snapshot.hpp"
#include "core/types.hpp"

#include <string_view>
#include <variant>

namespace hb::core {

// ---- Events: the engine calls Resources::handle(now, event, sink), one at a time, never from
// within a call of the sink. Views live until handle() returns. Everything reported as a fact of
// the cluster (status, acceptance, duplicates, addressing) has been judged by the engine already.

/// The local status became active: from now on messages are seen (wire-protocol §6.2). Emitted
/// once in a life; also at once at the start of a master that continues (Inheritance::continues).
/// Before it only StopAsked, NodeDoubtful and what the runner says come. Right after it comes one
/// NodeDied for each node that is dead already (cold start alone: heard is false).
struct CommunicationReached {};

/// A sequenced message of one of the resource types, in order of the sender's numbers (one that
/// overtook a lost one waits for it, at most 32 of a node do), **own ones included**
/// (looped back; also those that came from the FIFO or a client). Types: starting, resource,
/// ask_resources, ip-request, ip-request-resp, hb_takeover, shutdone. Not seen before
/// CommunicationReached. Only messages that are for us (dest, destuuid) or for everybody.
struct ResourceMessage {
  NodeId source;
  const Message* message;
};

/// A normal node was declared dead (never a ping node, never ourselves). `heard`: false if it was
/// silent since our start (cold start alone). Resources sends the `stonith` notice itself, since it
/// alone knows whether the node had given up everything (wire-protocol §7.5).
struct NodeDied {
  NodeId node;
  bool heard;
};

/// A normal node has been silent for nearly its dead time (conflict_limits::lead before the
/// verdict). Comes also before CommunicationReached.
struct NodeDoubtful {
  NodeId node;
};

/// A normal node that was dead, or restarted, is here (again).
enum class ReturnKind : std::uint8_t {
  first,      ///< heard for the first time in our life
  restart,    ///< a new generation: it comes empty-handed, a `starting` will follow
  /// It ran on while we held it for dead (or it was `active` when we first heard it after that):
  /// both may hold the same groups now. A 3.0.6 node restarts by itself if, and only if, it had
  /// declared *us* dead too; then its `resource info=shutdown` comes within about 2.5 s. If nothing
  /// comes, it never noticed, and what we took from it is owned twice until one side gives way.
  partition,
};
struct NodeReturned {
  NodeId node;
  ReturnKind kind;
  bool was_dead;
};

/// Status of a live normal node changed (init, up, active); after NodeReturned where both apply.
struct NodeStatusChanged {
  NodeId node;
  NodeStatus status;
};

/// For a dead time or longer nothing of ours was sent (a pause, a suspended machine): the others
/// may have declared us dead and taken what we hold. Comes before anything that arrived meanwhile.
struct WasAway {
  enum class Consequence : std::uint8_t {
    ask_peers,    ///< all live nodes are ours: they are asked, and what they took is released
    /// A 3.0.6 node restarts when a node that it held for dead sends on in its old generation
    /// (resources §7.9): nothing is sent any more, all is released, then sink.begin_anew().
    begin_anew,
  };
  Consequence consequence;
};

/// The witness program's news: this node has had the witness since then, and has it until then.
struct WitnessTold {
  Instant since, until;
};

/// next_deadline() of Resources was reached (may also come early; never rely on that).
struct TimePassed {};

/// SIGTERM. Resources releases all, sends shutdone, then calls sink.stopped(). May come before
/// CommunicationReached: then only what is inherited needs releasing.
struct StopAsked {};

/// ActionDone, RunnerReady, AddressLost, ServicePathsSeen and AddressAnswered are passed on as they
/// come; hooks' tickets are not.
using ResourceEvent =
    std::variant<CommunicationReached, ResourceMessage, NodeDied, NodeReturned, NodeStatusChanged,
                 ActionDone, RunnerReady, AddressLost, ServicePathsSeen, AddressAnswered,
                 NodeDoubtful, WasAway, WitnessTold, TimePassed, StopAsked>;

// ---- Sink: the engine, as seen from Resources.

class ResourceSink {
 public:
  virtual ~ResourceSink() = default;

  /// Sends to the whole cluster (to one node if `dest` is given: adds dest and destuuid). `message`
  /// holds `t` and own fields only; the engine adds the header. It leaves in this order, and comes
  /// back as a ResourceMessage of our own **after** the present handle() has returned.
  virtual void send(Message& message, NodeId dest = no_node) = 0;

  /// For RunAction, KillAction. Not for Send, Exit, Log, Publish.
  virtual Outputs& outputs() = 0;
  /// Unique in the life of this master.
  virtual Ticket next_ticket() = 0;

  /// `text` is copied.
  virtual void log(LogLevel level, std::string_view text) = 0;

  /// The snapshot is to be published at the end of the step (fill() is called then).
  virtual void changed() = 0;

  [[nodiscard]] virtual NodeStatus status(NodeId node) const = 0;
  /// The highest class of peer: true if this node is a Systole (it says so in its status).
  [[nodiscard]] virtual bool is_ours(NodeId node) const = 0;
  /// True if every normal node that is neither dead nor ourselves has been heard and is ours; true
  /// also when we are alone. The fixed waits of 3.0.6 (10 s) are not needed then.
  [[nodiscard]] virtual bool peers_are_ours() const = 0;

  /// Everything is released (answer to StopAsked): the engine lingers until the peers have what we
  /// sent last, then emits Exit{stopped}.
  virtual void stopped() = 0;
  /// Everything is released after WasAway: the engine emits Exit{restart}, for a new generation.
  virtual void begin_anew() = 0;
};

// Resources itself (core/resources.hpp) offers to the engine:
//   Resources(const Config&, const std::vector<Group>&, const Inheritance&);
//   void handle(Now now, const ResourceEvent& event, ResourceSink& sink);
//   Instant next_deadline() const;
//   void fill(Snapshot&) const;   // holding, group_count, groups, nodes[].holding; nothing else
// The engine constructs it only if Config::manages_resources.

}  // namespace hb::core
