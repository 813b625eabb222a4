// clock: the boot clock, the wall clock, and kernel receive stamps turned into Instants
#include "os/clock.hpp"

namespace hb::os {
namespace {

core::Duration read_clock(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return std::chrono::seconds{time.tv_sec} + core::Duration{time.tv_nsec};
}

}  // namespace

core::Instant instant_now() { return core::Instant{read_clock(CLOCK_BOOTTIME)}; }

core::Now now() {
  return {instant_now(),
          core::WallTime{std::chrono::floor<std::chrono::seconds>(read_clock(CLOCK_REALTIME))}};
}

void StampClock::refresh() {
  wall_ = read_clock(CLOCK_REALTIME);
  boot_ = instant_now();
}

core::Instant StampClock::instant_of(const timespec& stamp) const {
  const auto age = wall_ - (std::chrono::seconds{stamp.tv_sec} + core::Duration{stamp.tv_nsec});
  if (age < core::Duration::zero() || age > oldest_stamp) return boot_;
  return boot_ - age;
}

}  // namespace hb::os
