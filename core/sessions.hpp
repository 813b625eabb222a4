// sessions: client API sign-on, filters, queries, replies
#pragma once

#include "core/engine_io.hpp"
#include "core/queries.hpp"
#include "core/snapshot.hpp"
#include "core/types.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hb::core {

/// Who is at the other end of a connection, as the kernel says (SO_PEERCRED; client-api §1.1).
struct ApiPeer {
  std::uint32_t pid = 0, uid = 0, gid = 0;
};

/// Class bits of messages and masks of clients (client-api §2.5).
namespace api_class {
inline constexpr std::uint32_t ordinary = 0x01;
inline constexpr std::uint32_t requests = 0x10;   ///< API requests of all clients
inline constexpr std::uint32_t debugging = 0x3e;  ///< every bit that needs a privileged client
inline constexpr std::uint32_t all = 0x3f;
}  // namespace api_class

// ---- what the owner of the sockets is told to do, in this order ----

/// Replies are bounded by the requests that we read; what comes unasked is bounded by the queue.
enum class Delivery : std::uint8_t { reply, unasked };
/// Queue this body for a client, framed by the caller.
struct ClientDeliver {
  ClientId client;
  std::string body;
  Delivery kind = Delivery::unasked;
};
/// Send what is queued, as far as it goes without waiting, then close. The session is gone.
struct ClientClose {
  ClientId client;
};
/// A body that receive() did not take may be offered again.
struct ClientResume {
  ClientId client;
};
/// `set_sendqlen`: room for so many messages to this client.
struct ClientQueueRoom {
  ClientId client;
  std::size_t messages;
};
/// `setsignal`: sent to the client's process after each message; 0 = none.
struct ClientSignal {
  ClientId client;
  int signal;
};
/// A named client signs on; its reply waits for announced().
struct NamedJoin {
  ClientId client;
  std::string name;
  ApiPeer peer;
};
struct NamedLeave {
  ClientId client;
  std::string name, info;
};
/// A message of a named client for the cluster, as it came.
struct ForCluster {
  ClientId client;
  std::string body;
};
/// A request that only the engine can answer, made anew from what matters of it: `t`, `reqtype` =
/// clientstatus, `from_id` = the asking client's id, `node` as ha.cf has it, `cn`.
struct ForEngine {
  ClientId client;
  std::string body;
};
/// A line for the log.
struct SessionNote {
  LogLevel level;
  std::string text;
};
using SessionOutput = std::variant<ClientDeliver, ClientClose, ClientResume, ClientQueueRoom,
                                   ClientSignal, NamedJoin, NamedLeave, ForCluster, ForEngine,
                                   SessionNote>;
using SessionOutputs = std::vector<SessionOutput>;

/// Counted since start; a healthy node has only sign-ons.
struct SessionCounters {
  std::uint64_t signed_on = 0, refused = 0, malformed = 0, ignored = 0, casual_messages = 0;
};

/// The server side of client-api §2: pure, so that it can be tested and fuzzed without a socket.
/// Everything a client sends is hostile; what is wrong is answered, ignored or ends that client.
class Sessions {
 public:
  /// Does a process of this number exist? Null = assume yes.
  using ProcessExists = bool (*)(std::uint32_t pid);

  /// `own_uid` may set debugging filters, as root may.
  Sessions(ProcessExists exists, std::uint32_t own_uid) : exists_(exists), own_uid_(own_uid) {}

  /// Start and reload. Signed-on clients stay.
  void configure(ApiConfig config) { config_ = std::move(config); }
  [[nodiscard]] const ApiConfig& config() const { return config_; }

  /// A connection was accepted. `client` was never used before (ENSURE).
  void opened(ClientId client, ApiPeer peer);

  /// `hold`: not taken, because the client's sign-on is on its way or flow control pauses its
  /// messages; stop reading it and offer the same body again after ClientResume.
  enum class Taken : std::uint8_t { yes, hold };
  /// One body of one frame. `snapshot` must not be older than any event() delivered before.
  [[nodiscard]] Taken receive(ClientId client, Bytes body, const Snapshot& snapshot,
                              SessionOutputs& out);

  /// The connection is gone; `info` is EOF, died, noinput … (client-api §2.5). Nothing if the
  /// session ended before. A client that its owner drops is told by no ClientClose.
  void closed(ClientId client, std::string_view info, SessionOutputs& out);

  /// A cluster message for all clients whose mask has one of `classes`, or only for the one whose
  /// id is `to_id` (client-api §2.5). `body` is in API form.
  void event(std::uint32_t classes, std::string_view to_id, Bytes body, SessionOutputs& out);

  /// An answer of the engine; dropped if the client has gone.
  void reply(ClientId client, Bytes body, SessionOutputs& out);

  /// The join of a named client is on its way through the cluster: answer its sign-on.
  void announced(ClientId client, std::uint64_t generation, SessionOutputs& out);

  /// Flow control (wire-protocol §5.4): while paused, messages for the cluster are held back;
  /// queries are answered as ever.
  enum class Flow : std::uint8_t { running, paused };
  void flow(Flow flow, SessionOutputs& out);

  /// The id a client signed on with; "" if it did not.
  [[nodiscard]] std::string_view id_of(ClientId client) const;
  [[nodiscard]] bool is_signed_on(ClientId client) const;
  /// Every class that some signed-on client's filter asks for.
  [[nodiscard]] std::uint32_t wanted_classes() const;
  [[nodiscard]] std::size_t size() const { return sessions_.size(); }
  [[nodiscard]] const SessionCounters& counters() const { return counters_; }

 private:
  enum class State : std::uint8_t { connected, announcing, signed_on };
  struct Session {
    ApiPeer peer;
    State state = State::connected;
    bool casual = true;
    bool held = false;
    std::string id;
    std::uint32_t mask = api_class::ordinary;
    std::uint32_t malformed_in_row = 0;
    std::uint64_t generation = 0;
  };
  using Table = std::map<ClientId, Session>;
  struct Turn;  // one received message and what it leads to

  void sign_on(Turn& turn);
  void sign_off(Turn& turn);
  void request(Turn& turn);
  void set_filter(Turn& turn);
  void set_signal(Turn& turn);
  void client_status(Turn& turn);
  void cluster_message(Turn& turn, Bytes body);
  void malformed(Turn& turn);
  void end(Turn& turn, std::string_view info);
  void copy_request(const Turn& turn, Bytes body);
  [[nodiscard]] std::string_view refusal(const Turn& turn, std::string_view id) const;
  [[nodiscard]] const ApiEntry* entry_of(std::string_view client) const;
  void add_signon_facts(Message& reply) const;
  void send(ClientId client, const Message& message, SessionOutputs& out) const;

  ProcessExists exists_;
  std::uint32_t own_uid_;
  ApiConfig config_;
  Table sessions_;
  std::map<std::string, ClientId, std::less<>> ids_;  ///< signed on or announcing
  Flow flow_ = Flow::running;
  SessionCounters counters_;
  Message message_;                ///< reused by receive()
  std::vector<Message> replies_;   ///< reused by receive()
};

}  // namespace hb::core
