// fifo: the role main of the FIFO reader: cuts messages from start mark to end mark
#include "core/types.hpp"
#include "ipc/child.hpp"
#include "os/clock.hpp"
#include "readers/message_cutter.hpp"
#include "readers/reader.hpp"

#include <array>

#include <unistd.h>

namespace hb::readers {

int fifo_main() {
  auto child = ipc::Child::begin(ipc::Child::Rights::medium);
  if (!child) return ipc::report_failed_start(child.error());
  ipc::Channel& channel = child->channel();
  MessageCutter cutter{MessageCutter::fifo};
  std::array<char, 4096> part{};

  child->loop().watch(ipc::medium_fd, [&] {
    const ssize_t size = ::read(ipc::medium_fd, part.data(), part.size());
    if (size <= 0) return;
    const core::Instant now = os::instant_now();
    cutter.add({part.data(), static_cast<std::size_t>(size)}, now, [&](std::string_view message) {
      channel.push(ipc::RecordType::fifo_message, 0, now, core::as_bytes(message));
    });
    if (cutter.take_refused() != 0) {
      child->log(core::LogLevel::error,
                 "FIFO: a message was dropped: lines must be NAME=VALUE of at most 511 bytes");
    }
  });
  return child->serve([](const ipc::RecordView&) {});
}

}  // namespace hb::readers
