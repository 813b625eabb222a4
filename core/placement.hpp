// placement: which node takes a group that nobody holds; every node computes the same
#pragma once

#include "core/ha_cf.hpp"
#include "core/types.hpp"

#include <bitset>
#include <vector>

namespace hb::core {

/// One bit for each group, by GroupId.
using GroupSet = std::bitset<limits::groups>;
/// One bit for each node, by NodeId.
using NodeSet = std::bitset<limits::nodes>;

/// The order in which nodes are asked to take a group: its home, then the others in the cyclic
/// order of their names. Names, since every node may list the nodes in an order of its own.
class Placement {
 public:
  explicit Placement(const Config& config);

  /// The normal nodes in the order of their names.
  [[nodiscard]] const std::vector<NodeId>& nodes() const { return nodes_; }

  /// The first candidate from `home` on; no_node if there is none.
  [[nodiscard]] NodeId taker(NodeId home, const NodeSet& candidates) const;

 private:
  std::vector<NodeId> nodes_;
};

}  // namespace hb::core
