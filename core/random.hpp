// random: seeded numbers for delays and jitter; the same seed gives the same numbers
#pragma once

#include "core/types.hpp"

#include <cstdint>

namespace hb::core {

/// splitmix64: spreads waiting times of several nodes apart; never used for secrets.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
    return mixed ^ (mixed >> 31);
  }
  /// 0 ≤ result < bound; 0 if bound is 0.
  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : next() % bound; }
  /// low ≤ result ≤ high; low if high is lower.
  Duration between(Duration low, Duration high) {
    if (high <= low) return low;
    return low + Duration{below(static_cast<std::uint64_t>((high - low).count()) + 1)};
  }

 private:
  std::uint64_t state_;
};

}  // namespace hb::core
