// clock: the boot clock, the wall clock, and kernel receive stamps turned into Instants
#pragma once

#include "core/types.hpp"

#include <ctime>

namespace hb::os {

/// CLOCK_BOOTTIME: goes on while the machine is suspended (design §1).
[[nodiscard]] core::Instant instant_now();
/// Both clocks; read once a turn.
[[nodiscard]] core::Now now();

/// Turns the kernel's SO_TIMESTAMPNS stamps (wall clock) into Instants. refresh() once a batch:
/// the wall clock may be stepped at any time, and the pair of reads must be newer than the step.
class StampClock {
 public:
  StampClock() { refresh(); }
  void refresh();
  /// Never later than the last refresh(), never earlier than `oldest_stamp` before it: a stamp
  /// outside comes from a stepped wall clock, and then the time of the refresh is the best guess.
  [[nodiscard]] core::Instant instant_of(const timespec& stamp) const;
  [[nodiscard]] core::Instant refreshed() const { return boot_; }

  /// What can have waited in a socket's queue while we were held up.
  static constexpr core::Duration oldest_stamp = std::chrono::seconds{60};

 private:
  core::Instant boot_{};
  core::Duration wall_{};
};

}  // namespace hb::os
