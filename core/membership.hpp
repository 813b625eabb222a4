// membership: node and link states from arrivals and deadlines
#pragma once

#include "core/ha_cf.hpp"
#include "core/snapshot.hpp"
#include "core/types.hpp"

#include <optional>
#include <vector>

namespace hb::core {

/// Who is alive, by absolute deadlines: nothing is polled. A node is dead when its last *status*
/// is as old as its dead time (wire-protocol §6.3), by the kernel's receive time of the frame; a
/// link of a node is dead when nothing of that node came over it for the same time. (3.0.6 judges
/// all links by the dead time of the last node in the file, by an oversight: §4.)
class Membership {
 public:
  Membership(const Config& config, Instant start);

  /// Before communication is up every node has `initdead`, counted from the start (§6.2).
  void communication_up(Instant now);

  /// A valid status of the node; `dead_time` as the sender asks for (its `dt`). Links are separate.
  struct Heard {
    NodeStatus before;
    bool first;          ///< never heard before
    Duration interval;   ///< since the status before; zero if first
  };
  Heard heard(NodeId node, NodeStatus status, std::optional<Duration> dead_time, Instant rx_time);
  /// True if the link has come up by this.
  bool link_heard(NodeId node, LinkId link, Instant rx_time);

  /// Nodes and links whose deadline has passed; they are marked dead. Valid until the next call.
  struct Expired {
    std::vector<NodeId> nodes;
    std::vector<std::pair<NodeId, LinkId>> links;
  };
  const Expired& judge(Instant now);
  /// Nothing expires before this instant; exact after judge(), never too late.
  [[nodiscard]] Instant next_deadline() const { return next_deadline_; }
  /// When the node will be declared dead if it stays silent; never if it is dead, or ourselves.
  [[nodiscard]] Instant verdict_at(NodeId node) const {
    return deadline(nodes_[node.value], nodes_[node.value].heard);
  }
  /// Time in which we did not run is nobody's silence: moves every deadline by `lateness`, at most
  /// to a whole dead time from now.
  void excuse(Duration lateness, Instant now);

  /// What the master before us knew of it. It has a whole dead time from our start (we did not
  /// listen before), unless it was dead already.
  struct Known {
    NodeStatus status;
    bool ever_heard;
    Duration dead_time;
  };
  void restore(NodeId node, const Known& known);

  /// The local node's own status, which has no deadline.
  void set_own_status(NodeStatus status);

  [[nodiscard]] NodeStatus status(NodeId node) const { return nodes_[node.value].status; }
  [[nodiscard]] LinkStatus link_status(NodeId node, LinkId link) const;
  [[nodiscard]] Duration dead_time(NodeId node) const;
  [[nodiscard]] Instant last_heard(NodeId node) const { return nodes_[node.value].heard; }
  [[nodiscard]] bool ever_heard(NodeId node) const { return nodes_[node.value].ever_heard; }
  [[nodiscard]] NodeType type(NodeId node) const { return nodes_[node.value].type; }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  /// Every node, ping nodes included, has been heard or is dead (§6.2).
  [[nodiscard]] bool all_known() const;

 private:
  struct Link {
    LinkStatus status = LinkStatus::none;
    Instant heard{};
  };
  struct Node {
    NodeType type = NodeType::normal;
    NodeStatus status = NodeStatus::init;
    bool ever_heard = false;
    Instant heard{};
    Instant not_before{};  // excused: no verdict before
    Duration dead_time{};
    std::vector<Link> links;
  };
  [[nodiscard]] Instant deadline(const Node& node, Instant heard) const;
  void see(Instant deadline) { next_deadline_ = std::min(next_deadline_, deadline); }

  std::vector<Node> nodes_;
  NodeId self_;
  Duration initdead_;
  bool up_ = false;
  Instant next_deadline_ = never;
  Expired expired_;
};

}  // namespace hb::core
