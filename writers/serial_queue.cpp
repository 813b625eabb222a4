// serial_queue: what waits to be written to a serial line, at its speed, the oldest given up first
#include "writers/serial_queue.hpp"

#include "core/serial_line.hpp"

#include <algorithm>

namespace hb::writers {
namespace {

/// How soon a line that took nothing is tried again.
constexpr core::Duration stall = std::chrono::milliseconds{20};

}  // namespace

SerialQueue::SerialQueue(os::Baud baud)
    : baud_{std::max(baud.value, 1U)},
      room_{std::max<std::size_t>(least_bytes, baud.value / core::serial_line::bits_a_byte)} {}

std::size_t SerialQueue::add(std::string_view message) {
  std::size_t given_up = 0;
  // One that is half written must be finished: its rest would spoil the next.
  const std::size_t kept = begun_ > 0 ? 1 : 0;
  while (messages_.size() > kept && waiting_ + message.size() > room_) {
    const auto oldest = messages_.begin() + static_cast<std::ptrdiff_t>(kept);
    waiting_ -= oldest->size();
    messages_.erase(oldest);
    ++given_up;
  }
  messages_.emplace_back(message);
  waiting_ += message.size();
  return given_up;
}

std::string_view SerialQueue::due(core::Instant now) const {
  if (messages_.empty() || now < free_at_) return {};
  return std::string_view{messages_.front()}.substr(begun_, piece_bytes);
}

void SerialQueue::written(std::size_t bytes, core::Instant now) {
  const auto bits = static_cast<std::int64_t>(bytes * core::serial_line::bits_a_byte);
  free_at_ = now + core::Duration{std::chrono::seconds{1}} * bits / baud_.value;
  begun_ += bytes;
  waiting_ -= bytes;
  if (begun_ < messages_.front().size()) return;
  messages_.pop_front();
  begun_ = 0;
}

void SerialQueue::stalled(core::Instant now) { free_at_ = now + stall; }

void SerialQueue::clear() {
  messages_.clear();
  begun_ = waiting_ = 0;
}

core::Instant SerialQueue::next() const { return messages_.empty() ? core::never : free_at_; }

}  // namespace hb::writers
