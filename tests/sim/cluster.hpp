// cluster: one run: hosts, network, a plan of faults, quiet, and the verdict
#pragma once

#include "tests/sim/invariants.hpp"

#include <string>

namespace hb::sim {

struct Outcome {
  std::string failure;  ///< empty = all invariants held
  std::uint64_t hash;   ///< of everything that was sent, logged and run
};

/// What one run lasts, in its own time.
[[nodiscard]] Duration simulated_time();
/// The same seed gives the same run.
[[nodiscard]] Outcome run_cluster(std::uint64_t seed, bool verbose, Probes& probes);

}  // namespace hb::sim
