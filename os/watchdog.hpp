// watchdog: the hardware watchdog, and readiness told to the service manager
#pragma once

#include "core/result.hpp"
#include "os/fd.hpp"

#include <string>
#include <string_view>

namespace hb::os {

/// An armed watchdog device: unless it is patted in time the kernel reboots. The destructor does
/// not disarm: a crashed master must not (design §2).
class Watchdog {
 public:
  [[nodiscard]] static core::Result<Watchdog> open(const std::string& device);
  void pat() const;
  /// Magic close: only at an orderly end.
  void disarm();

 private:
  explicit Watchdog(Fd device) : device_{std::move(device)} {}
  Fd device_;
};

/// sd_notify: one datagram like "READY=1" to $NOTIFY_SOCKET; without it nothing happens.
void notify_service_manager(std::string_view state);
/// Somebody who starts us again waits for such datagrams.
[[nodiscard]] bool has_service_manager();

}  // namespace hb::os
