// news: what a witness tells, and the control FIFO through which the daemon hears it
#include "clients/witness/news.hpp"

#include "os/paths.hpp"

#include <fmt/core.h>

#include <algorithm>
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
  return write(fmt::format("since_ns={}\nuntil_ns={}", news.since.time_since_epoch().count(),
                           news.until.time_since_epoch().count()));
}

core::Result<void> Teller::remark(std::string text) const {
  constexpr std::size_t longest = 300;  // a line of the FIFO has 510 bytes
  if (text.size() > longest) text.resize(longest);
  std::ranges::replace_if(text, [](char c) { return c < ' ' || c == '\x7f'; }, ' ');
  return write("remark=" + text);
}

core::Result<void> Teller::write(std::string_view fields) const {
  const std::string text = fmt::format(">>>\nt=witness\n{}\n<<<\n", fields);
  if (::write(fifo_.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) {
    return {};
  }
  // Full: the daemon is busy, and the next news come soon.
  if (errno == EAGAIN) return {};
  return core::Error{fmt::format("cannot tell the daemon: {}", std::strerror(errno)), errno};
}

}  // namespace hb::clients::witness
