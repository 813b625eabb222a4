// reader: the role main of a link's reader process: socket to ring
#include "readers/reader.hpp"

#include "ipc/child.hpp"
#include "os/loop.hpp"
#include "os/socket.hpp"
#include "readers/prefilter.hpp"

namespace hb::readers {

int reader_main() {
  auto child = ipc::Child::begin(ipc::Child::Rights::medium);
  if (!child) return ipc::report_failed_start(child.error());
  ipc::Channel& channel = child->channel();
  os::ReceiveBatch batch;

  child->loop().watch(ipc::medium_fd, [&] {
    const auto taken = batch.receive(ipc::medium_fd);
    if (!taken) {
      child->report_link_error(taken.error());
      return;
    }
    for (std::size_t i = 0; i < *taken; ++i) {
      if (may_be_frame(batch[i].bytes)) {
        channel.push(ipc::RecordType::frame_in, 0, batch[i].time, batch[i].bytes);
      } else {
        channel.count(ipc::ChildCounter::refused_mark);
      }
    }
    channel.set_count(ipc::ChildCounter::kernel_drops, batch.kernel_drops());
  });
  return child->serve([](const ipc::RecordView&) {});  // the master tells a reader nothing
}

}  // namespace hb::readers
