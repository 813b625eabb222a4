// cl_status: asks the local daemon about nodes, links, clients, resources and parameters
#include "clients/hbclient.hpp"
#include "os/clock.hpp"
#include "os/log.hpp"

#include <getopt.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>

namespace {

using hb::clients::HbClient;
using hb::clients::LinkEntry;
using hb::clients::NodeEntry;

// habit: the exit codes of client-api §4, which scripts test.
constexpr int good = 0, normal_failure = 1, client_join = 2, client_leave = 3;
constexpr int parameter_error = 11, timed_out = 12, unknown_error = 13;
/// Seconds after which the daemon counts as hung (exit 12, no output).
constexpr unsigned patience_seconds = 5;
/// For when SIGALRM does not come, as in a caller that blocked it.
constexpr std::chrono::seconds patience{patience_seconds + 1};
constexpr std::chrono::milliseconds client_status_patience{500};

constexpr const char* usage =
    "Usage: cl_status <sub-command> [<options>] [<parameters>]\n"
    "\n"
    "Sub-commands:\n"
    "clientstatus <node-name> <client-id> [<timeout>]\n"
    "\tShow the status of heartbeat clients.\n"
    "hblinkstatus <node-name> <link-name>\n"
    "\tShow the status of a heartbeat link\n"
    "hbstatus\n"
    "\tIndicate if heartbeat is running on the local system.\n"
    "\tOptions:\n"
    "\t\t-v\tverbose: also add \"listnodes -v\" output\n"
    "listnodes [<option>]\n"
    "\tList the nodes in the cluster.\n"
    "\tOptions:\n"
    "\t\t-p\tlist only 'ping' type nodes\n"
    "\t\t-n\tlist only 'normal' type nodes\n"
    "\t\t-v\tverbose: also list type and status,\n"
    "\t\t\tthen add \"listhblinks -v\" output\n"
    "listhblinks <node-name>\n"
    "\tList the network interfaces used as hearbeat links.\n"
    "\tOptions:\n"
    "\t\t-v\tverbose: list link status as well\n"
    "nodestatus <node-name>\n"
    "\tList the node status.\n"
    "nodeweight <node-name>\n"
    "\tList the node weight.\n"
    "nodesite <node-name>\n"
    "\tList the node site.\n"
    "nodetype <node-name>\n"
    "\tList the nodes of a given type.\n"
    "rscstatus\n"
    "\tShow the status of cluster resources.\n"
    "hbparameter -p <parameter-name>\n"
    "\tRetrieve the value of a cluster parameter.\n"
    "\tAs for the valid parameter names, please refer to the man page.\n";

/// habit: `Nov 22 18:31:27 n1 cl_status: [2268]: ERROR: text`
void log_error(std::string_view text) {
  hb::os::LogSource source = hb::os::log_source();
  source.entity = "cl_status";
  const auto line = hb::os::file_line(hb::os::LineFormat::syslog_like, source,
                                      hb::os::now().wall, hb::core::LogLevel::error, text);
  std::fputs(line.c_str(), stderr);
}

void log_failure(std::string_view what, std::string_view reason) {
  log_error(what);
  log_error(fmt::format("REASON: {}", reason));
}

int wrong_usage(const char* text) {
  std::fputs(text, stderr);
  return parameter_error;
}

struct Options {
  bool for_people = false;  ///< -m
  bool verbose = false;     ///< -v
  bool normal = false;      ///< -n
  bool ping = false;        ///< -p without a value
  std::string parameter;    ///< hbparameter -p NAME
  bool has_parameter = false;
  std::vector<std::string> words;

  [[nodiscard]] std::string word(std::size_t index) const {
    return index < words.size() ? words[index] : std::string{};
  }
};

struct Call {
  HbClient& client;
  const hb::core::Result<void>& signed_on;
  const Options& options;
};

bool is_off(std::string_view pacemaker) {
  return pacemaker == "false" || pacemaker == "off" || pacemaker == "no" || pacemaker == "n" ||
         pacemaker == "0" || pacemaker.empty();
}

// ---- nodes and links

int list_links(const Call& call, std::string_view node, bool with_status) {
  const auto links = call.client.links(node);
  if (!links) {
    log_failure("Cannot start heartbeat link interface walk.", links.error().text);
    return unknown_error;
  }
  if (call.options.for_people) fmt::print("\tthis node has the following heartbeat links:\n");
  // habit: the walks of the old library go backwards.
  for (auto link = links->rbegin(); link != links->rend(); ++link)
    if (with_status)
      fmt::print("\t{}\t{}\n", link->name, link->status);
    else
      fmt::print("\t{}\n", link->name);
  return good;
}

int list_nodes(const Call& call, bool with_links) {
  const auto nodes = call.client.nodes();
  if (!nodes) {
    log_failure("Cannot start node walk", nodes.error().text);
    return unknown_error;
  }
  const bool every = call.options.normal == call.options.ping;
  if (call.options.for_people) fmt::print("The nodes are as follow:\n");
  for (auto node = nodes->rbegin(); node != nodes->rend(); ++node) {
    const bool wanted = node->type == "ping" ? call.options.ping : call.options.normal;
    if (!every && !wanted) continue;
    if (!with_links) {
      fmt::print("{}\n", node->name);
      continue;
    }
    fmt::print("\n{}\t{}\t(nodetype: {})\n", node->name, node->status, node->type);
    if (const int code = list_links(call, node->name, true); code != good) return code;
  }
  return good;
}

int run_list_nodes(const Call& call) {
  return list_nodes(call, call.options.verbose);
}

int run_list_links(const Call& call) {
  if (call.options.words.empty()) return wrong_usage("No enough parameter.\n");
  return list_links(call, call.options.words[0], call.options.verbose);
}

int run_node_status(const Call& call) {
  if (call.options.words.empty()) return wrong_usage("Not enough parameters.\n");
  const std::string& node = call.options.words[0];
  const auto status = call.client.node_status(node);
  if (!status) return wrong_usage("Error. May be due to incorrect node name\n");
  if (call.options.for_people)
    fmt::print("The cluster node {} is {}\n", node, *status);
  else
    fmt::print("{}\n", *status);
  const bool alive = *status == "active" || *status == "up" || *status == "ping";
  return alive ? good : normal_failure;
}

int run_node_weight(const Call& call) {
  if (call.options.words.empty()) return wrong_usage("Not enough parameters.\n");
  const std::string& node = call.options.words[0];
  const auto weight = call.client.node_weight(node);
  if (!weight) return wrong_usage("Error. Maybe due to incorrect node name.\n");
  if (call.options.for_people)
    fmt::print("The weight of the cluster node {} is {}\n", node, *weight);
  else
    fmt::print("{}\n", *weight);
  return good;
}

int run_node_site(const Call& call) {
  if (call.options.words.empty()) return wrong_usage("Not enough parameters.\n");
  const std::string& node = call.options.words[0];
  const auto site = call.client.node_site(node);
  if (!site) return wrong_usage("Error. May be due to incorrect node name\n");
  if (call.options.for_people)
    fmt::print("The site of the cluster node {} is {}\n", node, *site);
  else
    fmt::print("{}\n", *site);
  return good;
}

int run_node_type(const Call& call) {
  if (call.options.words.empty()) return wrong_usage("No enough parameter.\n");
  const std::string& node = call.options.words[0];
  const auto type = call.client.node_type(node);
  if (!type) return wrong_usage("Error. May be due to incorrect node name\n");
  if (call.options.for_people)
    fmt::print("The node {}'s type: {}\n", node, *type);
  else
    fmt::print("{}\n", *type);
  return good;
}

int run_link_status(const Call& call) {
  if (call.options.words.size() < 2) return wrong_usage("No enough parameter.\n");
  const std::string& node = call.options.words[0];
  const std::string& link = call.options.words[1];
  const auto status = call.client.link_status(node, link);
  if (!status) {
    log_failure("Cannot get heartbeat link status", "");  // habit: no reason is told here
    return unknown_error;
  }
  if (call.options.for_people)
    fmt::print("The node {}'s heartbeat link {} is {}\n", node, link, *status);
  else
    fmt::print("{}\n", *status);
  return *status == "up" ? good : *status == "dead" ? normal_failure : unknown_error;
}

// ---- the daemon, its clients, resources and parameters

int run_daemon_status(const Call& call) {
  const auto& facts = call.client.facts();
  if (!call.signed_on) {
    // habit: a daemon that told its deadtime is there, and only refuses us.
    const bool refused = facts.deadtime.has_value();
    fmt::print("{}\n", refused ? "Heartbeat is apparently running on this machine, but refuses "
                                 "my connection"
                               : "Heartbeat is stopped on this machine.");
    if (call.options.verbose) fmt::print("({})\n", call.signed_on.error().text);
    return refused ? good : normal_failure;
  }
  const bool people = call.options.for_people;
  if (!call.options.verbose) {
    fmt::print("Heartbeat is running on this machine.\n");
    return good;
  }
  const bool haresources = is_off(facts.pacemaker);
  if (people)
    fmt::print("Heartbeat version {}\n{}\n", facts.version,
               haresources ? "Resources controlled by \"haresources\""
                           : "Resources controlled by Pacemaker.");
  else if (haresources)
    fmt::print("version:\t{}\nmanaged by:\t\"haresources\"\n", facts.version);
  else
    fmt::print("version:\t{}\nmanaged by:\tpacemaker\t({})\n", facts.version, facts.pacemaker);
  return list_nodes(call, true);
}

int run_client_status(const Call& call) {
  const auto& words = call.options.words;
  if (words.size() < 2) return wrong_usage("No enough parameter.\n");
  auto limit = client_status_patience;
  if (words.size() > 2)  // habit: what is no number is 0
    limit = std::chrono::milliseconds{std::strtol(words[2].c_str(), nullptr, 10)};
  const auto status = call.client.client_status(words[0], words[1], limit);
  if (!status) {
    log_failure(fmt::format("Cannot get heartbeat client {}'s status", words[1]),
                status.error().text);
    return unknown_error;
  }
  fmt::print("{}\n", *status);
  if (*status == "online") return good;
  if (*status == "offline") return normal_failure;
  return *status == "join" ? client_join : *status == "leave" ? client_leave : unknown_error;
}

int run_resource_status(const Call& call) {
  if (!is_off(call.client.facts().pacemaker)) {
    log_error("Cannot get cluster resource status of a pacemaker cluster; try crm_mon");
    return normal_failure;
  }
  const auto held = call.client.resources();
  if (!held) {
    log_failure("Cannot get cluster resource status", held.error().text);
    return normal_failure;
  }
  if (call.options.for_people)
    fmt::print("This node is holding {} resources.\n", *held);
  else
    fmt::print("{}\n", *held);
  return good;
}

int run_parameter(const Call& call) {
  if (!call.options.has_parameter) {
    log_error("parameter name required");
    return parameter_error;
  }
  const std::string& name = call.options.parameter;
  const auto value = call.client.parameter(name);
  if (!value) {
    log_failure(fmt::format("Cannot get parameter {}'s value", name), value.error().text);
    return normal_failure;
  }
  if (call.options.for_people)
    fmt::print("Heartbeat parameter {}'s value: {}\n", name, *value);
  else
    fmt::print("{}\n", *value);
  return good;
}

int run_test(const Call& call) {
  const auto& facts = call.client.facts();
  const auto held = call.client.resources();
  // habit: spelling and layout of 3.0.6
  fmt::print("Dead time: {}\n keeplive time: {}\n mynodeid: {}\n rsc: {}\n",
             facts.deadtime->count(), facts.keepalive->count(), facts.node,
             held ? *held : "(null)");
  return good;
}

// ---- the table of sub-commands

enum class NeedsDaemon : std::uint8_t { yes, no };

struct SubCommand {
  std::string_view name;
  const char* options;     ///< as getopt wants them
  const char* bad_option;  ///< habit: two wordings of one complaint; null = go on
  NeedsDaemon daemon;
  int (*run)(const Call&);
};

constexpr const char* complaint = "Error: getopt returnedcharacter ?.";
constexpr const char* complaint_code = "Error: getopt returnedcharacter code ?.";

constexpr std::array sub_commands{
    SubCommand{"hbstatus", "mv", nullptr, NeedsDaemon::no, run_daemon_status},
    SubCommand{"listnodes", "mnpv", complaint_code, NeedsDaemon::yes, run_list_nodes},
    SubCommand{"nodestatus", "m", complaint, NeedsDaemon::yes, run_node_status},
    SubCommand{"nodeweight", "m", complaint, NeedsDaemon::yes, run_node_weight},
    SubCommand{"nodesite", "m", complaint, NeedsDaemon::yes, run_node_site},
    SubCommand{"nodetype", "m", complaint, NeedsDaemon::yes, run_node_type},
    SubCommand{"listhblinks", "mv", complaint_code, NeedsDaemon::yes, run_list_links},
    SubCommand{"hblinkstatus", "m", complaint, NeedsDaemon::yes, run_link_status},
    SubCommand{"clientstatus", "m", complaint, NeedsDaemon::yes, run_client_status},
    SubCommand{"rscstatus", "m", complaint, NeedsDaemon::yes, run_resource_status},
    SubCommand{"hbparameter", "mp:", complaint_code, NeedsDaemon::yes, run_parameter},
    SubCommand{"test", "m", nullptr, NeedsDaemon::yes, run_test},
};

const SubCommand* find_sub_command(std::string_view name) {
  for (const SubCommand& command : sub_commands)
    if (command.name == name) return &command;
  return nullptr;
}

/// False after a bad option that this sub-command does not forgive; getopt has complained.
bool read_options(const SubCommand& command, int argc, char** argv, Options& options) {
  while (true) {
    const int option = ::getopt(argc, argv, command.options);
    switch (option) {
      case -1:
        options.words.assign(argv + ::optind, argv + argc);
        return true;
      case 'm': options.for_people = true; break;
      case 'v': options.verbose = true; break;
      case 'n': options.normal = true; break;
      case 'p':
        options.ping = true;
        options.has_parameter = true;
        if (::optarg != nullptr) options.parameter = ::optarg;
        break;
      default:
        if (command.bad_option == nullptr) break;
        log_error(command.bad_option);
        return false;
    }
  }
}

extern "C" void give_up(int) {
  ::_exit(timed_out);
}

int run(const SubCommand& command, int argc, char** argv) {
  HbClient client(hb::clients::register_socket(), patience);
  const auto signed_on = client.sign_on("");
  if (!signed_on && command.daemon == NeedsDaemon::yes) {
    log_failure("Cannot signon with heartbeat", signed_on.error().text);
    return normal_failure;
  }
  Options options;
  if (!read_options(command, argc, argv, options)) return parameter_error;
  const int code = command.run({client, signed_on, options});
  client.sign_off();
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || (argc == 2 && std::string_view{argv[1]} == "-h")) {
    std::fputs(usage, stdout);
    return good;
  }
  const SubCommand* command = find_sub_command(argv[1]);
  if (command == nullptr) {
    log_error(fmt::format("{}: invalid sub-command.", argv[1]));
    return parameter_error;
  }
  // A hung daemon must not hang whoever asks: nothing is printed, since stdout was not flushed.
  ::signal(SIGALRM, give_up);
  ::alarm(patience_seconds);
  const int code = run(*command, argc - 1, argv + 1);
  return std::fflush(stdout) == 0 ? code : unknown_error;
}
