// script_environment: the fixed list of variables that every foreign program gets
#include "master/script_environment.hpp"

#include "os/paths.hpp"

#include <fmt/core.h>

#include <map>

namespace hb::master {

std::vector<std::string> script_environment(const core::Config& config) {
  // A map: a later one of a name wins, as with a real environment.
  std::map<std::string, std::string> variables;
  for (const auto& [name, value] : config.parameters) variables["HA_" + name] = value;
  const bool nice = config.auto_failback != core::AutoFailback::legacy;
  variables.insert_or_assign("HA_CURHOST", config.node_name);
  variables.insert_or_assign("HA_DIR", os::paths::ha_dir);
  variables.insert_or_assign("HA_FUNCS", fmt::format("{}/shellfuncs", os::paths::ha_dir));
  variables.insert_or_assign("HA_RCDIR", os::paths::rc_dir);
  variables.insert_or_assign("HA_RESOURCEDIR", os::paths::resource_dir);
  variables.insert_or_assign("HA_FIFO", os::paths::fifo);
  variables.insert_or_assign("HA_BIN", "/usr/libexec/heartbeat");
  variables.insert_or_assign("HA_RSCTMP", "/run/resource-agents");
  variables.insert_or_assign("HA_DATEFMT", "%Y/%m/%d_%T\t");
  variables.insert_or_assign("HA_LOGFILE", config.logfile);
  variables.insert_or_assign("HA_DEBUGLOG", config.debugfile);
  variables.insert_or_assign("HA_LOGD", config.use_logd.value_or(false) ? "yes" : "no");
  variables.insert_or_assign("HA_debug", fmt::format("{}", config.debug));
  if (nice) variables.insert_or_assign("HA_NICEFAILBACK", "yes");
  variables.insert_or_assign("HA_COMPRESSION",
                             config.compression == core::Compression::bz2 ? "bz2" : "zlib");
  variables.insert_or_assign("OCF_ROOT", "/usr/lib/ocf");
  variables.insert_or_assign("OCF_AGENTS", "/usr/lib/ocf/resource.d/heartbeat/");
  variables.insert_or_assign("PATH", "/usr/libexec/heartbeat:/usr/share/heartbeat:/usr/local/sbin:"
                                     "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  for (const auto& [name, value] : config.environment) variables["HA_" + name] = value;
  std::vector<std::string> result;
  for (const auto& [name, value] : variables) result.push_back(name + "=" + value);
  return result;
}

}  // namespace hb::master
