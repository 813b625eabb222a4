// fencing: the stonith lines of ha.cf as Pacemaker's fencing devices
#include "clients/cib/fencing.hpp"

#include "core/config_text.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <string_view>

namespace hb::clients::cib {

namespace {

struct Plugin {
  std::string_view type;
  std::string_view parameters;  ///< in the order that a line of ha.cf has them
  bool takes_more = false;      ///< the last one is a list of host names
};

// As `stonith -t TYPE -n` lists them on Debian 12.
constexpr Plugin plugins[] = {
    {"apcmaster", "ipaddr login password"},
    {"apcmastersnmp", "ipaddr port community"},
    {"apcsmart", "ttydev hostlist", true},
    {"baytech", "ipaddr login password"},
    {"cyclades", "ipaddr login serialport"},
    {"drac3", "host login password"},
    {"external/drac5", "hostname ipaddr userid"},
    {"external/dracmc-telnet",
     "nodename cyclades_ip cyclades_port servername username password"},
    {"external/hetzner", "hostname remote_ip"},
    {"external/hmchttp", "hostlist hmc_ipaddr user password"},
    {"external/ibmrsa", "hostname ipaddr userid passwd type"},
    {"external/ibmrsa-telnet", "nodename ip_address username password"},
    {"external/ipmi", "hostname ipaddr userid passwd interface"},
    {"external/ippower9258", "deviceip username password hostlist", true},
    {"external/libvirt", "hostlist hypervisor_uri reboot_method"},
    {"external/rackpdu", "hostlist pduip community"},
    {"external/ssh", "hostlist", true},
    {"external/xen0", "hostlist dom0"},
    {"ibmhmc", "ipaddr"},
    {"ipmilan", "hostname ipaddr port auth priv login password reset_method"},
    {"meatware", "hostlist", true},
    {"null", "hostlist", true},
    {"nw_rpc100s", "ttydev hostlist", true},
    {"rcd_serial", "hostlist ttydev dtr_rts msduration"},
    {"rps10", "serial_to_targets", true},
    {"ssh", "hostlist", true},
    {"suicide", ""},
    {"wti_mpc", "ipaddr port community mib-version"},
    {"wti_nps", "ipaddr password"},
};

}  // namespace

std::optional<FencingDevice> device_of(const FencingLine& line, Notes& notes) {
  const auto say = [&](std::string_view text) {
    notes.push_back({"ha.cf", 0, fmt::format("stonith {}: {}", line.type, text)});
  };
  const auto plugin = std::find_if(std::begin(plugins), std::end(plugins),
                                   [&](const Plugin& one) { return one.type == line.type; });
  if (plugin == std::end(plugins)) {
    say("the parameters of this plugin are not known; make a fencing device by hand, and set "
        "stonith-enabled to true");
    return {};
  }
  const auto names = core::words_of(plugin->parameters);
  const std::size_t given = line.parameters.size();
  if (given < names.size() || (given > names.size() && !plugin->takes_more)) {
    say(fmt::format("takes {}, the line has {} words; make the device by hand, and set "
                    "stonith-enabled to true",
                    plugin->parameters.empty() ? "no parameters" : plugin->parameters, given));
    return {};
  }
  FencingDevice device{.type = line.type, .parameters = {}};
  for (std::size_t i = 0; i < given; ++i) {
    if (i < names.size()) device.parameters.emplace_back(names[i].text, line.parameters[i]);
    else device.parameters.back().second += " " + line.parameters[i];
  }
  return device;
}

FencingDevice device_of(const core::FenceAgentConfig& agent, const core::Config& config) {
  using std::chrono::seconds;
  FencingDevice device{.type = agent.program.substr(agent.program.rfind('/') + 1),
                       .parameters = {}};
  for (const std::string& parameter : agent.parameters) {
    const auto equals = parameter.find('=');
    if (equals == std::string::npos) continue;
    device.parameters.emplace_back(parameter.substr(0, equals), parameter.substr(equals + 1));
  }
  if (agent.node != "*") device.parameters.emplace_back("pcmk_host_list", agent.node);
  const auto timeout = std::chrono::ceil<seconds>(config.fence_timeout).count();
  device.parameters.emplace_back("pcmk_reboot_timeout", fmt::format("{}s", timeout));
  for (const auto& [node, delay] : config.fence_delays) {
    if (node != agent.node) continue;
    device.parameters.emplace_back(
        "pcmk_delay_base", fmt::format("{}s", std::chrono::ceil<seconds>(delay).count()));
  }
  return device;
}

}  // namespace hb::clients::cib
