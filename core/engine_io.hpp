// engine_io: the closed list of Inputs and Outputs of the engine
#pragma once

#include "core/snapshot.hpp"
#include "core/types.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hb::core {

// ---- Inputs: everything that can happen to a master. Views live until step() returns. ----

/// A datagram arrived; `rx_time` is the kernel's stamp, clamped by the caller to [last turn, now].
struct FrameArrived {
  LinkId link;
  Bytes bytes;
  Instant rx_time;
};
/// A message in either framing, unauthenticated, from the control FIFO (client-api §5.1).
struct FifoMessage {
  Bytes bytes;
};
/// A named API client signed on; the engine announces it, then emits ClientAnnounced.
struct ClientJoined {
  ClientId client;
  std::string_view name;
};
struct ClientLeft {
  ClientId client;
  std::string_view name;
  std::string_view info;
};
/// A message of a named client for the cluster, in either framing (client-api §2.6).
struct ClientMessage {
  ClientId client;
  std::string_view name;
  Bytes bytes;
};
/// A request that the snapshot cannot answer: clientstatus of a remote client, and the like.
struct ClientQuery {
  ClientId client;
  std::string_view name;
  Bytes bytes;
};
/// How a script ended. `missing`: no such script. `unknown`: the runner died while it ran.
enum class ActionEnd : std::uint8_t { exited, signaled, missing, timed_out, unknown };
struct ActionDone {
  Ticket ticket;
  ActionEnd end;
  int code;                 ///< exit code or signal number
  std::string_view output;  ///< at most limits::script_output_bytes, stdout only
};
/// The runner came (back); tickets that it does not list as running have ended as `unknown`.
struct RunnerReady {
  std::span<const Ticket> running;
};
/// Someone else removed a service address of a group that we hold.
struct AddressLost {
  GroupId group;
  std::string_view text;
};
/// The groups with a service address whose interface is missing, down or without carrier here; all
/// of them, each time. Good: none.
struct ServicePathsSeen {
  std::span<const GroupId> bad;
};
/// Another machine answered when we asked for a service address of the group (ProbeAddresses).
struct AddressAnswered {
  GroupId group;
  std::string_view text;  ///< address, and from where
};
/// A medium could be opened, or failed.
struct LinkOpened {
  LinkId link;
};
struct LinkFailed {
  LinkId link;
  std::string_view text;
};
/// The union of the filters of all API clients (client-api §2.5). Class 01 is always emitted; the
/// debug classes (02..20) only while somebody wants them, since they cost an encoding a frame.
struct ClientsWant {
  std::uint32_t classes;
};
/// Time passed. Sent when next_deadline() is reached, and only after all rings were drained.
/// `lateness`: how much later than asked for the caller runs (design §1: health).
struct Tick {
  Duration lateness;
};
/// SIGTERM: release everything, tell the peers, then emit Exit.
struct StopRequested {};
/// Another image of the program takes over at once and keeps what we hold (`-r`, upgrade): ask the
/// peers for patience, then emit Exit{resume}. Waits until no script runs and nothing moves; from
/// then on nothing is moved any more. A StopRequested before Exit revokes it.
struct RestartRequested {};
/// New authkeys (or debug level) were read; the caller has already exchanged the key ring.
struct ConfigReloaded {};

using Input =
    std::variant<FrameArrived, FifoMessage, ClientJoined, ClientLeft, ClientMessage, ClientQuery,
                 ActionDone, RunnerReady, AddressLost, ServicePathsSeen, AddressAnswered,
                 LinkOpened, LinkFailed, ClientsWant, Tick, StopRequested, RestartRequested,
                 ConfigReloaded>;

// ---- Outputs: everything the master may be told to do, in this order. They point into the
// engine's arena and are valid until the next step(). ----

/// One signed frame for every writer whose bit is set (bit = LinkId).
struct Send {
  std::uint64_t links;
  Bytes bytes;
};
enum class Operation : std::uint8_t { start, stop, status };
[[nodiscard]] std::string_view name_of(Operation operation);
/// Run `script` (looked up in resource.d, then init.d) with the resource's arguments and
/// `operation`. The engine names group and resource; the caller builds argv from the Groups it
/// shares.
struct RunAction {
  Ticket ticket;
  GroupId group;
  std::uint16_t resource;  ///< index in Group::resources
  Operation operation;
  Duration timeout{};      ///< then the runner ends it (ActionEnd::timed_out); zero: never
};
struct KillAction {
  Ticket ticket;
};
/// Reset a node, or with no_node only ask the device how it is. Ends with ActionDone; exit code 0
/// is success. Ended by KillAction. `device`: see core/fencing.
struct FenceNode {
  Ticket ticket;
  NodeId node;
  Strong<struct DeviceTag, std::uint16_t> device;
  Duration timeout;
};
/// Ask the service network who has the addresses of this group; answers come as AddressAnswered.
struct ProbeAddresses {
  GroupId group;
};
/// A site's own rc.d script for a message type that core does not handle itself (resources §1).
struct RunHook {
  Ticket ticket;
  std::string_view type;
  Bytes message;  ///< netstring form; its string fields become HA_*
};
/// For every API client whose filter has a class bit and whose id is `to_id` (or all if empty).
struct ToClients {
  std::uint32_t classes;  ///< client-api §2.5
  std::string_view to_id;
  Bytes body;             ///< API form
};
/// For one client: a reply that only core could give.
struct ToClient {
  ClientId client;
  Bytes body;
};
/// The join of this named client is on its way; its sign-on may be answered now.
struct ClientAnnounced {
  ClientId client;
  std::uint64_t generation;  ///< client_gen
};
/// Local status became active: open the API, start respawn clients.
struct CommunicationUp {};
/// Flow control: stop or go on reading from API clients.
struct PauseClients {
  std::uint8_t paused;
};
enum class LogLevel : std::uint8_t { emerg, alert, crit, error, warn, notice, info, debug };
/// The enumerator's own name, as records between our processes carry it.
[[nodiscard]] std::string_view name_of(LogLevel level);
struct Log {
  LogLevel level;
  std::string_view text;
};
/// snapshot() has changed.
struct Publish {};
/// The peers' highest generations and sequence numbers, for the next start (persisted by the
/// runner).
struct Persist {
  std::string_view file;
  std::string_view content;
};
/// The engine has finished: exit, or begin anew in a new generation (after a pause that a 3.0.6
/// peer took for our death), or hand over to the next image, which goes on.
enum class ExitReason : std::uint8_t { stopped, restart, resume };
struct Exit {
  ExitReason reason;
};

using Output =
    std::variant<Send, RunAction, KillAction, FenceNode, ProbeAddresses, RunHook,
                 ToClients, ToClient,
                 ClientAnnounced, CommunicationUp, PauseClients, Log, Publish, Persist, Exit>;

/// Outputs of one step, with the memory they point into. Reused: no allocation after warm-up.
class Outputs {
 public:
  void clear();
  /// Copies `bytes` into the arena; the view stays valid until clear().
  Bytes keep(Bytes bytes);
  std::string_view keep(std::string_view text);
  void add(Output output);
  [[nodiscard]] auto begin() const { return items_.begin(); }
  [[nodiscard]] auto end() const { return items_.end(); }
  [[nodiscard]] bool empty() const { return items_.empty(); }

 private:
  struct Chunk {
    std::unique_ptr<std::byte[]> memory;
    std::size_t size = 0;
  };
  std::vector<Output> items_;
  std::vector<Chunk> chunks_;
  std::size_t chunk_ = 0, used_ = 0;
};

}  // namespace hb::core
