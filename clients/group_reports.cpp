// group_reports: what cl_status shows of resource groups, and the orders that it gives
#include "clients/group_reports.hpp"

#include "clients/control_fifo.hpp"
#include "core/config_text.hpp"
#include "core/snapshot.hpp"
#include "ipc/board.hpp"
#include "ipc/outcomes.hpp"
#include "os/clock.hpp"
#include "os/file.hpp"
#include "os/paths.hpp"

#include <fmt/chrono.h>
#include <fmt/core.h>

#include <poll.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <ctime>
#include <memory>
#include <optional>

namespace hb::clients::reports {

namespace {

using core::GroupRow;
using core::GroupState;
using core::NodeId;
using core::Snapshot;

/// A daemon answers an order within a turn; the program's own alarm comes after 5 s.
constexpr std::chrono::milliseconds order_patience{4000};
constexpr std::chrono::milliseconds look_pause{5};
/// The board of a daemon that works is never that old: it is written each second.
constexpr std::chrono::seconds oldest_board{10};

/// The board of a daemon that runs, or why there is none.
core::Result<std::unique_ptr<Snapshot>> present_view() {
  const auto board = ipc::BoardReader::open(os::paths::board);
  if (!board) return board.error();
  const auto pid = static_cast<pid_t>(board->identity().pid);
  if (!os::process_exists(pid)) return core::Error{"heartbeat does not run here"};
  auto snapshot = std::make_unique<Snapshot>();
  const auto age = board->read_snapshot(*snapshot);
  if (!age) return age.error();
  if (*age > oldest_board) return core::Error{"heartbeat has told nothing for some time; it hangs"};
  return core::ok(std::move(snapshot));
}

std::string node_name(const Snapshot& snapshot, NodeId node) {
  if (node.value >= snapshot.node_count) return "-";
  return std::string{snapshot.nodes[node.value].name.view()};
}

/// As one word: what this node knows of the group.
std::string_view state_of(const Snapshot& snapshot, const GroupRow& row) {
  if (row.withheld_by != core::no_node) return "unknown";
  if (row.owner == snapshot.self) return core::name_of(row.state);
  if (row.owner != core::no_node) return "running";
  const bool failed = row.state == GroupState::failed || row.failed_on != GroupRow{}.failed_on;
  return failed ? "failed" : "stopped";
}

/// What stands against the group, and the cure.
std::string remarks_of(const Snapshot& snapshot, const GroupRow& row) {
  std::string text;
  const auto add = [&](const std::string& remark) { text += (text.empty() ? "" : "; ") + remark; };
  std::string failed;
  for (std::size_t i = 0; i < snapshot.node_count; ++i) {
    if ((row.failed_on[i / 64] >> (i % 64) & 1U) == 0) continue;
    failed += " " + node_name(snapshot, NodeId{static_cast<std::uint16_t>(i)});
  }
  if (!failed.empty()) add("failed on" + failed);
  if (row.failures > 0) add(fmt::format("{} failures on this node", row.failures));
  if (row.blocked != 0) add("not started on this node until: cl_status cleanup GROUP");
  if (row.withheld_by != core::no_node) {
    const std::string node = node_name(snapshot, row.withheld_by);
    add(fmt::format("would not stop on {0}; make sure that {0} is off, then: cl_status fenced {0}",
                    node));
  }
  if (row.state == GroupState::unknown) add("a stop failed; stop it by hand, it is tried again");
  return text;
}

/// Why nothing is taken over, and the cure.
void print_fencing(const Snapshot& snapshot) {
  for (std::size_t i = 0; i < snapshot.node_count; ++i) {
    const core::NodeRow& row = snapshot.nodes[i];
    if (row.fencing == core::FenceState::none) continue;
    const std::string_view name = row.name.view();
    fmt::print("{} is dead and to be fenced before anything is taken over: {}", name,
               row.fencing == core::FenceState::running ? "under way" : "waits for the next try");
    if (row.fence_attempts > 0) {
      fmt::print("; {} tries failed ({})", row.fence_attempts, row.fence_trouble.view());
    }
    fmt::print("\n\tif it is certain that {} is off: cl_status fenced {}\n", name, name);
  }
}

void print_outcomes(const ipc::Outcomes& outcomes, std::string_view key) {
  for (const ipc::Outcome& each : outcomes.entries()) {
    if (each.key != key) continue;
    const std::time_t at = static_cast<std::time_t>(each.at);
    fmt::print("\t{}\t{}, {:%Y-%m-%d %H:%M:%S}{}\n", each.script, ipc::text_of(each),
               fmt::localtime(at), each.failed() ? " (failed)" : "");
    for (std::string_view rest = each.output; each.failed() && !rest.empty();) {
      fmt::print("\t\t{}\n", core::take_line(rest));
    }
  }
}

std::uint64_t new_order_number() {
  const auto now = static_cast<std::uint64_t>(os::instant_now().time_since_epoch().count());
  return (now << 8 | (static_cast<std::uint64_t>(::getpid()) & 0xff)) >> 1 | 1;
}

int await_order(std::uint64_t number) {
  const auto end = os::instant_now() + order_patience;
  std::string reason = "heartbeat does not answer";
  while (os::instant_now() < end) {
    const auto view = present_view();
    if (!view) {
      reason = view.error().text;
    } else if ((*view)->order == number) {
      const bool begun = (*view)->order_result == core::OrderResult::begun;
      std::FILE* const out = begun ? stdout : stderr;
      fmt::print(out, "{}\n", (*view)->order_text.view());
      return begun ? good : normal_failure;
    }
    (void)::poll(nullptr, 0, static_cast<int>(look_pause.count()));
  }
  log_failure("The order was given, and nothing tells whether it was carried out", reason);
  return timed_out;
}

int give_order(const std::string& fields) {
  if (const auto view = present_view(); !view) {
    log_failure("Cannot give the order", view.error().text);
    return normal_failure;
  }
  const std::uint64_t number = new_order_number();
  const auto written =
      write_control_fifo(fmt::format(">>>\n{}\nsys_order={}\n<<<\n", fields, number));
  if (!written) {
    log_failure("Cannot give the order", written.error().text);
    return normal_failure;
  }
  return await_order(number);
}

}  // namespace

int run_resources(const Call&) {
  const auto view = present_view();
  if (!view) {
    log_failure("Cannot show the resources", view.error().text);
    return normal_failure;
  }
  const Snapshot& snapshot = **view;
  if (snapshot.maintenance != 0) fmt::print("maintenance is on: nothing is moved or monitored\n");
  print_fencing(snapshot);
  const auto outcomes = ipc::read_outcomes(os::paths::outcomes);
  bool all_run = true;
  for (std::size_t i = 0; i < snapshot.group_count; ++i) {
    const GroupRow& row = snapshot.groups[i];
    const std::string_view state = state_of(snapshot, row);
    const std::string remarks = remarks_of(snapshot, row);
    const bool shown = row.withheld_by == core::no_node;
    fmt::print("{}\t{}\t{}{}\n", row.key.view(), node_name(snapshot, shown ? row.owner
                                                                          : core::no_node),
               state, remarks.empty() ? "" : " (" + remarks + ")");
    if (outcomes) print_outcomes(*outcomes, row.key.view());
    all_run = all_run && state == "running";
  }
  return all_run ? good : normal_failure;
}

int run_cleanup(const Call& call) {
  if (call.options.words.size() != 1) {
    std::fputs("Name one group: the first resource of a line of haresources.\n", stderr);
    return parameter_error;
  }
  const std::string& group = call.options.words[0];
  const bool plain = !group.empty() && group.find_first_of("\n\r") == std::string::npos;
  constexpr std::size_t longest = 500;  // what the daemon takes in a line
  if (!plain || group.size() > longest) {
    std::fputs("That is no name of a group.\n", stderr);
    return parameter_error;
  }
  return give_order("t=sys_cleanup\nkey=" + group);
}

int run_fenced(const Call& call) {
  if (call.options.words.size() != 1) {
    std::fputs("Name one node, of which you have made sure that it is off.\n", stderr);
    return parameter_error;
  }
  const std::string& node = call.options.words[0];
  const bool plain = !node.empty() && node.find_first_of("\n\r") == std::string::npos;
  if (!plain || node.size() > core::limits::node_name_bytes) {
    std::fputs("That is no name of a node.\n", stderr);
    return parameter_error;
  }
  return give_order("t=sys_fenced\nnode=" + node);
}

int run_maintenance(const Call& call) {
  if (call.options.words.empty()) {
    const auto view = present_view();
    if (!view) {
      log_failure("Cannot tell whether maintenance is on", view.error().text);
      return normal_failure;
    }
    fmt::print("{}\n", (*view)->maintenance != 0 ? "on" : "off");
    return good;
  }
  const std::string& state = call.options.words[0];
  if (call.options.words.size() != 1 || (state != "on" && state != "off")) {
    std::fputs("maintenance is to be on or off.\n", stderr);
    return parameter_error;
  }
  return give_order("t=sys_maintenance\nstate=" + state);
}

int run_order(const Call& call) {
  std::uint64_t number = 0;
  if (call.options.words.size() == 1) {
    const std::string& word = call.options.words[0];
    const auto read = std::from_chars(word.data(), word.data() + word.size(), number);
    if (read.ec != std::errc{} || read.ptr != word.data() + word.size()) number = 0;
  }
  if (number != 0) return await_order(number);
  std::fputs("Name the number of one order.\n", stderr);
  return parameter_error;
}

}  // namespace hb::clients::reports
