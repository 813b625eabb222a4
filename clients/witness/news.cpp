// news: what a witness tells, and the control FIFO through which the daemon hears it
#include "clients/witness/news.hpp"

#include "os/paths.hpp"

#include <fmt/core.h>

#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace hb::clients::witness {

core::Result<Teller> Teller::open() {
  os::Fd fifo{::open(os::paths::fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC)};
  if (fifo) return Teller{std::move(fifo)};
  return core::Error{fmt::format("cannot open {}: {}; the daemon starts this program, as root",
                                 os::paths::fifo, std::strerror(errno)), errno};
}

core::Result<void> Teller::tell(const News& news) const {
  const std::string text =
      fmt::format(">>>\nt=witness\nsince_ns={}\nuntil_ns={}\n<<<\n",
                  news.since.time_since_epoch().count(), news.until.time_since_epoch().count());
  if (::write(fifo_.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) {
    return {};
  }
  // Full: the daemon is busy, and the next news come soon.
  if (errno == EAGAIN) return {};
  return core::Error{fmt::format("cannot tell the daemon: {}", std::strerror(errno)), errno};
}

}  // namespace hb::clients::witness
