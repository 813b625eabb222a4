// writer: the role main of a link's writer process: ring to socket
#include "writers/writer.hpp"

#include "core/frame.hpp"
#include "ipc/child.hpp"
#include "os/clock.hpp"
#include "os/echo.hpp"
#include "os/socket.hpp"

#include <fmt/core.h>

#include <cstring>
#include <optional>

namespace hb::writers {
namespace {

/// Where echo requests begin to count. Milliseconds, so that a writer that is started again does
/// not use the numbers of its predecessor, whose answers the reader has seen.
std::uint16_t first_sequence() {
  return static_cast<std::uint16_t>(os::instant_now().time_since_epoch() /
                                    std::chrono::milliseconds{1});
}

/// Gives the kernel what the master wants sent: as it is, or, on a ping medium, as one echo request
/// to each host.
class Outgoing {
 public:
  explicit Outgoing(ipc::Child& child) : child_{child} {}

  void ask(os::EchoTargets targets) { targets_ = std::move(targets); }

  void send(core::Bytes frame) {
    if (!targets_) {
      if (batch_.add(frame) == os::SendBatch::Added::yes) return;
      flush();
      return (void)batch_.add(frame);
    }
    // One number for all hosts of a group: the first answer to it counts.
    os::make_echo_request(targets_->hosts[0].address.family, targets_->id, sequence_++, frame,
                          request_);
    for (const os::EchoHost& host : targets_->hosts) {
      const core::Bytes bytes = core::as_bytes(request_);
      if (batch_.add(bytes, host.address, host.scope) == os::SendBatch::Added::yes) continue;
      flush();
      (void)batch_.add(bytes, host.address, host.scope);
    }
  }

  void flush() {
    if (batch_.empty()) return;
    const int before = batch_.last_errno();
    batch_.flush(ipc::medium_fd);
    if (const int error = batch_.last_errno(); error != before && error != 0) {
      child_.report_link_error({fmt::format("sending: {}", std::strerror(error)), error});
    }
  }

 private:
  ipc::Child& child_;
  os::SendBatch batch_;
  std::optional<os::EchoTargets> targets_;
  std::uint16_t sequence_ = first_sequence();
  std::string request_;
};

}  // namespace

int writer_main() {
  auto child = ipc::Child::begin(ipc::Child::Rights::medium);
  if (!child) return ipc::report_failed_start(child.error());
  if (const auto baud = os::serial_speed(ipc::medium_fd)) {
    os::send_break(ipc::medium_fd);
    return write_serial_line(*child, *baud);
  }
  Outgoing outgoing{*child};
  return child->serve(
      [&](const ipc::RecordView& record) {
        if (record.type == ipc::RecordType::frame_out) return outgoing.send(record.payload);
        core::Message message;
        if (record.type != ipc::RecordType::echo_targets ||
            !core::decode(record.payload, message)) {
          return;
        }
        if (auto targets = os::echo_targets(message)) outgoing.ask(std::move(*targets));
      },
      [&] { outgoing.flush(); });
}

}  // namespace hb::writers
