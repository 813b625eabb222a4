// witness: one lease that hosts keep alive while they reach it, as etcd would grant it
#pragma once

#include "core/witness.hpp"
#include "tests/sim/host.hpp"

#include <memory>
#include <vector>

namespace hb::sim {

class ModelWitness {
 public:
  ModelWitness(World& world, const Site& site, const std::vector<std::unique_ptr<Host>>& hosts)
      : world_(world), hosts_(hosts), lease_(core::Witness::lease(site.config)) {
    reachable_.resize(hosts.size(), true);
  }
  /// Every host that reaches it asks, now and from now on.
  void turn();
  void reach(NodeId host, bool reachable) { reachable_[host.value] = reachable; }

 private:
  World& world_;
  const std::vector<std::unique_ptr<Host>>& hosts_;
  const Duration lease_;
  std::vector<bool> reachable_;
  NodeId owner_ = core::no_node;
  Instant since_{}, expires_{};
};

}  // namespace hb::sim
