// runner: the root process that runs every foreign program and guards what we hold
#pragma once

namespace hb::status {

/// The role main of the runner, re-executed by the master with the fixed descriptors of
/// ipc::Channel (3 bell, 4 up, 5 down). It speaks with the master only; payloads are core::Message
/// in netstring form. Returns the process's exit code.
///
/// From the master (repeated fields marked *; numbers decimal):
///   runner_config  `env`* NAME=value: the whole environment of scripts; `path`* folders searched
///                  for resource scripts in order; `rc_dir`, `harc`; `workdir`; `state_dir` for
///                  persist; `ledger`; `outcomes`, `logfile`, `debugfile` ("" = none); `node`;
///                  `deadtime` ms; `board`, `hang_after` ms: a master without a turn there hangs;
///                  `announce` ms between announcements of held addresses (0: only at events);
///                  `use_logd` 0|1, `conn_logd_time` ms: ha_logd gets the log, see LogDaemon;
///                  `reboot`: how a failfast client's death brings the machine down (Reboot);
///                  `successor`, `successor_arg`*: program of a new master, should this one die.
///                  May come again (reload): replaces the earlier one.
///   run_action     `ticket`, `group`, `key`, `resource` (index), `script`, `arg`*, `op`
///                  (start|stop|status), `timeout` ms (0 = none).
///   kill_action    `ticket`: TERM to its process group, KILL five seconds later.
///   run_hook       `ticket`, `type`, then the string fields of the cluster message as `f_NAME`.
///   start_client   `ticket`, `user`, `command`, `failfast` 0|1: a respawn client.
///   stop_client    `ticket`: TERM to its group, KILL after 30 s. Without a ticket: all,
///                  one after the other, the last one first.
///   persist        `file` (a bare name in state_dir), `content`.
///   holdings       `address`* as resources name them, `group`* in the same order.
///   service_paths  `address`*, `group`*: all of haresources, whose interfaces are watched.
///   probe_addresses  `group`, `address`*: ask the neighbours who has them.
///   goodbye        the master leaves on purpose: stop the clients, exit when nothing runs, do not
///                  release.
/// A master that takes no turns for `hang_after` is killed, and so followed as one that died.
/// End of file without goodbye: nothing happens for half a deadtime; then, unless another runner
/// has taken the ledger over, starts are ended, every group in the ledger is stopped, addresses of
/// the last holdings record that are still here are dropped, clients are stopped, and it exits.
/// To the master:
///   runner_state   first after ready: `running`* tickets still running (adopted runner only),
///                  `held`* "group-key resource-index state" from the ledger.
///   action_done    `ticket`, `end` (exited|signaled|missing|timed_out), `code`, `output`.
///                  Output of start and stop is what the debug log grew by: scripts that run at the
///                  same time share it. A hook reports action_done, without output.
///   client_done    `ticket`, `end`, `code`: it will not run again (stopped, finished, given up, or
///                  a failfast client that failed).
///   address_lost   `group`, `address`, `text`.
///   paths_seen     `bad`*: groups with an address whose interface does not work now.
///   address_answered  `group`, `address`, `text`: another machine has it.
///   log            `level`, `text`.
int runner_main();

}  // namespace hb::status
