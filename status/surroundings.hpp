// surroundings: what every part of the runner gets from it: settings, loop, a way to the master
#pragma once

#include "core/engine_io.hpp"
#include "core/message.hpp"
#include "core/result.hpp"
#include "core/types.hpp"
#include "ipc/record.hpp"
#include "os/loop.hpp"
#include "status/log_files.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace hb::status {

/// The record runner_config, checked.
struct RunnerSettings {
  std::vector<std::string> environment;  ///< NAME=value: the whole environment of scripts
  std::vector<std::string> path;         ///< folders of resource scripts, in order
  std::string successor;                 ///< program of a new master; "": somebody else starts it
  std::vector<std::string> successor_arguments;
  std::string rc_dir, harc, workdir, state_dir, ledger, outcomes, logfile, debugfile, node;
  core::Duration deadtime{};
  bool use_logd = false;
  core::Duration conn_logd_time{};       ///< how often ha_logd is asked whether it runs
  std::string reboot;                    ///< see Reboot; "": the machine is never brought down
  std::string board;                     ///< where the master counts its turns
  core::Duration hang_after{};           ///< without a turn for so long it hangs
  core::Duration announce_interval{};  ///< of held addresses; zero: only at events
};
/// An Error names the field that is missing or wrong.
[[nodiscard]] core::Result<RunnerSettings> settings_of(const core::Message& config);

/// One for the whole runner; outlives its parts. Single-threaded.
struct Surroundings {
  os::Loop& loop;
  RunnerSettings settings;
  LogFiles files;
  /// A record for the master; kept if there is no room now.
  std::function<void(ipc::RecordType, const core::Message&)> send;
  std::function<void(core::LogLevel, std::string_view)> log;
};

}  // namespace hb::status
