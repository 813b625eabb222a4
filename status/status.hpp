// status: the process without rights that speaks with API clients and writes the log
#pragma once

#include "core/message.hpp"
#include "core/queries.hpp"
#include "core/result.hpp"
#include "ipc/record.hpp"
#include "ipc/record.hpp"
#include "status/logger.hpp"

namespace hb::status {

/// What the master tells at start and at every reload (record status_config): a core::Message in
/// netstring form. Fields, all strings; numbers decimal; fields marked * repeat, in order:
///   `node`            our node name
///   `hostname`        `uname -n`, for log lines; `node` if absent
///   `deadtime`, `keepalive`  milliseconds, told to clients at sign-on
///   `msgfmt`          `classic` (if absent) or `netstring`
///   `pacemaker`       the directive's value; `false` if absent
///   `manages_resources`  0 or 1 (1 if absent): does getrsc answer
///   `logfacility`     syslog facility code (LOG_LOCAL0 = 128), -1 or absent = none
///   `syslogmsgfmt`    0 or 1 (1 if absent)
///   `logfile`, `debugfile`  the paths, "" or absent = none; where given, the open descriptor
///                     follows by Channel::send_fd with tag log_file_tag or debug_file_tag, and
///                     again after each rotation. Lines wait (bounded) until it comes. Syslog is
///                     connected to once, before confinement; later sockets come as syslog_tag.
///   `parameter`*      `NAME=value` as getparm answers (Config::parameters)
///   `apiauth_name`*   opens an entry; the `apiauth_uid`* and `apiauth_gid`* behind it are its
///                     users and groups, as numbers. A name that cannot be resolved is left out.
struct StatusConfig {
  core::ApiConfig api;
  LogFormat log;
};

/// The error names the field. Unknown fields are ignored.
[[nodiscard]] core::Result<StatusConfig> read_status_config(const core::Message& message);

using ipc::debug_file_tag, ipc::log_file_tag, ipc::syslog_tag;

/// The role main, re-executed by the master with the descriptors of ipc/channel.hpp: 3 bell, 4 up,
/// 5 down, 6 the register socket, bound but not listening, 7 the board. Confines itself as
/// hacluster, then serves until the master's end closes. Returns the process's exit code.
///
/// Records from the master, beyond status_config:
///   api_open       the local node is active: listen on the register socket. Before, clients get
///                  ECONNREFUSED, as with 3.0.6. Sent again to a respawned process.
///   client_event   raw: u32 class bits and u8 size of to_id in host order, to_id, body in API
///                  form. The board must hold a snapshot at least as new as the event before it is
///                  sent.
///   client_reply   raw: u64 ClientId, body in API form.
///   client_go      `client`, `gen`: answers a client_join.
///   clients_pause  `paused` 0 or 1.
///   log_line       `level` (emerg..debug), `text`; may have `pid` (else the master's), `entity`
///                  (else heartbeat), `time` (seconds since 1970, else now).
/// To the master: ready; client_join (`client`, `name`, `pid`, `uid`, `gid`, `info`=signon),
/// client_leave (`client`, `name`, `info`), client_message (raw: u64 ClientId, body as it came),
/// client_query (raw: u64 ClientId, request in netstring form with `from_id` = the client's id, of
/// casual clients too, who are announced by no client_join), log.
///
/// The board's snapshot must be renewed once a second: one older than stale_after means that the
/// master hangs, and requests wait rather than being answered from the past.
int status_main();

}  // namespace hb::status
