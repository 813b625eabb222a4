// fencing: a node that died without a goodbye is reset, before anything of it is taken
#include "core/fencing.hpp"

#include "core/resource_log_text.hpp"

#include <algorithm>

#include <fmt/core.h>

namespace hb::core {

namespace {

/// How a device's program ended, in a few words.
std::string text_of(const ActionDone& action) {
  std::string text;
  switch (action.end) {
    case ActionEnd::exited: text = fmt::format("exit code {}", action.code); break;
    case ActionEnd::signaled: text = fmt::format("killed by signal {}", action.code); break;
    case ActionEnd::missing: text = "its program cannot be started"; break;
    case ActionEnd::timed_out: text = "no end within fence_timeout"; break;
    case ActionEnd::unknown: text = "nobody knows how it ended"; break;
  }
  // Its last line mostly says it best.
  std::string_view output = action.output;
  while (output.ends_with('\n')) output.remove_suffix(1);
  const auto line = output.rfind('\n');
  if (line != output.npos) output.remove_prefix(line + 1);
  if (!output.empty()) text += fmt::format(": {}", output.substr(0, 200));
  return text;
}

bool is_good(const ActionDone& action) {
  return action.end == ActionEnd::exited && action.code == 0;
}

}  // namespace

std::size_t device_count(const Config& config) {
  return config.fence_agents.size() + config.stonith.size();
}

std::string_view name_of(const Config& config, Device device) {
  const std::size_t agents = config.fence_agents.size();
  if (device.value >= agents) return config.stonith[device.value - agents].type;
  const std::string_view program = config.fence_agents[device.value].program;
  return program.substr(program.rfind('/') + 1);
}

bool serves(const Config& config, Device device, NodeId node) {
  if (device.value >= config.fence_agents.size()) return true;  // it knows its hosts itself
  const std::string& wanted = config.fence_agents[device.value].node;
  return wanted == "*" || wanted == config.nodes[node.value].name;
}

Fencing::Fencing(const Config& config)
    : config_{config}, rows_(config.nodes.size()), checks_(device_count(config)) {}

std::optional<Device> Fencing::device_from(NodeId node, std::size_t first) const {
  for (std::size_t i = first; i < checks_.size(); ++i) {
    const Device device{static_cast<std::uint16_t>(i)};
    if (serves(config_, device, node)) return device;
  }
  return {};
}

bool Fencing::can_fence(NodeId node) const { return device_from(node, 0).has_value(); }

bool Fencing::is_pending() const {
  return std::ranges::any_of(rows_, [](const Row& row) { return row.needed; });
}

Duration Fencing::delay_of(NodeId node) const {
  Duration delay{};
  for (const auto& [name, time] : config_.fence_delays) {
    if (name == config_.nodes[node.value].name) delay = time;
  }
  return delay;
}

void Fencing::need(Instant now, NodeId node, std::size_t rank) {
  const auto place = static_cast<Duration::rep>(rank);
  if (rows_[node.value].needed) return;
  rows_[node.value] = {};
  rows_[node.value].needed = true;
  rows_[node.value].at =
      now + delay_of(node) + place * (config_.fence_timeout + fencing_limits::turn_pause);
}

void Fencing::remember(NodeId node, std::uint32_t attempts, Instant) {
  rows_[node.value].needed = true;
  rows_[node.value].attempts = attempts;
  rows_[node.value].at = never;  // until runner_ready(): the new runner must not be told twice
}

void Fencing::forget(NodeId node, ResourceSink& sink) {
  Row& row = rows_[node.value];
  if (row.running.value != 0) sink.outputs().add(KillAction{row.running});
  row = {};
}

void Fencing::go_ahead(Instant now, NodeId node) {
  Row& row = rows_[node.value];
  if (row.needed && row.running.value == 0) row.at = std::min(row.at, now);
}

void Fencing::turn(Instant now, bool held_back, ResourceSink& sink) {
  for (std::size_t i = 0; i < checks_.size(); ++i) {
    Check& check = checks_[i];
    if (now < check.at) continue;
    const Device device{static_cast<std::uint16_t>(i)};
    check.at = now + fencing_limits::check_pause;
    check.running = sink.next_ticket();
    sink.log(LogLevel::info,
             fmt::format(resource_text::checking_device, name_of(config_, device)));
    sink.outputs().add(FenceNode{check.running, no_node, device, config_.fence_timeout});
  }
  if (held_back) return;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    Row& row = rows_[i];
    if (!row.needed || row.running.value != 0 || now < row.at) continue;
    attempt(NodeId{static_cast<std::uint16_t>(i)}, row, sink);
  }
}

void Fencing::attempt(NodeId node, Row& row, ResourceSink& sink) {
  auto device = device_from(node, row.device);
  if (!device) device = device_from(node, 0);
  if (!device) return;  // need() is called only where can_fence()
  row.device = device->value;
  row.at = never;
  row.running = sink.next_ticket();
  sink.log(LogLevel::info, fmt::format(resource_text::resetting, config_.nodes[node.value].name,
                                       name_of(config_, *device)));
  sink.outputs().add(FenceNode{row.running, node, *device, config_.fence_timeout});
  sink.changed();
}

bool Fencing::done(Instant now, const ActionDone& action, ResourceSink& sink,
                   std::optional<Result>& result) {
  if (action.ticket.value == 0) return false;
  const auto check = std::ranges::find(checks_, action.ticket, &Check::running);
  if (check != checks_.end()) {
    check->running = {};
    check_ended(Device{static_cast<std::uint16_t>(check - checks_.begin())}, action, sink);
    return true;
  }
  const auto row = std::ranges::find(rows_, action.ticket, &Row::running);
  if (row == rows_.end()) return false;
  const NodeId node{static_cast<std::uint16_t>(row - rows_.begin())};
  row->running = {};
  result = Result{.node = node};
  sink.changed();
  if (is_good(action)) {
    sink.log(LogLevel::info,
             fmt::format(resource_text::now_reset, config_.nodes[node.value].name));
    result->fenced = true;
    *row = {};
    return true;
  }
  ++row->attempts;
  row->trouble = fmt::format("{}: {}", name_of(config_, Device{row->device}), text_of(action));
  sink.log(LogLevel::error,
           fmt::format(resource_text::not_reset, config_.nodes[node.value].name));
  sink.log(LogLevel::error, row->trouble);
  const auto next = device_from(node, std::size_t{row->device} + 1U);
  row->device = next ? next->value : 0;
  row->at = next ? now : now + fencing_limits::retry_pause;
  result->round_failed = !next;
  if (!next) {
    sink.log(LogLevel::error,
             fmt::format(resource_text::stonith_failed, config_.nodes[node.value].name));
  }
  return true;
}

void Fencing::check_ended(Device device, const ActionDone& action, ResourceSink& sink) {
  if (is_good(action)) return;
  sink.log(LogLevel::error,
           fmt::format(resource_text::not_operational, name_of(config_, device)));
  sink.log(LogLevel::error, fmt::format("{}: {}; as it is, nothing can be taken over from a dead "
                                        "node", name_of(config_, device), text_of(action)));
}

void Fencing::runner_ready(Instant now, std::span<const Ticket> running) {
  const auto runs = [&](Ticket ticket) {
    return std::ranges::find(running, ticket) != running.end();
  };
  for (Check& check : checks_) {
    if (!runs(check.running)) check.running = {};
  }
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    Row& row = rows_[i];
    const NodeId node{static_cast<std::uint16_t>(i)};
    if (row.needed && row.running.value == 0 && row.at == never) {
      row.at = row.attempts == 0 ? now + delay_of(node) : now;
    }
    if (row.running.value == 0 || runs(row.running)) continue;
    row.running = {};
    row.at = now;  // a second reset of a node that is off, or starts, does no harm
  }
}

Instant Fencing::next_deadline() const {
  Instant first = never;
  for (const Check& check : checks_) first = std::min(first, check.at);
  for (const Row& row : rows_) {
    if (row.needed && row.running.value == 0) first = std::min(first, row.at);
  }
  return first;
}

void Fencing::fill(NodeId node, NodeRow& row) const {
  const Row& mine = rows_[node.value];
  row.fencing = !mine.needed               ? FenceState::none
                : mine.running.value != 0 ? FenceState::running
                                          : FenceState::waiting;
  row.fence_attempts = mine.attempts;
  row.fence_trouble.assign(mine.trouble);
}

}  // namespace hb::core
