// placement: which node takes a group that nobody holds; every node computes the same
#include "core/placement.hpp"

#include <algorithm>

namespace hb::core {

Placement::Placement(const Config& config) {
  for (std::size_t i = 0; i < config.nodes.size(); ++i) {
    if (config.nodes[i].type != NodeType::normal) continue;
    nodes_.push_back(NodeId{static_cast<std::uint16_t>(i)});
  }
  std::ranges::sort(nodes_, {}, [&](NodeId node) { return config.nodes[node.value].name; });
}

NodeId Placement::taker(NodeId home, const NodeSet& candidates) const {
  const auto at = std::ranges::find(nodes_, home);
  const auto first = at == nodes_.end() ? 0 : static_cast<std::size_t>(at - nodes_.begin());
  for (std::size_t step = 0; step < nodes_.size(); ++step) {
    const NodeId node = nodes_[(first + step) % nodes_.size()];
    if (candidates.test(node.value)) return node;
  }
  return no_node;
}

}  // namespace hb::core
