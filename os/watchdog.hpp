// watchdog: the hardware watchdog, and readiness told to the service manager
#pragma once

#include "core/result.hpp"
#include "os/fd.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace hb::os {

/// An armed watchdog device: unless it is patted in time the kernel reboots. The destructor does
/// not disarm: a crashed master must not (design §2).
class Watchdog {
 public:
  /// Opens, which arms it, and asks for `timeout`. A device that knows no timeouts is no error:
  /// see timeout().
  [[nodiscard]] static core::Result<Watchdog> open(const std::string& device,
                                                   std::chrono::seconds timeout);
  /// What the driver made of the wish; zero: it does not tell.
  [[nodiscard]] std::chrono::seconds timeout() const { return timeout_; }
  /// False if the device did not take it.
  [[nodiscard]] bool pat() const;
  /// Magic close: only at an orderly end.
  void disarm();

 private:
  explicit Watchdog(Fd device) : device_{std::move(device)} {}
  Fd device_;
  std::chrono::seconds timeout_{};
};

/// sd_notify: one datagram like "READY=1" to $NOTIFY_SOCKET; without it nothing happens.
void notify_service_manager(std::string_view state);
/// Somebody who starts us again waits for such datagrams.
[[nodiscard]] bool has_service_manager();

}  // namespace hb::os
