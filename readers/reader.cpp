// reader: the role main of a link's reader process: socket to ring
#include "readers/reader.hpp"

#include "core/frame.hpp"
#include "ipc/child.hpp"
#include "os/loop.hpp"
#include "os/socket.hpp"
#include "readers/echoes.hpp"
#include "readers/prefilter.hpp"

#include <optional>

namespace hb::readers {

int reader_main() {
  auto child = ipc::Child::begin(ipc::Child::Rights::medium);
  if (!child) return ipc::report_failed_start(child.error());
  ipc::Channel& channel = child->channel();
  os::ReceiveBatch batch;
  std::optional<Echoes> echoes;  // of a ping medium

  /// What `batch[i]` carries for the master; empty if nothing.
  const auto frame_of = [&](std::size_t i) -> core::Bytes {
    if (!echoes) return batch[i].bytes;
    // Answers to other programs of this host are no fault of anybody: not counted.
    return echoes->take(batch[i].bytes, batch.source(i)).frame;
  };

  child->loop().watch(ipc::medium_fd, [&] {
    const auto taken = batch.receive(ipc::medium_fd);
    if (!taken) {
      child->report_link_error(taken.error());
      return;
    }
    for (std::size_t i = 0; i < *taken; ++i) {
      const core::Bytes frame = frame_of(i);
      if (may_be_frame(frame)) {
        channel.push(ipc::RecordType::frame_in, 0, batch[i].time, frame);
      } else if (!echoes) {
        channel.count(ipc::ChildCounter::refused_mark);
      }
    }
    channel.set_count(ipc::ChildCounter::kernel_drops, batch.kernel_drops());
  });
  return child->serve([&](const ipc::RecordView& record) {
    if (record.type != ipc::RecordType::echo_targets) return;
    core::Message message;
    if (!core::decode(record.payload, message)) return;
    if (auto targets = os::echo_targets(message)) echoes.emplace(std::move(*targets));
  });
}

}  // namespace hb::readers
