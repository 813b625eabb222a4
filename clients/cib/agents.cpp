// agents: which Pacemaker agent does what a resource script of haresources did
#include "clients/cib/agents.hpp"

#include "clients/cib/xml.hpp"
#include "core/config_text.hpp"
#include "os/ip_address.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <optional>
#include <string_view>

namespace hb::clients::cib {

namespace {

using core::Resource;
using Parameters = std::vector<std::pair<std::string, std::string>>;

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// ---- service addresses

/// "24" from "24" or "255.255.255.0".
std::optional<std::string> prefix_bits(std::string_view text) {
  if (core::is_ipv4(text)) {
    const auto mask = os::parse_ip(text);
    if (!mask) return {};
    unsigned value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | mask->bytes[i];
    const int ones = std::countl_one(value);
    if (std::popcount(value) != ones) return {};
    return fmt::format("{}", ones);
  }
  unsigned bits = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits);
  if (error != std::errc{} || end != text.data() + text.size() || bits > 128) return {};
  return fmt::format("{}", bits);
}

/// ip[/bits[/interface[:label]][/broadcast]] or ip/bits/broadcast; false: it is none.
bool read_address(std::string_view text, Parameters& parameters) {
  const auto parts = split(text, '/');
  if (parts.size() > 4 || !os::parse_ip(parts[0])) return false;
  parameters.emplace_back("ip", parts[0]);
  if (parts.size() > 1 && !parts[1].empty()) {
    const auto bits = prefix_bits(parts[1]);
    if (!bits) return false;
    parameters.emplace_back("cidr_netmask", *bits);
  }
  for (std::size_t i = 2; i < parts.size(); ++i) {
    if (parts[i].empty()) continue;
    if (core::is_ipv4(parts[i])) {
      parameters.emplace_back("broadcast", parts[i]);
    } else if (i == 2) {
      const auto colon = parts[i].find(':');
      parameters.emplace_back("nic", parts[i].substr(0, colon));
      if (colon != std::string_view::npos && colon + 1 < parts[i].size()) {
        parameters.emplace_back("iflabel", parts[i].substr(colon + 1));
      }
    } else {
      return false;
    }
  }
  return true;
}

// ---- scripts that no agent replaces

/// One word of a shell command, whatever is in it.
std::string quoted(std::string_view word) {
  std::string text = "'";
  for (const char character : word) {
    if (character == '\'') text += "'\\''";
    else text += character;
  }
  return text + "'";
}

std::string wrapper_text(std::string_view name, const Resource& resource) {
  std::string arguments;
  for (const std::string& word : resource.arguments) arguments += " " + quoted(word);
  return fmt::format(
      "#!/bin/sh\n"
      "# {0}: a resource script of Heartbeat as an init script, for Pacemaker\n"
      "### BEGIN INIT INFO\n"
      "# Provides: {0}\n"
      "# Required-Start:\n"
      "# Required-Stop:\n"
      "# Default-Start:\n"
      "# Default-Stop:\n"
      "### END INIT INFO\n"
      "script=/etc/ha.d/resource.d/{1}\n"
      "[ -x \"$script\" ] || script=/etc/init.d/{1}\n"
      "case $1 in\n"
      "status) # Heartbeat read the words, Pacemaker reads the exit code: 3 is stopped\n"
      "  case $(\"$script\"{2} status 2>&1) in\n"
      "  *[Rr]unning* | *OK*) exit 0 ;;\n"
      "  *) exit 3 ;;\n"
      "  esac\n"
      "  ;;\n"
      "*) exec \"$script\"{2} \"$1\" ;;\n"
      "esac\n",
      name, quoted(resource.script), arguments);
}

// ---- scripts that are wrappers of OCF agents

struct KnownScript {
  std::string_view script;
  std::string_view parameters;  ///< by position; the one before "..." takes all that are left
  std::string_view short_id;    ///< in front of the argument that tells instances apart
  std::size_t telling = 0;       ///< position of that argument
};

// The names of the parameters are those of Debian's resource-agents.
constexpr KnownScript known_scripts[] = {
    {"apache", "configfile", "apache"},
    {"AudibleAlarm", "nodelist ...", "alarm"},
    {"db2", "instance admin", "db2"},
    {"Delay", "startdelay stopdelay mondelay", "delay"},
    {"Filesystem", "device directory fstype options", "fs", 1},
    {"ICP", "driveid device", "icp"},
    {"ids", "informixdir informixserver onconfig dbname sqltestquery", "ids"},
    {"IPsrcaddr", "ipaddress", "srcaddr"},
    {"LinuxSCSI", "scsi", "scsi"},
    {"LVM", "volgrpname", "lvm"},
    {"MailTo", "email subject", "mail"},
    {"portblock", "protocol portno action", "portblock", 1},
    {"Raid1", "raidconf raiddev", "raid", 1},
    {"SendArp", "ip nic", "arp"},
    {"ServeRAID", "serveraid mergegroup", "serveraid"},
    {"WAS", "config port", "was"},
    {"WinPopup", "hostfile", "popup"},
    {"Xinetd", "service", "xinetd"},
};

class Chooser {
 public:
  Chooser(const Resource& resource, std::size_t line, const Machine& machine, Notes& notes,
          std::vector<Wrapper>& wrappers)
      : resource_{resource}, line_{line}, machine_{machine}, notes_{notes}, wrappers_{wrappers} {}

  Agent choose() {
    const std::string& script = resource_.script;
    if (script == "IPaddr" || script == "IPaddr2" || script == "IPv6addr") return address();
    if (script == "drbddisk") return drbd();
    if (script == "OCF") return named();
    const auto known = std::find_if(std::begin(known_scripts), std::end(known_scripts),
                                    [&](const KnownScript& one) { return one.script == script; });
    if (known != std::end(known_scripts)) return ocf(*known);
    // As the daemon looks for it: resource.d first.
    if (contains(machine_.resource_scripts, script) || !resource_.arguments.empty()) {
      return wrapped();
    }
    return service();
  }

 private:
  void note(std::string text) {
    notes_.push_back({"haresources", line_, fmt::format("{}: {}", resource_.text, text)});
  }
  [[nodiscard]] const std::string& argument(std::size_t at) const {
    static const std::string none;
    return at < resource_.arguments.size() ? resource_.arguments[at] : none;
  }

  Agent address() {
    Agent agent{.standard = "ocf", .provider = "heartbeat", .type = "IPaddr2"};
    if (resource_.arguments.size() == 1 && read_address(argument(0), agent.parameters)) {
      agent.id = "ip-" + agent.parameters.front().second;
      return agent;
    }
    note("no address as IPaddr2 takes it (ip/bits/interface); put it right in haresources");
    return wrapped();
  }

  /// drbddisk made the disk primary and no more; the agent also starts it, on both nodes.
  Agent drbd() {
    if (resource_.arguments.size() != 1) {
      note("drbddisk without the name of one DRBD resource, or with more; write one for each");
      return wrapped();
    }
    note("becomes ocf:linbit:drbd, which also loads and connects the disk: disable drbd.service "
         "on all nodes, and install drbd-utils there");
    return {.shape = Agent::Shape::promotable,
            .standard = "ocf",
            .provider = "linbit",
            .type = "drbd",
            .parameters = {{"drbd_resource", argument(0)}},
            .id = "drbd-" + argument(0)};
  }

  /// OCF::[provider:]type::name=value...: any agent, as haresources(5) has it.
  Agent named() {
    const std::string& name = argument(0);
    const auto colon = name.find(':');
    const bool has_provider = colon != std::string::npos;
    Agent agent{.standard = "ocf",
                .provider = has_provider ? name.substr(0, colon) : "heartbeat",
                .type = has_provider ? name.substr(colon + 1) : name};
    bool good = is_plain_name(agent.provider) && is_plain_name(agent.type);
    for (std::size_t i = 1; i < resource_.arguments.size(); ++i) {
      const std::string& word = argument(i);
      const auto equals = word.find('=');
      good = good && equals != std::string::npos && is_plain_name(word.substr(0, equals));
      if (good) agent.parameters.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    }
    if (!good) {
      note("names no agent and parameters as OCF::provider:type::name=value");
      return wrapped();
    }
    agent.id = agent.type;
    return agent;
  }

  Agent ocf(const KnownScript& known) {
    Agent agent{.standard = "ocf", .provider = "heartbeat", .type = std::string{known.script}};
    const auto names = core::words_of(known.parameters);
    std::size_t at = 0;
    for (std::size_t i = 0; i < resource_.arguments.size(); ++i) {
      if (at < names.size() && names[at].text == "...") {
        agent.parameters.back().second += " " + resource_.arguments[i];
      } else if (at < names.size()) {
        agent.parameters.emplace_back(names[at++].text, resource_.arguments[i]);
      } else {
        note(fmt::format("has more arguments than {} takes", known.script));
        return wrapped();
      }
    }
    if (known.script == "Filesystem" && agent.parameters.size() == 2) {
      agent.parameters.emplace_back("fstype", "auto");  // the script let mount(8) find out
    }
    agent.id = known.short_id;
    if (!argument(known.telling).empty()) agent.id += "-" + argument(known.telling);
    else if (!resource_.arguments.empty()) agent.id += "-" + argument(0);
    return agent;
  }

  /// The name of an init script. Debian starts most by their units today.
  Agent service() {
    const std::string& name = resource_.script;
    if (contains(machine_.units, name)) {
      note(fmt::format("becomes systemd:{0}; `systemctl disable {0}` on all nodes", name));
      return {.standard = "systemd", .type = name, .id = name};
    }
    if (!contains(machine_.init_scripts, name)) {
      note(fmt::format("this machine has no script or unit of that name; taken for lsb:{0}. Where "
                       "it is a unit, write class=\"systemd\"", name));
    }
    return {.standard = "lsb", .type = name, .id = name};
  }

  /// Pacemaker knows no resource.d; what an init script calls, it can run.
  Agent wrapped() {
    const std::string name = free_name();
    wrappers_.push_back({name, wrapper_text(name, resource_)});
    note(fmt::format("no agent does this; becomes lsb:{0}. Put an init script of that name on all "
                     "nodes (--wrappers writes it), and test its status", name));
    return {.standard = "lsb", .type = name, .id = name};
  }

  /// Two resources whose names look alike as file names are still two.
  [[nodiscard]] std::string free_name() const {
    constexpr std::size_t longest_name = 100;
    std::string base = "ha-" + resource_.script;
    for (const std::string& word : resource_.arguments) base += "-" + word;
    base.resize(std::min(base.size(), longest_name));
    std::replace_if(base.begin(), base.end(), [](char c) { return !is_plain_name({&c, 1}); }, '_');
    std::string name = base;
    const auto taken = [&](const Wrapper& one) { return one.name == name; };
    for (unsigned number = 2; std::any_of(wrappers_.begin(), wrappers_.end(), taken); ++number) {
      name = fmt::format("{}-{}", base, number);
    }
    return name;
  }

  const Resource& resource_;
  std::size_t line_;
  const Machine& machine_;
  Notes& notes_;
  std::vector<Wrapper>& wrappers_;
};

}  // namespace

Agent agent_of(const core::Resource& resource, std::size_t line, const Machine& machine,
               Notes& notes, std::vector<Wrapper>& wrappers) {
  return Chooser{resource, line, machine, notes, wrappers}.choose();
}

}  // namespace hb::clients::cib
