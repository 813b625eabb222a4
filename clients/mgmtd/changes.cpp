// changes: the events that lead from one picture of the cluster to the next
#include "clients/mgmtd/changes.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace hb::clients::mgmtd {

namespace {

using Events = std::vector<mgmt::Event>;

const Picture::Link* find_link(const Picture::Node* node, std::string_view name) {
  if (node == nullptr) return nullptr;
  for (const auto& link : node->links)
    if (link.name == name) return &link;
  return nullptr;
}

const Picture::Group* find_group(const Picture& picture, std::string_view name) {
  if (!picture.groups) return nullptr;
  for (const auto& group : *picture.groups)
    if (group.name == name) return &group;
  return nullptr;
}

void compare_nodes(const Picture& before, const Picture& after, Events& events) {
  for (const auto& node : after.nodes) {
    const Picture::Node* old = before.find(node.name);
    if (old == nullptr || old->status != node.status)
      events.push_back({"node", node.name, node.status});
    for (const auto& link : node.links) {
      const Picture::Link* known = find_link(old, link.name);
      if (known == nullptr || known->status != link.status)
        events.push_back({"link", node.name, link.name, link.status});
    }
  }
  for (const auto& node : before.nodes)
    if (after.find(node.name) == nullptr) events.push_back({"node", node.name, "removed"});
}

void compare_resources(const Picture& before, const Picture& after, Events& events) {
  if (before.holding != after.holding)
    events.push_back({"resource", "holding", after.holding});
  if (!after.groups) return;
  for (const auto& group : *after.groups) {
    const Picture::Group* old = find_group(before, group.name);
    if (old != nullptr && old->owner == group.owner && old->state == group.state) continue;
    events.push_back({"resource", "group", group.name, group.owner.empty() ? "-" : group.owner,
                      group.state});
  }
}

}  // namespace

Events changes(const Picture& before, const Picture& after) {
  Events events;
  compare_nodes(before, after, events);
  compare_resources(before, after, events);
  return events;
}

std::vector<Move> moves(const Picture& before, const Picture& after) {
  std::vector<Move> found;
  if (!before.groups || !after.groups) return found;
  for (const auto& group : *after.groups) {
    const Picture::Group* old = find_group(before, group.name);
    if (old != nullptr && old->owner != group.owner)
      found.push_back({0, group.name, old->owner, group.owner, {}});
  }
  return found;
}

bool is_cause(std::string_view text) {
  // The daemon's own words, which log watchers rely on as well.
  constexpr std::array<std::string_view, 10> causes = {
      ": is dead", "Going standby [", "wants to go standby [", "Received shutdown notice from",
      "Giving up all HA resources", "Giving up resources due to failure",
      "returning after partition", "Heartbeat restart on node", "Both machines own",
      ": status active"};
  return std::any_of(causes.begin(), causes.end(), [&](std::string_view cause) {
    return text.find(cause) != std::string_view::npos;
  });
}

}  // namespace hb::clients::mgmtd
