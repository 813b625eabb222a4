// view: all that the board tells of a daemon that runs, hangs or has ended, checked and plain
#include "clients/observe/view.hpp"

#include "os/clock.hpp"
#include "os/file.hpp"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

namespace hb::clients::observe {

namespace {

/// More lines than a box holds: a writer that is quicker than we are must not keep us here.
constexpr std::size_t most_lines = ipc::blackbox_bytes / 16;

}  // namespace

std::string_view name_of(Daemon daemon) {
  switch (daemon) {
    case Daemon::running: return "running";
    case Daemon::silent: return "silent";
    case Daemon::ended: break;
  }
  return "ended";
}

core::Result<View> look(const std::string& path) {
  const auto board = ipc::BoardReader::open(path);
  if (!board) return board.error();
  View view;
  view.snapshot = std::make_unique<core::Snapshot>();
  const auto age = board->read_snapshot(*view.snapshot);
  if (!age) return age.error();
  const core::Now now = os::now();
  const auto identity = board->identity();
  view.age = std::max(*age, core::Duration{});
  view.pid = identity.pid;
  view.looked = now.instant;
  view.wall_seconds = now.wall.time_since_epoch().count();
  view.uptime = std::max(now.instant - identity.started, core::Duration{});
  // A snapshot from the future is one of another boot, or of nobody.
  const bool present = *age >= core::Duration{} && identity.pid > 0 &&
                       std::in_range<pid_t>(identity.pid) &&
                       os::process_exists(static_cast<pid_t>(identity.pid));
  if (present) view.daemon = view.age > oldest_board ? Daemon::silent : Daemon::running;
  view.counters = board->counters();
  ipc::BlackBoxReader box = board->black_box(ipc::BlackBoxReader::From::oldest);
  for (std::size_t i = 0; i < most_lines; ++i) {
    auto line = box.next();
    if (!line) break;
    if (line->level != core::LogLevel::debug) view.journal.push_back(std::move(*line));
  }
  return core::ok(std::move(view));
}

std::string plain(std::string_view text) {
  std::string result{text};
  for (char& c : result)
    if (c < ' ' || c > '~') c = '?';
  return result;
}

std::string node_name(const core::Snapshot& snapshot, core::NodeId node) {
  if (node.value >= snapshot.node_count) return "-";
  return plain(snapshot.nodes[node.value].name.view());
}

std::string_view state_of(const core::Snapshot& snapshot, const core::GroupRow& row) {
  if (row.withheld_by != core::no_node) return "unknown";
  if (row.owner == snapshot.self) return core::name_of(row.state);
  if (row.owner != core::no_node) return "running";
  const bool failed =
      row.state == core::GroupState::failed || row.failed_on != core::GroupRow{}.failed_on;
  return failed ? "failed" : "stopped";
}

std::vector<std::string> failed_nodes(const core::Snapshot& snapshot, const core::GroupRow& row) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < snapshot.node_count; ++i) {
    if ((row.failed_on[i / 64] >> (i % 64) & 1U) == 0) continue;
    names.push_back(plain(snapshot.nodes[i].name.view()));
  }
  return names;
}

std::optional<core::Duration> ago(const View& view, std::int64_t at_ns) {
  if (at_ns <= 0) return std::nullopt;
  return std::max(view.looked - core::Instant{core::Duration{at_ns}}, core::Duration{});
}

std::string seconds_text(core::Duration duration) {
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return fmt::format("{}.{:03}", milliseconds / 1000, milliseconds % 1000);
}

}  // namespace hb::clients::observe
