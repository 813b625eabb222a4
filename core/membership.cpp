// membership: node and link states from arrivals and deadlines
#include "core/membership.hpp"

#include "core/result.hpp"

#include <algorithm>

namespace hb::core {

namespace {

/// A ping node has the one link named like itself; a normal node all others (§4). Of two media on
/// one interface the first one stands for both.
bool belongs(const Config& config, std::size_t medium, const NodeConfig& node) {
  const MediumConfig& candidate = config.media[medium];
  if (is_ping(candidate.type) != (node.type == NodeType::ping)) return false;
  if (node.type == NodeType::ping && candidate.link_name() != node.name) return false;
  return true;
}

}  // namespace

Membership::Membership(const Config& config, Instant start)
    : self_(config.self()), initdead_(config.initdead) {
  for (const NodeConfig& each : config.nodes) {
    Node node;
    node.type = each.type;
    node.heard = start;
    node.dead_time = each.type == NodeType::ping ? config.deadping : config.deadtime;
    for (std::size_t medium = 0; medium < config.media.size(); ++medium) {
      const bool ours = belongs(config, medium, each);
      node.links.push_back({ours ? LinkStatus::dead : LinkStatus::none, start});
    }
    nodes_.push_back(std::move(node));
  }
  for (const Node& node : nodes_) see(deadline(node, node.heard));
}

Instant Membership::deadline(const Node& node, Instant heard) const {
  if (node.status == NodeStatus::dead || &node == &nodes_[self_.value]) return never;
  return std::max(heard + (up_ ? node.dead_time : initdead_), node.not_before);
}

void Membership::communication_up(Instant now) {
  up_ = true;
  for (Node& node : nodes_) {
    // What was excused under the longer initdead has a whole dead time from here, no more.
    node.not_before = std::min(node.not_before, now + node.dead_time);
    see(deadline(node, node.heard));
  }
}

Membership::Heard Membership::heard(NodeId id, NodeStatus status,
                                    std::optional<Duration> dead_time, Instant rx_time) {
  Node& node = nodes_[id.value];
  Heard result{node.status, !node.ever_heard, Duration{}};
  if (!result.first) result.interval = std::max(rx_time - node.heard, Duration{});
  node.status = status;
  node.ever_heard = true;
  node.heard = std::max(node.heard, rx_time);
  if (dead_time) node.dead_time = *dead_time;
  see(deadline(node, node.heard));
  return result;
}

bool Membership::link_heard(NodeId id, LinkId link_id, Instant rx_time) {
  Node& node = nodes_[id.value];
  Link& link = node.links[link_id.value];
  if (link.status == LinkStatus::none) return false;
  link.heard = std::max(link.heard, rx_time);
  if (link.status == LinkStatus::up) return false;
  link.status = LinkStatus::up;
  see(deadline(node, link.heard));
  return true;
}

const Membership::Expired& Membership::judge(Instant now) {
  expired_.nodes.clear();
  expired_.links.clear();
  if (now < next_deadline_) return expired_;
  next_deadline_ = never;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    Node& node = nodes_[i];
    const NodeId id{static_cast<std::uint16_t>(i)};
    if (id == self_) continue;
    if (node.status != NodeStatus::dead) {
      const Instant end = deadline(node, node.heard);
      if (end <= now) {
        node.status = NodeStatus::dead;
        expired_.nodes.push_back(id);
      } else {
        see(end);
      }
    }
    for (std::size_t l = 0; l < node.links.size(); ++l) {
      Link& link = node.links[l];
      if (link.status != LinkStatus::up) continue;
      const Instant end = deadline(node, link.heard);  // never for a dead node: its links too
      if (node.status == NodeStatus::dead || end <= now) {
        link.status = LinkStatus::dead;
        expired_.links.emplace_back(id, LinkId{static_cast<std::uint16_t>(l)});
      } else {
        see(end);
      }
    }
  }
  return expired_;
}

void Membership::excuse(Duration lateness, Instant now) {
  for (Node& node : nodes_) {
    const Instant end = deadline(node, node.heard);
    if (end == never) continue;
    node.not_before = std::min(end + lateness, now + (up_ ? node.dead_time : initdead_));
  }
}

void Membership::restore(NodeId id, const Known& known) {
  Node& node = nodes_[id.value];
  node.status = known.status;
  node.ever_heard = known.ever_heard;
  node.dead_time = known.dead_time;
  see(deadline(node, node.heard));
}

void Membership::set_own_status(NodeStatus status) {
  nodes_[self_.value].status = status;
}

LinkStatus Membership::link_status(NodeId node, LinkId link) const {
  return nodes_[node.value].links[link.value].status;
}

Duration Membership::dead_time(NodeId node) const {
  return nodes_[node.value].dead_time;
}

bool Membership::all_known() const {
  return std::ranges::all_of(nodes_, [&](const Node& node) {
    return &node == &nodes_[self_.value] || node.ever_heard || node.status == NodeStatus::dead;
  });
}

}  // namespace hb::core
