// reader: the role main of a link's reader process: socket to ring
#include "readers/reader.hpp"

#include "core/frame.hpp"
#include "ipc/child.hpp"
#include "os/loop.hpp"
#include "os/serial.hpp"
#include "os/socket.hpp"
#include "readers/echoes.hpp"
#include "readers/prefilter.hpp"
#include "readers/sources.hpp"

#include <fmt/core.h>

#include <optional>
#include <string>

namespace hb::readers {

namespace {

/// Tells of one kind of refusal at its first time, and then at most once a minute, with a count.
class Refusals {
 public:
  Refusals(const char* what, const char* cure) : what_(what), cure_(cure) {}
  void note(ipc::Child& child, const os::IpAddress& source, core::Instant now) {
    ++count_;
    if (now < next_) return;
    next_ = now + std::chrono::minutes{1};
    child.log(core::LogLevel::warn, fmt::format("{} datagrams {}, the last one from {}; {}", count_,
                                                what_, os::text_of(source), cure_));
    count_ = 0;
  }

 private:
  const char* what_;
  const char* cure_;
  std::uint64_t count_ = 0;
  core::Instant next_{};
};

std::vector<os::IpAddress> addresses_in(const core::Message& message) {
  std::vector<os::IpAddress> addresses;
  for (std::size_t i = 0; i < message.size(); ++i) {
    if (message[i].name != "address") continue;
    if (const auto address = os::parse_ip(message[i].value)) addresses.push_back(*address);
  }
  return addresses;
}

}  // namespace

int reader_main() {
  auto child = ipc::Child::begin(ipc::Child::Rights::medium);
  if (!child) return ipc::report_failed_start(child.error());
  if (os::serial_speed(ipc::medium_fd)) return read_serial_line(*child);
  ipc::Channel& channel = child->channel();
  os::ReceiveBatch batch;
  std::optional<Echoes> echoes;  // of a ping medium
  Sources sources;
  Refusals strangers{"of strangers refused",
                     "a ucast link listens to the addresses of its ucast lines only; name that "
                     "node's address there, or write: ucast_any_source on"};
  Refusals floods{"refused since their sender sends too many", "find that machine"};

  /// Whether the sender may be listened to at all.
  const auto is_admitted = [&](std::size_t i) {
    switch (sources.judge(batch.source(i), batch[i].time)) {
      case Sources::Verdict::admitted: return true;
      case Sources::Verdict::stranger:
        channel.count(ipc::ChildCounter::refused_source);
        strangers.note(*child, batch.source(i), batch[i].time);
        return false;
      case Sources::Verdict::too_many:
        channel.count(ipc::ChildCounter::refused_rate);
        floods.note(*child, batch.source(i), batch[i].time);
        return false;
    }
    return false;
  };

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
      if (!echoes && !is_admitted(i)) continue;
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
    core::Message message;
    if (!core::decode(record.payload, message)) return;
    if (record.type == ipc::RecordType::link_sources) {
      return sources.allow_only(addresses_in(message));
    }
    if (record.type != ipc::RecordType::echo_targets) return;
    if (auto targets = os::echo_targets(message)) echoes.emplace(std::move(*targets));
  });
}

}  // namespace hb::readers
