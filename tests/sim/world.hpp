// world: simulated time, chance, the queue of what will happen, and the trace of what did
#pragma once

#include "core/random.hpp"
#include "core/types.hpp"
#include "tests/sim/probe.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <functional>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

namespace hb::sim {

using core::Duration;
using core::Instant;
using core::NodeId;

/// One run: everything in it follows from the seed.
class World {
 public:
  World(std::uint64_t seed, bool verbose, Probes& campaign)
      : random(seed), probes(campaign), verbose_(verbose) {}

  void at(Instant when, std::function<void()> what) {
    events_.push({std::max(when, now), ++order_, std::move(what)});
  }
  void after(Duration delay, std::function<void()> what) { at(now + delay, std::move(what)); }
  /// Runs events until `end`.
  void run_until(Instant end) {
    while (!events_.empty() && events_.top().when <= end && failure.empty()) {
      // The action is moved out of the heap's top, which pop() then discards.
      Event event = std::move(const_cast<Event&>(events_.top()));
      events_.pop();
      now = event.when;
      event.what();
    }
    if (failure.empty()) now = end;
  }

  /// True with the probability of `per_mille`.
  bool chance(std::uint64_t per_mille) { return random.below(1000) < per_mille; }
  Duration between(Duration low, Duration high) { return random.between(low, high); }

  /// Part of the hash that two runs of a seed must share; printed when verbose.
  template <class... Args>
  void trace(fmt::format_string<Args...> format, Args&&... args) {
    line_.clear();
    fmt::format_to(std::back_inserter(line_), "{:9.4f} ", seconds(now));
    fmt::format_to(std::back_inserter(line_), format, std::forward<Args>(args)...);
    digest(line_.data(), line_.size());
    if (verbose_) fmt::print("{}\n", std::string_view{line_.data(), line_.size()});
  }
  void digest(const void* data, std::size_t size) {
    const auto* const bytes = static_cast<const unsigned char*>(data);
    for (std::size_t i = 0; i < size; ++i) hash = (hash ^ bytes[i]) * 0x100000001b3ULL;  // FNV-1a
  }
  /// An invariant is broken: the run ends.
  template <class... Args>
  void fail(fmt::format_string<Args...> format, Args&&... args) {
    if (!failure.empty()) return;
    failure = fmt::format("at {:.4f}: ", seconds(now));
    failure += fmt::format(format, std::forward<Args>(args)...);
    if (verbose_) fmt::print("FAILED {}\n", failure);
  }
  static double seconds(Instant instant) {
    return static_cast<double>((instant - start).count()) / 1e9;
  }

  static constexpr Instant start{std::chrono::seconds{1000}};
  Instant now = start;
  core::Random random;
  Probes& probes;
  std::string failure;
  std::uint64_t hash = 0xcbf29ce484222325ULL;

 private:
  struct Event {
    Instant when;
    std::uint64_t order;
    std::function<void()> what;
    bool operator<(const Event& other) const {  // the top of the heap is the earliest
      return when != other.when ? when > other.when : order > other.order;
    }
  };
  std::priority_queue<Event> events_;
  std::uint64_t order_ = 0;
  fmt::memory_buffer line_;
  bool verbose_;
};

}  // namespace hb::sim
