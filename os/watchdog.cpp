// watchdog: the hardware watchdog, and readiness told to the service manager
#include "os/watchdog.hpp"

#include <fmt/core.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <linux/watchdog.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace hb::os {

core::Result<Watchdog> Watchdog::open(const std::string& device, std::chrono::seconds timeout) {
  // Non-blocking: nothing that stands in for a device may hold us up.
  Fd fd{::open(device.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
  if (!fd.valid()) {
    return core::Error{fmt::format("cannot open watchdog {}: {}; load its module (softdog for a "
                                   "test) or remove the line",
                                   device, std::strerror(errno)),
                       errno};
  }
  Watchdog watchdog{std::move(fd)};
  int seconds = static_cast<int>(timeout.count());
  if (::ioctl(watchdog.device_.get(), WDIOC_SETTIMEOUT, &seconds) != 0 &&
      ::ioctl(watchdog.device_.get(), WDIOC_GETTIMEOUT, &seconds) != 0) {
    seconds = 0;
  }
  watchdog.timeout_ = std::chrono::seconds{seconds};
  return watchdog;
}

bool Watchdog::pat() const { return device_.valid() && ::write(device_.get(), "", 1) == 1; }

void Watchdog::disarm() {
  if (device_.valid()) (void)!::write(device_.get(), "V", 1);
  device_.reset();
}

void notify_service_manager(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (path == nullptr || std::strlen(path) >= sizeof address.sun_path ||
      (path[0] != '/' && path[0] != '@')) {
    return;
  }
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path, std::strlen(path));
  if (path[0] == '@') address.sun_path[0] = '\0';  // abstract
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  const Fd socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  // Nobody listening is no error of ours: systemd's own timeout tells.
  (void)::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&address), size);
}

bool has_service_manager() { return std::getenv("NOTIFY_SOCKET") != nullptr; }

}  // namespace hb::os
