// network: links between the hosts that lose, double, delay, reorder and cut
#pragma once

#include "core/types.hpp"
#include "tests/sim/world.hpp"

#include <array>
#include <functional>
#include <vector>

namespace hb::sim {

/// What one direction between two hosts on one link does to frames.
struct Path {
  bool cut = false;
  std::uint64_t lost = 0, doubled = 0, late = 0;  ///< per mille
  Duration delay = std::chrono::microseconds{100};
  Duration lateness{};  ///< a late frame comes up to so much later, behind younger ones
};

class Network {
 public:
  using Deliver =
      std::function<void(NodeId from, NodeId to, core::LinkId link, core::Bytes bytes)>;
  Network(World& world, std::size_t hosts, std::size_t links, Deliver deliver);

  /// Broadcast: to every other host, and back to the sender.
  void send(NodeId from, core::LinkId link, core::Bytes bytes);

  [[nodiscard]] Path& path(NodeId from, NodeId to, core::LinkId link);
  [[nodiscard]] const Path& path(NodeId from, NodeId to, core::LinkId link) const;
  [[nodiscard]] std::size_t links() const { return links_; }
  [[nodiscard]] std::size_t hosts() const { return hosts_; }
  /// Both ways work on some link, with so little loss that silence of a dead time is impossible.
  [[nodiscard]] bool connected(NodeId a, NodeId b) const;
  /// Everything works again.
  void heal();
  /// A frame recorded from the wire, to be played back later.
  struct Recording {
    NodeId from = core::no_node;
    std::string bytes;
  };
  [[nodiscard]] const Recording& recording() const { return recording_; }

 private:
  void carry(NodeId from, NodeId to, core::LinkId link, core::Bytes bytes);

  World& world_;
  std::size_t hosts_, links_;
  Deliver deliver_;
  std::vector<Path> paths_;
  Recording recording_;
};

}  // namespace hb::sim
