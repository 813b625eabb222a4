// move_order: tells the local daemon, through its control FIFO, to give or take resource groups
#include "clients/mgmtd/move_order.hpp"

#include "os/fd.hpp"
#include "os/paths.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/core.h>

namespace hb::clients::mgmtd {

core::Result<std::string> order_text(std::string_view what, std::string_view which) {
  if (which != "all" && which != "local" && which != "foreign")
    return core::Error{"an order is for all, local or foreign resources"};
  if (what == "give")
    return core::ok(fmt::format(">>>\nt=ask_resources\nrsc_hold={}\ninfo=me\n<<<\n", which));
  if (what == "take") return core::ok(fmt::format(">>>\nt=hb_takeover\nrsc_hold={}\n<<<\n", which));
  return core::Error{"an order is to give or to take"};
}

core::Result<void> give_order(std::string_view what, std::string_view which) {
  const auto text = order_text(what, which);
  if (!text) return text.error();
  const os::Fd fifo{
      ::open(os::paths::fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)};
  if (!fifo)
    return core::Error{errno == ENXIO || errno == ENOENT
                           ? "heartbeat does not run here"
                           : fmt::format("{}: {}", os::paths::fifo, std::strerror(errno)),
                       errno};
  struct stat facts{};
  if (::fstat(fifo.get(), &facts) != 0 || !S_ISFIFO(facts.st_mode))
    return core::Error{fmt::format("{} is no FIFO; start heartbeat anew", os::paths::fifo)};
  // Shorter than PIPE_BUF: the whole of it or nothing.
  if (::write(fifo.get(), text->data(), text->size()) != static_cast<ssize_t>(text->size()))
    return core::Error{"heartbeat does not read its control FIFO; try again"};
  return {};
}

}  // namespace hb::clients::mgmtd
