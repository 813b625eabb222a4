// command_line: heartbeat's options, and the commands that speak to a running daemon
#include "master/command_line.hpp"

#include "master/config_files.hpp"
#include "os/file.hpp"
#include "os/paths.hpp"

#include <fmt/core.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string_view>

#include <getopt.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace hb::master {
namespace {

constexpr const char* usage_text =
    "\nUsage: heartbeat [-dDkMrRsvWlVf] [-C Current-resource-state]\n"
    "\t-C only valid with -R\n"
    "\t-r is mutually exclusive with -R\n";

constexpr int check_option = 256;  // beyond any character

struct Directive {
  const char* name;
  const char* default_value;  // nullptr: not in the -D table
  const char* description;
};

// habit: the order and wording of heartbeat -D and -v (transcripts, heartbeat-cli-running).
constexpr std::array directives = {
    Directive{"cluster", "linux-ha", "the name of cluster"},
    Directive{"hopfudge", "1", "# of hops above cluster size"},
    Directive{"keepalive", "1000ms", "keepalive time"},
    Directive{"deadtime", "30000ms", "node deadtime"},
    Directive{"deadping", nullptr, "ping deadtime"},
    Directive{"initdead", nullptr, "initial deadtime"},
    Directive{"warntime", nullptr, "warning time"},
    Directive{"watchdog", nullptr, "watchdog device"},
    Directive{"baud", "19200", "baud rate"},
    Directive{"udpport", nullptr, "UDP port number"},
    Directive{"logfacility", nullptr, "log facility"},
    Directive{"logfile", nullptr, "log file"},
    Directive{"debugfile", nullptr, "debug file"},
    Directive{"auto_failback", "legacy", "auto failback"},
    Directive{"rtprio", nullptr, "realtime priority"},
    Directive{"hbgenmethod", "file", "protocol generation computation method"},
    Directive{"realtime", "true", "enable realtime behavior?"},
    Directive{"debug", nullptr, "debug level"},
    Directive{"msgfmt", "classic", "message format in the wire"},
    Directive{"use_logd", nullptr, "use logging daemon"},
    Directive{"conn_logd_time", "60", "the interval to reconnect to logd"},
    Directive{"log_badpack", "true", "warn about bad packets"},
    Directive{"syslogmsgfmt", "true", "log to files in syslog format"},
    Directive{"coredumps", "true", "enable Linux-HA core dumps"},
    Directive{"coreroot", nullptr, "set root directory of core dump area"},
    Directive{"pacemaker", "false", "enable Pacemaker resource management"},
    Directive{"autojoin", "none", "set automatic join mode/style"},
    Directive{"uuidfrom", "file", "set the source for uuid"},
    Directive{"compression", "zlib", "set compression module"},
    Directive{"compression_threshold", "2", "set compression threshold"},
    Directive{"traditional_compression", "no", "set traditional_compression"},
    Directive{"max_rexmit_delay", "250", "set the maximum rexmit delay time"},
    Directive{"record_config_changes", "on",
              "record changes to the cib (valid only with: pacemaker on)"},
    Directive{"record_pengine_inputs", "on",
              "record the input used by the policy engine (valid only with: pacemaker on)"},
    Directive{"enable_config_writes", "on",
              "write configuration changes to disk (valid only with: pacemaker on)"},
    Directive{"memreserve", "6500", "number of kbytes to preallocate in heartbeat"},
};

std::string_view medium_title(core::MediumType type) {
  using core::MediumType;
  switch (type) {
    case MediumType::bcast: return "UDP/IP broadcast";
    case MediumType::ucast: return "UDP/IP unicast";
    case MediumType::mcast: return "UDP/IP multicast";
    case MediumType::ucast6: return "UDP/IPv6 unicast";
    case MediumType::mcast6: return "UDP/IPv6 multicast";
    case MediumType::serial: return "serial ring";
    case MediumType::ping: return "ping membership";
    case MediumType::ping6: return "ping6 membership";
    case MediumType::ping_group: return "ping group membership";
  }
  return "";
}

std::string own_uname() {
  utsname name{};
  return ::uname(&name) == 0 ? name.nodename : "localhost";
}

/// The number in the pid file, 0 if there is no usable one.
pid_t read_pid() { return os::read_pid_file(os::paths::pid_file).value_or(0); }

}  // namespace

std::optional<CommandLine> parse_command_line(int argc, char** argv) {
  CommandLine line;
  bool reload = false, resume = false, check = false;
  static const option long_options[] = {{"check", no_argument, nullptr, check_option},
                                        {nullptr, 0, nullptr, 0}};
  int letter = 0;
  // `-f` takes a folder only after --check; getopt has one meaning a letter, so it is optional
  // here.
  while ((letter = ::getopt_long(argc, argv, "dDkMrRsvWlVfC:", long_options, nullptr)) != -1) {
    switch (letter) {
      case 'd': ++line.debug; break;
      case 'D': line.verb = CommandLine::Verb::defaults; break;
      case 'k': line.verb = CommandLine::Verb::kill; break;
      case 'M': line.manage_resources = false; break;
      case 'r': reload = true; line.verb = CommandLine::Verb::reload; break;
      case 'R': resume = true; line.verb = CommandLine::Verb::resume; break;
      case 's': line.verb = CommandLine::Verb::status; break;
      case 'v': line.print_config = true; break;
      case 'W': line.wiki = true; break;
      case 'l': line.realtime = false; break;
      case 'V': line.verb = CommandLine::Verb::version; break;
      case 'f': line.foreground = true; break;
      case 'C': line.held = optarg; break;
      case check_option: check = true; break;
      default: std::fputs(usage_text, stderr); return std::nullopt;
    }
  }
  if ((!line.held.empty() && !resume) || (reload && resume)) {
    std::fputs(usage_text, stderr);
    return std::nullopt;
  }
  if (check) {
    line.verb = CommandLine::Verb::check;
    if (line.foreground && optind < argc) line.config_dir = argv[optind];
  }
  return line;
}

std::optional<pid_t> running_daemon() {
  const pid_t pid = read_pid();
  if (pid == 0 || !os::process_exists(pid)) return std::nullopt;
  return pid;
}

int print_status() {
  if (const auto pid = running_daemon()) {
    fmt::print("heartbeat OK [pid {} et al] is running on {} [{}]...\n", *pid, own_uname(),
               own_node_name(os::paths::ha_dir));
    return exit_code::good;
  }
  fmt::print("heartbeat is stopped. No process\n");
  // habit: a pid file whose process is gone is the normal state after a stop.
  return read_pid() == 0 ? exit_code::stopped : exit_code::stopped_with_pid_file;
}

int stop_daemon() {
  const auto pid = running_daemon();
  if (!pid) {
    fmt::print(stderr, "INFO: Heartbeat already stopped.\n");
    return exit_code::good;
  }
  if (::kill(*pid, SIGTERM) != 0 && errno != ESRCH) {
    fmt::print(stderr, "ERROR: Could not kill pid {} : {}\n", *pid, std::strerror(errno));
    return exit_code::no_permission;
  }
  // habit: without limit, since scripts may take their time; but looked at often, not each second.
  constexpr useconds_t poll = 50'000;
  while (os::process_exists(*pid)) ::usleep(poll);
  return exit_code::good;
}

int signal_reload(pid_t daemon) {
  if (::kill(daemon, SIGHUP) == 0) return exit_code::good;
  fmt::print(stderr, "ERROR: Could not signal pid {} : {}\n", daemon, std::strerror(errno));
  return errno == EPERM ? exit_code::no_permission : exit_code::stopped_with_pid_file;
}

void print_defaults(bool wiki) {
  if (wiki) {
    fmt::print(
        "##Put this output in the ha.cf/DefaultValues page\n"
        "The [wiki:ha.cf ha.cf] directives with default values are shown below - along with a "
        "brief description.\n"
        "This was produced by {{{{{{heartbeat -DW}}}}}} ''# (version 3.0.6)''\n\n"
        "||''Directive''||''Default''||''Description''||\n");
  } else {
    fmt::print("{:<25}{:<10}{}\n{:-<80}\n", "Directive", "Default", "Description", "");
  }
  for (const Directive& directive : directives) {
    if (directive.default_value == nullptr) continue;
    if (wiki) {
      std::string page{directive.name};
      page.front() = static_cast<char>(page.front() - 'a' + 'A');
      fmt::print("||[wiki:ha.cf/{}Directive {}]||{}||{}||\n", page, directive.name,
                 directive.default_value, directive.description);
    } else {
      fmt::print("{:<25}{:<10}{}\n", directive.name, directive.default_value,
                 directive.description);
    }
  }
  fmt::print("\n");
}

void print_config(const core::Config& config) {
  constexpr const char* rule = "#---------------------------------------------------";
  fmt::print("#\n#\tLinux-HA heartbeat configuration (on {})\n#\n\n{}\n#\n"
             "#\tHA configuration and status\n#\n",
             config.node_name, rule);
  for (const Directive& directive : directives) {
    const auto value = config.parameters.find(directive.name);
    if (value != config.parameters.end()) {
      fmt::print("{}\t{}\t#\t{}\n", directive.name, value->second, directive.description);
    }
  }
  fmt::print("#\n#\tHA Cluster nodes:\n#\n");
  for (const core::NodeConfig& node : config.nodes) {
    fmt::print("node {}\t#\t current status: init\n", node.name);
  }
  fmt::print("#\n#\tCommunications media:\n");
  for (const core::MediumConfig& medium : config.media) {
    fmt::print("#\n# {} heartbeat channel -------------\n{} {}\n", medium_title(medium.type),
               core::name_of(medium.type), medium.link_name());
  }
  fmt::print("{}\n", rule);
}

}  // namespace hb::master
