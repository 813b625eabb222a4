// adopt: what a master that died left behind, and whether the next one may go on with it
#include "master/adopt.hpp"

#include <algorithm>

namespace hb::master {
namespace {

/// Crashes count together if they lie within so many dead times.
constexpr int crash_window_deadtimes = 10;
/// Between our decision and the moment at which the new runner has the ledger.
constexpr core::Duration handover = std::chrono::milliseconds{100};

/// A busy machine may keep even a real-time process waiting for some time.
constexpr core::Duration shortest_hang = std::chrono::milliseconds{500};

}  // namespace

Succession find_estate(const std::string& path, std::string_view boot, core::Instant now,
                       core::Duration deadtime, Estate& estate) {
  const auto board = ipc::BoardReader::open(path);
  if (!board) return Succession::none;
  const ipc::Testament last = board->testament();
  if (last.is_settled || boot.empty() || last.boot != boot) return Succession::none;
  auto memory = board->memory();
  if (!memory || memory->active == 0 || !core::check(*memory, now)) return Succession::none;
  if (now - memory->saved_at > deadtime - std::min(handover, deadtime / 4)) {
    return Succession::none;
  }
  estate.memory = std::move(memory);
  estate.crashes.front() = now;
  std::copy_n(last.crashes.begin(), last.crashes.size() - 1, estate.crashes.begin() + 1);
  const core::Instant oldest = estate.crashes.back();
  const bool too_often = oldest != core::Instant{} &&
                         now - oldest <= crash_window_deadtimes * deadtime;
  return too_often ? Succession::too_often : Succession::go_on;
}

bool follows_a_crash(const std::string& path, std::string_view boot) {
  const auto board = ipc::BoardReader::open(path);
  if (!board || boot.empty()) return false;
  const ipc::Testament last = board->testament();
  return !last.is_settled && last.boot == boot;
}

core::Duration hang_after(const core::Config& config) {
  return std::max({config.deadtime / 2, config.keepalive + config.keepalive / 2, shortest_hang});
}

std::shared_ptr<const core::Continuity> last_memory(const std::string& path,
                                                    std::string_view boot, core::Instant now) {
  const auto board = ipc::BoardReader::open(path);
  if (!board || boot.empty() || board->testament().boot != boot) return {};
  auto memory = board->memory();
  if (!memory || !core::check(*memory, now)) return {};
  return memory;
}

std::vector<ipc::LogLine> last_lines(const std::string& path) {
  std::vector<ipc::LogLine> lines;
  const auto board = ipc::BoardReader::open(path);
  if (!board) return lines;
  // No box has more lines, and one that is still written to must not keep us here.
  constexpr std::size_t most_lines = ipc::blackbox_bytes / 16;
  ipc::BlackBoxReader box = board->black_box(ipc::BlackBoxReader::From::oldest);
  while (lines.size() < most_lines) {
    auto line = box.next();
    if (!line) break;
    lines.push_back(std::move(*line));
  }
  return lines;
}

}  // namespace hb::master
