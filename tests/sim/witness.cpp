// witness: one lease that hosts keep alive while they reach it, as etcd would grant it
#include "tests/sim/witness.hpp"

namespace hb::sim {

using namespace std::chrono_literals;

void ModelWitness::turn() {
  for (const auto& host : hosts_) {
    if (!host->is_active() || host->is_paused() || !reachable_[host->id().value]) continue;
    if (world_.now >= expires_) {
      world_.probes.hit("lease-granted");
      owner_ = host->id();
      since_ = world_.now;
    }
    if (owner_ != host->id()) continue;
    expires_ = world_.now + lease_;
    host->tell_witness(since_, world_.now + lease_ - lease_ / 4);
  }
  world_.after(300ms, [this] { turn(); });
}

}  // namespace hb::sim
