// control_fifo: one message into the control FIFO of the local daemon, without waiting for it
#include "clients/control_fifo.hpp"

#include "os/fd.hpp"
#include "os/paths.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/core.h>

namespace hb::clients {

core::Result<void> write_control_fifo(std::string_view text) {
  const os::Fd fifo{
      ::open(os::paths::fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)};
  if (!fifo) {
    const int code = errno;
    if (code == ENXIO || code == ENOENT) return core::Error{"heartbeat does not run here", code};
    if (code == EACCES || code == EPERM)
      return core::Error{"only root may give orders to heartbeat", code};
    return core::Error{fmt::format("{}: {}", os::paths::fifo, std::strerror(code)), code};
  }
  struct stat facts{};
  if (::fstat(fifo.get(), &facts) != 0 || !S_ISFIFO(facts.st_mode))
    return core::Error{fmt::format("{} is no FIFO; start heartbeat anew", os::paths::fifo)};
  if (::write(fifo.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return core::Error{"heartbeat does not read its control FIFO; try again"};
  return {};
}

}  // namespace hb::clients
