// clients: the register socket and all its connections, joined to the API sessions
#pragma once

#include "core/sessions.hpp"
#include "ipc/channel.hpp"
#include "os/loop.hpp"
#include "status/connection.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace hb::status {

namespace limits {
/// Connections in all and of one user: nobody can use up what others need.
inline constexpr std::size_t clients = 1000, clients_of_user = 250;
/// Bytes held for all connections of one user, both directions.
inline constexpr std::size_t bytes_of_user = 16 << 20;
/// Connections accepted before the clients that are there get their turn.
inline constexpr int accepts_a_turn = 64;
/// A connection must sign on by then.
inline constexpr core::Duration sign_on_time = std::chrono::seconds{30};
/// habit: 3.0.6 looks every 9 s whether its clients' processes still exist.
inline constexpr core::Duration audit_every = std::chrono::seconds{9};
/// Log lines about clients in one second; what is more is counted.
inline constexpr std::uint64_t notes_a_second = 10;
}  // namespace limits

/// A snapshot older than this tells that the master hangs (it renews it every second).
inline constexpr core::Duration stale_after = std::chrono::milliseconds{2500};

/// Why connections ended, since start.
struct ClientCounters {
  std::uint64_t accepted = 0, over_limit = 0, slow = 0, broken = 0, mute = 0, died = 0;
};

/// Never waits for a client, for the master or for anything else: a client that does not read is
/// dropped, one that asks faster than it reads is not read, and while the ring to the master is
/// full nobody is.
class Clients {
 public:
  /// Fills in the newest snapshot and tells its age; nothing if there is none.
  using ReadSnapshot = std::function<std::optional<core::Duration>(core::Snapshot&)>;
  using Log = std::function<void(core::LogLevel, std::string_view)>;

  /// `own_uid`: of the process when it serves, after confinement.
  Clients(os::Loop& loop, ipc::Channel& channel, std::uint32_t own_uid,
          ReadSnapshot read_snapshot, Log log);
  ~Clients();
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  void configure(core::ApiConfig config) { sessions_.configure(std::move(config)); }
  /// Listens on this bound socket, once; it stays the caller's.
  void open(int listener);
  /// At most so many connections, if the process may not have more descriptors.
  void limit(std::size_t clients) { most_ = clients; }

  // What the master says.
  void event(std::uint32_t classes, std::string_view to_id, core::Bytes body);
  void reply(core::ClientId client, core::Bytes body);
  void announced(core::ClientId client, std::uint64_t generation);
  void flow(core::Sessions::Flow flow);

  /// Once a turn of the loop: sends what is queued, retries what waits, ends what is overdue.
  void turn(core::Instant now);
  /// When turn() has something to do without any event.
  [[nodiscard]] core::Instant next_deadline() const;

  [[nodiscard]] std::size_t size() const { return clients_.size(); }
  [[nodiscard]] const ClientCounters& counters() const { return counters_; }
  [[nodiscard]] const core::Sessions& sessions() const { return sessions_; }

 private:
  struct Client {
    Client(int socket, core::Instant now) : connection(socket), since(now) {}
    Connection connection;
    core::Instant since;
    core::ApiPeer peer;
    int signal = 0;
    std::size_t accounted = 0;        ///< bytes that its user is charged for
    bool held = false;                ///< a body waits for ClientResume
    bool reading = true;              ///< the loop calls back when it sent something
    bool waits_to_write = false;
  };
  struct Usage {
    std::size_t clients = 0, bytes = 0;
  };
  struct UpRecord {
    ipc::RecordType type;
    std::string payload;
  };
  using Table = std::map<core::ClientId, Client>;

  void accept_some();
  void admit(int socket);
  void readable(core::ClientId id);
  void serve(core::ClientId id, Connection::Stream stream);
  [[nodiscard]] bool can_serve();
  void stop_reading(core::ClientId id, Client& client);
  void go_on_reading(core::ClientId id, Client& client);
  void wake_stalled();

  void apply();
  void act(core::ClientDeliver& output);
  void act(core::ClientClose& output);
  void act(core::ClientResume& output);
  void act(core::ClientQueueRoom& output);
  void act(core::ClientSignal& output);
  void act(core::NamedJoin& output);
  void act(core::NamedLeave& output);
  void act(core::ForCluster& output);
  void act(core::ForEngine& output);
  void act(core::SessionNote& output);

  void flush(core::ClientId id);
  void account(Client& client);
  void forget(Table::iterator at);
  /// Ends a client for our own reasons; `why` is the log's, `info` the cluster's.
  void drop(core::ClientId id, std::string_view info, std::string_view why);
  void audit(core::Instant now);
  void show_counters();
  void tell_wishes();
  void note(core::LogLevel level, std::string_view text);
  void up(ipc::RecordType type, std::string payload);
  void retry_up();

  os::Loop& loop_;
  ipc::Channel& channel_;
  ReadSnapshot read_snapshot_;
  Log log_;
  core::Sessions sessions_;
  core::SessionOutputs outputs_;
  bool applying_ = false;
  Table clients_;
  std::map<std::uint32_t, Usage> usage_;
  std::set<core::ClientId> dirty_;    ///< have something queued
  std::set<core::ClientId> stalled_;  ///< not read until we can serve again
  std::deque<UpRecord> waiting_up_;   ///< did not fit the ring; nobody is read while it lasts
  std::unique_ptr<core::Snapshot> snapshot_;
  std::vector<std::byte> scratch_;
  int listener_ = -1;
  bool listener_paused_ = false;
  bool stale_told_ = false;
  std::size_t most_ = limits::clients;
  std::uint64_t last_id_ = 0;
  std::uint32_t told_classes_ = 0;    ///< what the master knows that clients want
  core::Instant now_{}, next_audit_{}, notes_since_{};
  std::uint64_t notes_ = 0;
  ClientCounters counters_;
};

}  // namespace hb::status
