// record: the messages between the master and its children, and who may send which
#pragma once

#include "core/types.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace hb::ipc {

/// What a process of ours is; argv carries it to the re-executed child.
enum class Role : std::uint8_t { master, reader, writer, fifo, status, runner };
[[nodiscard]] std::string_view name_of(Role role);

/// Payloads are raw bytes where marked so, else one core::Message in its netstring form.
enum class RecordType : std::uint16_t {
  pad = 0,             ///< ends a lap of the ring; never seen outside ipc/
  // any child → master
  ready = 1,           ///< empty: confined and serving
  log = 2,             ///< `level` (emerg..debug), `text`
  // reader → master
  frame_in = 10,       ///< raw datagram; time = kernel receive stamp
  link_error = 11,     ///< `errno` decimal, `text`; also from writers
  // fifo → master
  fifo_message = 12,   ///< raw text form from start mark to end mark
  // master → writer
  frame_out = 20,      ///< raw datagram
  // master → reader and writer of a ping medium, before anything else
  echo_targets = 21,   ///< `id`, `host`*: whom to ask (see os/echo.hpp)
  link_sources = 22,   ///< to a reader: `address`*: who may send (ucast); without it anybody may
  // master → status
  status_config = 30,  ///< node, parameters, apiauth, log format (see status/status.hpp)
  client_event = 31,   ///< raw: u32 class bits, u8 size of to_id, to_id, client body (API form)
  api_open = 32,       ///< empty: the local node is active, listen now
  log_line = 33,       ///< `level`, `text`: to be written to the log files
  client_reply = 34,   ///< raw: u64 ClientId, then a client body; answers that only core can give
  client_go = 35,      ///< `client`, `gen`: a named sign-on was announced, the reply may go out
  clients_pause = 36,  ///< `paused` 0/1: flow control (wire-protocol §5.4)
  // status → master
  client_join = 40,    ///< `client` decimal, `name`, `pid`, `uid`, `gid`, `info`: signs on by name
  client_leave = 41,   ///< `client`, `name`, `info`
  client_message = 42, ///< raw: u64 ClientId, then the message body (any framing) for the cluster
  client_query = 43,   ///< raw: u64 ClientId, then a request that the snapshot cannot answer
  clients_want = 44,   ///< raw u32: the class bits that some client's filter asks for
  // master → runner
  runner_config = 50,  ///< environment, directories, log paths (see status/runner.hpp)
  run_action = 51,     ///< `ticket`, `group`, `script`, `arg`*, `op`, `timeout` ms (see runner)
  kill_action = 52,    ///< `ticket`
  start_client = 53,   ///< `ticket`, `user`, `command`: a respawn client
  stop_client = 54,    ///< `ticket`
  run_hook = 55,       ///< `ticket`, `type`, HA_* fields: harc TYPE
  persist = 56,        ///< `file`, `content`: written atomically by the runner
  goodbye = 57,        ///< empty: the master leaves on purpose; resources are released or kept
  holdings = 58,       ///< `address`*, `group`*: service addresses that the guardian watches
  fence = 49,          ///< `ticket`, `program`, `arg`*, `input`, `timeout` ms: reset a node
  no_successor = 59,   ///< empty: the master is being stopped; if it dies, nobody follows it
  service_paths = 70,  ///< `address`*, `group`*: whose interfaces the runner watches
  probe_addresses = 71, ///< `group`, `address`*: ask the neighbours who has them
  // runner → master
  paths_seen = 72,     ///< `bad`*: all groups whose interface does not work
  address_answered = 73, ///< `group`, `address`, `text`: a neighbour has it
  action_done = 60,    ///< `ticket`, `exit` decimal or `signal` or `missing`, `output`
  client_done = 61,    ///< `ticket`, `exit`/`signal`
  address_lost = 62,   ///< `group`, `address`, `text`
  runner_state = 63,   ///< `running`* tickets, ledger lines; first record after ready
};

/// Tags of descriptors that the master sends to the status process (Channel::send_fd): the open log
/// files, and a socket connected to /dev/log when syslogd has made a new one.
inline constexpr std::uint8_t log_file_tag = 'l', debug_file_tag = 'd', syslog_tag = 's',
                              log_daemon_tag = 'g';

/// The largest payload a role may send or get of a type; 0 = not permitted. Checked on arrival: a
/// record outside this table is a violation that ends the child (OpenSSH's permit table).
enum class Direction : std::uint8_t { up, down };  // up = child to master
[[nodiscard]] std::size_t permitted_bytes(Role child, Direction direction, RecordType type);

}  // namespace hb::ipc
