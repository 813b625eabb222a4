// precautions: what the master does against its own death: core files, reserved memory, watchdog
#include "master/precautions.hpp"

#include "os/core_dumps.hpp"
#include "os/paths.hpp"
#include "os/realtime.hpp"

#include <fmt/core.h>

namespace hb::master {

using core::LogLevel;

void Precautions::prepare(const core::Config& config) {
  folder_ = os::paths::workdir;
  if (auto set = os::permit_core_dumps(config.coredumps); !set) {
    log_(LogLevel::warn, set.error().text);
  }
  if (auto entered = os::enter_core_folder(config.coreroot, "root"); entered) {
    folder_ = *entered;
  } else {
    log_(LogLevel::warn, entered.error().text);
  }
}

std::chrono::seconds Precautions::watchdog_timeout(core::Duration deadtime) {
  return std::chrono::ceil<std::chrono::seconds>(deadtime + std::chrono::milliseconds{10});
}

void Precautions::arm(const core::Config& config) {
  if (config.realtime && !os::reserve_heap(config.memreserve_kib << 10)) {
    log_(LogLevel::warn, fmt::format("memreserve {}: there is not that much memory; write a "
                                     "smaller number of kilobytes", config.memreserve_kib));
  }
  if (!config.watchdog.empty()) arm_watchdog(config);
}

void Precautions::arm_watchdog(const core::Config& config) {
  const auto wanted = watchdog_timeout(config.deadtime);
  auto opened = os::Watchdog::open(config.watchdog, wanted);
  if (!opened) {
    log_(LogLevel::error, fmt::format("Cannot open watchdog device: {}", config.watchdog));
    log_(LogLevel::error, opened.error().text);
    return;
  }
  watchdog_ = std::move(*opened);
  device_ = config.watchdog;
  pat_interval_ = config.keepalive;
  const auto timeout = watchdog_->timeout();
  if (timeout == std::chrono::seconds{}) {
    log_(LogLevel::warn, fmt::format("watchdog {}: the device tells no timeout; see to it that it "
                                     "waits {} s or more", device_, wanted.count()));
  } else if (timeout < wanted) {
    log_(LogLevel::warn, fmt::format("watchdog {}: the device waits {} s at most, less than the "
                                     "{} s asked for", device_, timeout.count(), wanted.count()));
  } else {
    log_(LogLevel::info, fmt::format("watchdog {}: armed, timeout {} s", device_,
                                     timeout.count()));
  }
}

void Precautions::turn_done(core::Instant now) {
  if (!watchdog_ || !has_sent_ || now < next_pat_) return;
  has_sent_ = false;
  // Half, since a turn may come a little early: the next message pats again.
  next_pat_ = now + pat_interval_ / 2;
  if (watchdog_->pat()) {
    complained_ = false;
  } else if (!complained_) {
    complained_ = true;
    log_(LogLevel::error, fmt::format("watchdog {}: the device takes nothing; the machine may "
                                      "restart soon", device_));
  }
}

void Precautions::end() {
  if (watchdog_) watchdog_->disarm();
  watchdog_.reset();
}

}  // namespace hb::master
