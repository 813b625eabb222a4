// serial: the writer of a serial line: text messages at the line's speed
#include "ipc/child.hpp"
#include "os/clock.hpp"
#include "writers/serial_queue.hpp"
#include "writers/writer.hpp"

#include <fmt/core.h>

#include <cerrno>
#include <cstring>

#include <unistd.h>

namespace hb::writers {

int write_serial_line(ipc::Child& child, os::Baud baud) {
  SerialQueue queue{baud};
  const auto write = [&] {
    for (core::Instant now = os::instant_now();;) {
      const std::string_view piece = queue.due(now);
      if (piece.empty()) break;
      const ssize_t size = ::write(ipc::medium_fd, piece.data(), piece.size());
      if (size > 0) {
        queue.written(static_cast<std::size_t>(size), now);
      } else if (size < 0 && errno == EINTR) {
        continue;
      } else if (size == 0 || errno == EAGAIN) {
        queue.stalled(now);
      } else {
        child.report_link_error({fmt::format("writing: {}", std::strerror(errno)), errno});
        queue.clear();
      }
    }
    child.loop().deadline(queue.next());
  };
  return child.serve(
      [&](const ipc::RecordView& record) {
        if (record.type != ipc::RecordType::frame_out) return;
        const std::size_t given_up = queue.add(core::as_text(record.payload));
        for (std::size_t i = 0; i < given_up; ++i) {
          child.channel().count(ipc::ChildCounter::send_errors);
        }
      },
      write);
}

}  // namespace hb::writers
