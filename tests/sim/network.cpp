// network: links between the hosts that lose, double, delay, reorder and cut
#include "tests/sim/network.hpp"

namespace hb::sim {

Network::Network(World& world, std::size_t hosts, std::size_t links, Deliver deliver)
    : world_(world),
      hosts_(hosts),
      links_(links),
      deliver_(std::move(deliver)),
      paths_(hosts * hosts * links) {}

Path& Network::path(NodeId from, NodeId to, core::LinkId link) {
  return paths_[(from.value * hosts_ + to.value) * links_ + link.value];
}

const Path& Network::path(NodeId from, NodeId to, core::LinkId link) const {
  return paths_[(from.value * hosts_ + to.value) * links_ + link.value];
}

void Network::send(NodeId from, core::LinkId link, core::Bytes bytes) {
  if (world_.chance(2)) recording_ = {from, std::string{core::as_text(bytes)}};
  for (std::size_t to = 0; to < hosts_; ++to) {
    carry(from, NodeId{static_cast<std::uint16_t>(to)}, link, bytes);
  }
}

void Network::carry(NodeId from, NodeId to, core::LinkId link, core::Bytes bytes) {
  const Path& way = path(from, to, link);
  if (way.cut || world_.chance(way.lost)) return;
  const bool doubled = world_.chance(way.doubled);
  if (doubled) world_.probes.hit("duplicated");
  for (int copy = 0; copy < (doubled ? 2 : 1); ++copy) {
    Duration delay = way.delay + world_.between(Duration{}, std::chrono::microseconds{100});
    if (world_.chance(way.late)) {
      delay += world_.between(Duration{}, way.lateness);
      world_.probes.hit("reordered");
    }
    world_.after(delay, [this, from, to, link, frame = std::string{core::as_text(bytes)}] {
      deliver_(from, to, link, core::as_bytes(frame));
    });
  }
}

bool Network::connected(NodeId a, NodeId b) const {
  constexpr std::uint64_t bearable_loss = 250;
  for (std::size_t l = 0; l < links_; ++l) {
    const core::LinkId link{static_cast<std::uint16_t>(l)};
    const Path &there = path(a, b, link), &back = path(b, a, link);
    if (!there.cut && !back.cut && there.lost <= bearable_loss && back.lost <= bearable_loss) {
      return true;
    }
  }
  return false;
}

void Network::heal() {
  paths_.assign(paths_.size(), Path{});
}

}  // namespace hb::sim
