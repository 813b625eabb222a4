// surroundings: what every part of the runner gets from it: settings, loop, a way to the master
#include "status/surroundings.hpp"

#include <algorithm>

namespace hb::status {

core::Result<RunnerSettings> settings_of(const core::Message& config) {
  RunnerSettings settings;
  for (std::size_t i = 0; i < config.size(); ++i) {
    const core::Field field = config[i];
    if (field.name == "env") {
      const auto equals = field.value.find('=');
      const bool is_setting = equals != field.value.npos && equals != 0;
      if (is_setting && field.value.find('\0') == field.value.npos)
        settings.environment.emplace_back(field.value);
    }
    if (field.name == "path") settings.path.emplace_back(field.value);
    if (field.name == "successor_arg") settings.successor_arguments.emplace_back(field.value);
  }
  settings.successor = config.text_or_empty("successor");
  settings.rc_dir = config.text_or_empty("rc_dir");
  settings.harc = config.text_or_empty("harc");
  settings.workdir = config.text_or_empty("workdir");
  settings.reboot = config.text_or_empty("reboot");
  settings.state_dir = config.text_or_empty("state_dir");
  settings.ledger = config.text_or_empty("ledger");
  settings.outcomes = config.text_or_empty("outcomes");
  settings.logfile = config.text_or_empty("logfile");
  settings.debugfile = config.text_or_empty("debugfile");
  settings.node = config.text_or_empty("node");
  if (settings.path.empty()) return core::Error{"runner_config: no path"};
  if (settings.ledger.empty()) return core::Error{"runner_config: no ledger"};
  const auto deadtime = config.decimal("deadtime");
  constexpr std::uint64_t longest = 24ULL * 3600 * 1000;
  if (!deadtime || *deadtime > longest) return core::Error{"runner_config: no usable deadtime"};
  settings.deadtime = std::chrono::milliseconds(static_cast<std::int64_t>(*deadtime));
  settings.use_logd = config.text_or_empty("use_logd") == "1";
  settings.conn_logd_time = std::chrono::milliseconds(static_cast<std::int64_t>(
      std::clamp<std::uint64_t>(config.decimal("conn_logd_time").value_or(60'000), 1, longest)));
  settings.board = config.text_or_empty("board");
  const auto hang_after = config.decimal("hang_after");
  if (!hang_after || *hang_after > longest) {
    return core::Error{"runner_config: no usable hang_after"};
  }
  settings.hang_after = std::chrono::milliseconds(static_cast<std::int64_t>(*hang_after));
  const auto announce = config.decimal("announce").value_or(0);
  if (announce > longest) return core::Error{"runner_config: no usable announce"};
  settings.announce_interval = std::chrono::milliseconds(static_cast<std::int64_t>(announce));
  return settings;
}

}  // namespace hb::status
