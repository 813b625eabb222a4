// writer: the role main of a link's writer process: ring to socket
#include "writers/writer.hpp"

#include "ipc/child.hpp"
#include "os/socket.hpp"

#include <fmt/core.h>

#include <cstring>

namespace hb::writers {

int writer_main() {
  auto child = ipc::Child::begin(ipc::Child::Rights::medium);
  if (!child) return ipc::report_failed_start(child.error());
  os::SendBatch batch;
  const auto flush = [&] {
    const int before = batch.last_errno();
    batch.flush(ipc::medium_fd);
    if (const int error = batch.last_errno(); error != before && error != 0) {
      child->report_link_error({fmt::format("sending: {}", std::strerror(error)), error});
    }
  };
  return child->serve(
      [&](const ipc::RecordView& record) {
        if (batch.add(record.payload) == os::SendBatch::Added::yes) return;
        flush();
        (void)batch.add(record.payload);
      },
      [&] {
        if (!batch.empty()) flush();
      });
}

}  // namespace hb::writers
