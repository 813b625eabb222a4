// tellings: the board for programs: as one JSON object, and as OpenMetrics text
#include "clients/observe/tellings.hpp"

#include "clients/observe/open_metrics.hpp"
#include "core/counters.hpp"
#include "core/version.hpp"

#include <boost/json/src.hpp>

#include <algorithm>
#include <optional>
#include <string_view>

#include <fmt/core.h>

namespace hb::clients::observe {

namespace {

namespace json = boost::json;
using core::Snapshot;

json::value age_value(std::optional<core::Duration> age) {
  if (!age) return nullptr;
  return static_cast<double>(age->count() / 1'000'000) / 1000;
}

std::string_view name_of(core::LinkStatus status) {
  return status == core::LinkStatus::up ? "up" : "dead";
}

std::string_view name_of(core::FenceState state) {
  switch (state) {
    case core::FenceState::waiting: return "waiting";
    case core::FenceState::running: return "running";
    case core::FenceState::none: break;
  }
  return "none";
}

bool is_ping(const core::NodeRow& row) { return row.type != core::NodeType::normal; }

/// Whether a `LinkStatus` of the table says that there is such a link.
bool is_link(core::LinkStatus status) {
  return status == core::LinkStatus::up || status == core::LinkStatus::dead;
}

json::array links_of(const Snapshot& snapshot, std::size_t node) {
  json::array links;
  for (std::size_t i = 0; i < snapshot.link_count; ++i) {
    const core::LinkStatus status = snapshot.link_status[node][i];
    if (!is_link(status)) continue;
    links.push_back({{"name", plain(snapshot.links[i].name.view())}, {"status", name_of(status)}});
  }
  return links;
}

json::object node_object(const View& view, std::size_t i) {
  const Snapshot& snapshot = *view.snapshot;
  const core::NodeRow& row = snapshot.nodes[i];
  return {{"name", plain(row.name.view())},
          {"type", is_ping(row) ? "ping" : "normal"},
          {"local", i == snapshot.self.value},
          {"status", core::name_of(row.status)},
          {"holding", core::name_of(row.holding)},
          {"last_heard_age", age_value(ago(view, row.last_heard_ns))},
          {"deadtime", static_cast<double>(row.deadtime_ms) / 1000},
          {"lost_packets", row.lost_packets},
          {"fencing", name_of(row.fencing)},
          {"fence_attempts_failed", row.fence_attempts},
          {"fence_trouble", plain(row.fence_trouble.view())},
          {"links", links_of(snapshot, i)}};
}

json::object group_object(const View& view, const core::GroupRow& row) {
  const Snapshot& snapshot = *view.snapshot;
  json::array failed;
  for (const std::string& name : failed_nodes(snapshot, row)) failed.push_back(json::string(name));
  json::value owner = nullptr, withheld = nullptr;
  if (row.owner.value < snapshot.node_count) owner = node_name(snapshot, row.owner);
  if (row.withheld_by != core::no_node) withheld = node_name(snapshot, row.withheld_by);
  return {{"name", plain(row.key.view())},
          {"home", node_name(snapshot, row.home)},
          {"owner", std::move(owner)},
          {"state", state_of(snapshot, row)},
          {"state_age", age_value(ago(view, row.since_ns))},
          {"failures", row.failures},
          {"failed_on", std::move(failed)},
          {"blocked", row.blocked != 0},
          {"withheld_by", std::move(withheld)}};
}

// ---- metrics

constexpr MetricType gauge = MetricType::gauge, counter = MetricType::counter;

void add_nodes(OpenMetrics& metrics, const View& view) {
  const Snapshot& snapshot = *view.snapshot;
  for (std::size_t i = 0; i < snapshot.node_count; ++i) {
    const core::NodeRow& row = snapshot.nodes[i];
    const std::string name{row.name.view()};
    const Labels node{{"node", name}};
    const bool alive =
        row.status == core::NodeStatus::active || row.status == core::NodeStatus::ping;
    metrics.add("heartbeat_node_active", gauge, "Whether the node is alive and active.",
                {{"node", name}, {"type", is_ping(row) ? "ping" : "normal"}}, alive);
    if (const auto age = ago(view, row.last_heard_ns); age && i != snapshot.self.value)
      metrics.add("heartbeat_node_last_heard_age_seconds", gauge,
                  "How long ago the node's last heartbeat came.", node, seconds_text(*age));
    if (is_ping(row)) continue;
    metrics.add("heartbeat_node_deadtime_seconds", gauge, "The dead time applied to the node.",
                node, seconds_text(std::chrono::milliseconds{row.deadtime_ms}));
    metrics.add("heartbeat_node_lost_packets", counter, "Packets of the node that never came.",
                node, row.lost_packets);
    metrics.add("heartbeat_node_fencing", gauge,
                "Whether the node is dead and still to be fenced.", node,
                row.fencing != core::FenceState::none);
    metrics.add("heartbeat_node_fence_failures", gauge,
                "Attempts to fence the node that failed so far.", node, row.fence_attempts);
  }
  for (std::size_t i = 0; i < snapshot.node_count; ++i)
    for (std::size_t l = 0; l < snapshot.link_count; ++l)
      if (is_link(snapshot.link_status[i][l]))
        metrics.add("heartbeat_link_up", gauge, "Whether the node is heard on the link.",
                    {{"node", std::string{snapshot.nodes[i].name.view()}},
                     {"link", std::string{snapshot.links[l].name.view()}}},
                    snapshot.link_status[i][l] == core::LinkStatus::up);
}

void add_groups(OpenMetrics& metrics, const View& view) {
  const Snapshot& snapshot = *view.snapshot;
  for (std::size_t i = 0; i < snapshot.group_count; ++i) {
    const core::GroupRow& row = snapshot.groups[i];
    const Labels group{{"group", std::string{row.key.view()}}};
    const std::string_view state = state_of(snapshot, row);
    const bool held = row.owner.value < snapshot.node_count;
    metrics.add("heartbeat_group_running", gauge, "Whether the group runs somewhere.", group,
                state == "running");
    metrics.add("heartbeat_group_held", gauge, "Whether a node has the group.", group, held);
    metrics.add("heartbeat_group_held_here", gauge, "Whether this node has the group.", group,
                held && row.owner == snapshot.self);
    metrics.add("heartbeat_group_at_home", gauge,
                "Whether the node that haresources prefers has the group.", group,
                held && row.owner == row.home);
    metrics.add("heartbeat_group_failed", gauge,
                "Whether the group failed on a node and waits for a cleanup there.", group,
                state == "failed" || row.blocked != 0 || !failed_nodes(snapshot, row).empty());
    metrics.add("heartbeat_group_withheld", gauge,
                "Whether it may still run on a dead node and so is started nowhere.", group,
                row.withheld_by != core::no_node);
    metrics.add("heartbeat_group_failures", gauge,
                "Failures on this node since the last cleanup.", group, row.failures);
    if (const auto age = ago(view, row.since_ns))
      metrics.add("heartbeat_group_state_age_seconds", gauge,
                  "Since when the group is in its state on this node.", group,
                  seconds_text(*age));
  }
}

/// `frames_in` is the engine's; `read eth0 kernel_drops` is kernel_drops of a child process.
void add_counters(OpenMetrics& metrics, const View& view) {
  for (const auto& each : view.counters) {
    const std::size_t space = each.label.rfind(' ');
    if (space != std::string::npos) {
      metrics.add("heartbeat_process_" + each.label.substr(space + 1), MetricType::unknown,
                  "What a child process counts.", {{"process", each.label.substr(0, space)}},
                  each.value);
      continue;
    }
    bool counts = false;
    for (std::size_t i = 0; i < core::counter_count && !counts; ++i)
      counts = core::name_of(static_cast<core::Counter>(i)) == each.label;
    metrics.add("heartbeat_" + each.label, counts ? counter : MetricType::unknown,
                "Counted since the daemon began.", {}, each.value);
  }
}

}  // namespace

std::string to_json(const View& view) {
  const Snapshot& snapshot = *view.snapshot;
  json::array nodes, groups;
  json::object counters;
  for (std::size_t i = 0; i < snapshot.node_count; ++i) nodes.push_back(node_object(view, i));
  for (std::size_t i = 0; i < snapshot.group_count; ++i)
    groups.push_back(group_object(view, snapshot.groups[i]));
  for (const auto& each : view.counters) counters[plain(each.label)] = each.value;
  return json::serialize(json::object{
      {"daemon", name_of(view.daemon)},
      {"version", SYSTOLE_VERSION},
      {"compatible_with", core::heartbeat_version},
      {"time", view.wall_seconds},
      {"age", age_value(view.age)},
      {"uptime", age_value(view.uptime)},
      {"pid", view.pid},
      {"node", node_name(snapshot, snapshot.self)},
      {"holding", core::name_of(snapshot.holding)},
      {"maintenance", snapshot.maintenance != 0},
      {"nodes", std::move(nodes)},
      {"groups", std::move(groups)},
      {"counters", std::move(counters)}});
}

std::string to_json_without(std::string_view reason) {
  return json::serialize(json::object{{"daemon", "ended"}, {"reason", plain(reason)}});
}

std::string to_metrics(const View& view) {
  if (view.daemon == Daemon::ended) return to_metrics_without();
  const bool runs = view.daemon == Daemon::running;
  OpenMetrics metrics;
  metrics.add("heartbeat_up", gauge, "Whether the daemon runs and works.", {}, runs);
  metrics.add("heartbeat_board_age_seconds", gauge,
              "How old all values are that have no age of their own.", {}, seconds_text(view.age));
  if (!runs) return metrics.text();
  metrics.add("heartbeat_uptime_seconds", gauge, "Since when the daemon runs.", {},
              seconds_text(view.uptime));
  metrics.add("heartbeat_version_info", gauge, "What runs here.",
              {{"version", SYSTOLE_VERSION}, {"node", node_name(*view.snapshot,
                                                                view.snapshot->self)}}, 1);
  metrics.add("heartbeat_maintenance", gauge, "Whether maintenance is on.", {},
              view.snapshot->maintenance != 0);
  add_nodes(metrics, view);
  add_groups(metrics, view);
  add_counters(metrics, view);
  return metrics.text();
}

std::string to_metrics_without() {
  OpenMetrics metrics;
  metrics.add("heartbeat_up", gauge, "Whether the daemon runs and works.", {}, 0);
  return metrics.text();
}

}  // namespace hb::clients::observe
