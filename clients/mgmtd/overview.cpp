// overview: what the web page, status.json and the metrics show: the last picture and its past
#include "clients/mgmtd/overview.hpp"

#include "clients/mgmtd/changes.hpp"
#include "core/version.hpp"

#include <boost/json/src.hpp>

#include <algorithm>
#include <map>
#include <string_view>

#include <fmt/core.h>

namespace hb::clients::mgmtd {

namespace {

namespace json = boost::json;

/// Names come from configuration files in any encoding: what is not ASCII is shown as `?`.
json::string clean(std::string_view text) {
  json::string result;
  for (const char c : text) result.push_back(c >= ' ' && c <= '~' ? c : '?');
  return result;
}

json::object node_to_json(const Picture& picture, const Picture::Node& node) {
  json::array links;
  for (const auto& link : node.links)
    links.push_back({{"name", clean(link.name)}, {"status", clean(link.status)}});
  return {{"name", clean(node.name)},
          {"type", clean(node.type)},
          {"status", clean(node.status)},
          {"local", picture.is_self(node)},
          {"links", std::move(links)}};
}

json::value groups_to_json(const Picture& picture) {
  if (!picture.groups) return nullptr;
  json::array groups;
  for (const auto& group : *picture.groups)
    groups.push_back({{"name", clean(group.name)},
                      {"home", clean(group.home)},
                      {"owner", clean(group.owner)},
                      {"here", !group.owner.empty() && same_name(group.owner, picture.self)},
                      {"state", clean(group.state)},
                      {"failures", group.failures}});
  return groups;
}

/// A label's value as OpenMetrics quotes it.
std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result.push_back('\\');
    result.push_back(c >= ' ' && c <= '~' ? c : '?');
  }
  return result + '"';
}

/// Metric families by name, since the samples of one must stand together.
class Metrics {
 public:
  void add(const std::string& name, const char* type, const std::string& labels,
           std::uint64_t value) {
    auto& family = families_[name];
    family.type = type;
    family.samples += fmt::format("{}{} {}\n", name, labels.empty() ? "" : "{" + labels + "}",
                                  value);
  }
  std::string text() const {
    std::string result;
    for (const auto& [name, family] : families_)
      result += fmt::format("# TYPE {} {}\n{}", name, family.type, family.samples);
    return result + "# EOF\n";
  }

 private:
  struct Family {
    const char* type = "";
    std::string samples;
  };
  std::map<std::string, Family> families_;
};

/// `frames_in` as it is; `read eth0 kernel_drops` as kernel_drops of the process `read eth0`.
void add_counter(Metrics& metrics, const Picture::Counter& counter) {
  const std::string& label = counter.label;
  const std::size_t space = label.rfind(' ');
  std::string name = "heartbeat_" + label.substr(space == std::string::npos ? 0 : space + 1);
  for (char& c : name)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))) c = '_';
  // `unknown`, since the board does not tell counters from gauges.
  if (space == std::string::npos)
    metrics.add(name, "unknown", "", counter.value);
  else
    metrics.add("heartbeat_process" + name.substr(9), "unknown",
                "process=" + quoted(label.substr(0, space)), counter.value);
}

}  // namespace

void Overview::advance(const Picture& next, std::int64_t wall_seconds) {
  const auto cause = std::find_if(journal.rbegin(), journal.rend(), [](const JournalLine& line) {
    return is_cause(line.text);
  });
  for (Move& move : mgmtd::moves(picture, next)) {
    move.wall_seconds = wall_seconds;
    if (cause != journal.rend()) move.why = cause->text;
    moves.push_front(std::move(move));
  }
  if (moves.size() > moves_kept) moves.resize(moves_kept);
  picture = next;
}

std::string to_json(const Overview& overview) {
  const Picture& picture = overview.picture;
  json::array nodes, moves, journal;
  for (const auto& node : picture.nodes) nodes.push_back(node_to_json(picture, node));
  for (const Move& move : overview.moves)
    moves.push_back({{"time", move.wall_seconds}, {"group", clean(move.group)},
                     {"from", clean(move.from)}, {"to", clean(move.to)},
                     {"why", clean(move.why)}});
  for (const JournalLine& line : overview.journal)
    journal.push_back({{"time", line.wall_seconds}, {"level", clean(line.level)},
                       {"text", clean(line.text)}});
  const json::object object{
      {"node", clean(picture.self)},
      {"version", "Systole " SYSTOLE_VERSION ", as heartbeat " +
                      std::string(core::heartbeat_version)},
      {"daemon", {{"reachable", overview.reachable}, {"reason", clean(overview.reason)}}},
      {"deadtime_ms", picture.deadtime_ms},
      {"keepalive_ms", picture.keepalive_ms},
      {"holding", clean(picture.holding)},
      {"nodes", std::move(nodes)},
      {"groups", groups_to_json(picture)},
      {"moves", std::move(moves)},
      {"journal", std::move(journal)}};
  return json::serialize(object);
}

std::string to_metrics(const Overview& overview) {
  Metrics metrics;
  metrics.add("heartbeat_up", "gauge", "", overview.reachable ? 1 : 0);
  const Picture& picture = overview.picture;
  // What cannot be asked is not shown: an old value would look like a fresh one.
  if (!overview.reachable) return metrics.text();
  metrics.add("heartbeat_deadtime_milliseconds", "gauge", "", picture.deadtime_ms);
  for (const auto& node : picture.nodes) {
    const std::string name = "node=" + quoted(node.name);
    const bool alive = node.status == "active" || node.status == "ping";
    metrics.add("heartbeat_node_active", "gauge", name + ",type=" + quoted(node.type), alive);
    for (const auto& link : node.links)
      metrics.add("heartbeat_link_up", "gauge", name + ",link=" + quoted(link.name),
                  link.status == "up");
  }
  if (picture.groups)
    for (const auto& group : *picture.groups) {
      const std::string name = "group=" + quoted(group.name);
      const bool here = !group.owner.empty() && same_name(group.owner, picture.self);
      metrics.add("heartbeat_group_held", "gauge", name, !group.owner.empty());
      metrics.add("heartbeat_group_held_here", "gauge", name, here);
      metrics.add("heartbeat_group_at_home", "gauge", name, group.owner == group.home);
      metrics.add("heartbeat_group_failures", "unknown", name, group.failures);
    }
  for (const auto& counter : picture.counters) add_counter(metrics, counter);
  return metrics.text();
}

}  // namespace hb::clients::mgmtd
