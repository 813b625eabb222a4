// cl_status: asks the local daemon about nodes, links, clients, resources and parameters
#include "clients/group_reports.hpp"
#include "clients/hbclient.hpp"
#include "clients/observe/sub_commands.hpp"
#include "clients/reports.hpp"

#include <getopt.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string_view>

#include <fmt/core.h>

namespace {

using hb::clients::HbClient;
using namespace hb::clients::reports;

/// Seconds after which the daemon counts as hung (exit 12, no output).
constexpr unsigned patience_seconds = 5;
/// For when SIGALRM does not come, as in a caller that blocked it.
constexpr std::chrono::seconds patience{patience_seconds + 1};

// habit: to the letter, since programs read it; sub-commands of ours stand in cl_status(1) only.
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

// ---- the table of sub-commands

/// apart: it is not even asked, only its board is read.
enum class NeedsDaemon : std::uint8_t { yes, no, apart };

struct SubCommand {
  std::string_view name;
  const char* options;     ///< as getopt wants them; null: it reads its words itself
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
    SubCommand{"resources", "m", complaint, NeedsDaemon::no, run_resources},
    SubCommand{"cleanup", "m", complaint, NeedsDaemon::no, run_cleanup},
    SubCommand{"fenced", "m", complaint, NeedsDaemon::no, run_fenced},
    SubCommand{"maintenance", "m", complaint, NeedsDaemon::no, run_maintenance},
    SubCommand{"order", "m", complaint, NeedsDaemon::no, run_order},
    SubCommand{"json", "m", complaint, NeedsDaemon::apart, run_json},
    SubCommand{"metrics", "m", complaint, NeedsDaemon::apart, run_metrics},
    SubCommand{"why", nullptr, nullptr, NeedsDaemon::apart, run_why},
    SubCommand{"test", "m", nullptr, NeedsDaemon::yes, run_test},
};

const SubCommand* find_sub_command(std::string_view name) {
  for (const SubCommand& command : sub_commands)
    if (command.name == name) return &command;
  return nullptr;
}

/// False after a bad option that this sub-command does not forgive; getopt has complained.
bool read_options(const SubCommand& command, int argc, char** argv, Options& options) {
  if (command.options == nullptr) {
    options.words.assign(argv + 1, argv + argc);
    return true;
  }
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
  const auto signed_on = command.daemon == NeedsDaemon::apart
                             ? hb::core::Result<void>{hb::core::Error{"not asked"}}
                             : client.sign_on("");
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
