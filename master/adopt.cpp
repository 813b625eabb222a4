// adopt: what a master that died left behind, and whether the next one may go on with it
#include "master/adopt.hpp"

#include <algorithm>

namespace hb::master {
namespace {

/// Crashes count together if they lie within so many dead times.
constexpr int crash_window_deadtimes = 10;
/// Between our decision and the moment at which the new runner has the ledger.
constexpr core::Duration handover = std::chrono::milliseconds{100};

}  // namespace

core::Duration patience_of_runner(core::Duration deadtime) { return deadtime / 2; }

Succession find_estate(const std::string& path, std::string_view boot, core::Instant now,
                       core::Duration deadtime, Estate& estate) {
  const auto board = ipc::BoardReader::open(path);
  if (!board) return Succession::none;
  const ipc::Testament last = board->testament();
  const core::Duration patience = patience_of_runner(deadtime);
  const core::Duration ago = now - last.turn;
  if (last.is_settled || boot.empty() || last.boot != boot || last.turn == core::Instant{} ||
      ago < core::Duration::zero() || ago > patience - std::min(handover, patience / 4)) {
    return Succession::none;
  }
  estate.view = std::make_unique<core::Snapshot>();
  if (!board->read_snapshot(*estate.view)) return Succession::none;
  estate.generation = estate.view->generation;
  estate.next_seqno = last.next_seqno;
  estate.crashes.front() = now;
  std::copy_n(last.crashes.begin(), last.crashes.size() - 1, estate.crashes.begin() + 1);
  const core::Instant oldest = estate.crashes.back();
  const bool too_often = oldest != core::Instant{} &&
                         now - oldest <= crash_window_deadtimes * deadtime;
  return too_often ? Succession::too_often : Succession::go_on;
}

core::Holding held_by(const core::Snapshot& view) {
  bool local = false, foreign = false;
  for (std::size_t i = 0; i < view.group_count; ++i) {
    if (view.groups[i].state == core::GroupState::stopped) continue;
    (view.groups[i].home == view.self ? local : foreign) = true;
  }
  // Without a group of its own a node holds its share all the same, once it is settled.
  if (view.holding != core::Holding::transition) return view.holding;
  if (local) return foreign ? core::Holding::all : core::Holding::local;
  return foreign ? core::Holding::foreign : core::Holding::none;
}

std::string running_keys(const core::Snapshot& view) {
  std::string keys;
  for (std::size_t i = 0; i < view.group_count; ++i) {
    if (view.groups[i].state == core::GroupState::stopped) continue;
    if (!keys.empty()) keys += ' ';
    keys += view.groups[i].key.view();
  }
  return keys;
}

}  // namespace hb::master
