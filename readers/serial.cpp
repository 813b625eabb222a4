// serial: the reader of a serial line: text messages out of a stream that may hold anything
#include "core/serial_line.hpp"
#include "ipc/child.hpp"
#include "os/clock.hpp"
#include "readers/message_cutter.hpp"
#include "readers/reader.hpp"

#include <fmt/core.h>

#include <array>
#include <cerrno>
#include <cstring>

#include <unistd.h>

namespace hb::readers {

int read_serial_line(ipc::Child& child) {
  ipc::Channel& channel = child.channel();
  MessageCutter cutter{MessageCutter::serial_line};
  std::array<char, 4096> part{};

  child.loop().watch(ipc::medium_fd, [&] {
    const ssize_t size = ::read(ipc::medium_fd, part.data(), part.size());
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) {
      // Broken for good: the master opens it anew, and gives that to the next reader.
      const int code = size == 0 ? EIO : errno;
      child.report_link_error({fmt::format("reading: {}", std::strerror(code)), code});
      child.loop().unwatch(ipc::medium_fd);
      return;
    }
    const core::Instant now = os::instant_now();
    cutter.add({part.data(), static_cast<std::size_t>(size)}, now, [&](std::string_view message) {
      channel.push(ipc::RecordType::frame_in, 0, now, core::as_bytes(message));
    });
    for (std::size_t refused = cutter.take_refused(); refused > 0; --refused) {
      channel.count(ipc::ChildCounter::refused_mark);
    }
  });
  return child.serve([](const ipc::RecordView&) {});
}

}  // namespace hb::readers
