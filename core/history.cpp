// history: sent frames; answers to retransmit requests
#include "core/history.hpp"

#include "core/result.hpp"

namespace hb::core {

namespace {
/// Acknowledged messages are freed when also older than this (wire-protocol §5.4).
constexpr Duration keep_acknowledged = std::chrono::milliseconds{2500};
/// Clients may send frames of 64 KiB; 500 of them are not worth 32 MiB of locked memory.
constexpr std::size_t most_bytes = 4 * 1024 * 1024;
/// A buffer that grew beyond this is given back when its message is dropped.
constexpr std::size_t buffer_kept = 2048;
}  // namespace

void History::drop_lowest() {
  Sent& oldest = at(lowest_);
  total_ -= oldest.bytes.size();
  if (oldest.bytes.capacity() > buffer_kept) {
    std::string{}.swap(oldest.bytes);
  } else {
    oldest.bytes.clear();
  }
  ++lowest_.value;
}

std::string& History::prepare() {
  if (size() == limits::history) drop_lowest();
  std::string& buffer = at(next_).bytes;
  buffer.clear();
  return buffer;
}

void History::commit(Instant now) {
  Sent& sent = at(next_);
  sent.sent_at = now;
  sent.resent_at = Instant::min();
  total_ += sent.bytes.size();
  ++next_.value;
}

void History::prepend(std::string_view frame, Instant now) {
  ENSURE(lowest_ > Seqno{1} && size() < limits::history);
  --lowest_.value;
  Sent& sent = at(lowest_);
  sent.bytes.assign(frame);
  sent.sent_at = now;
  total_ += frame.size();
}

void History::release(Seqno acknowledged, Instant now) {
  while (lowest_ < next_ && lowest_ <= acknowledged &&
         now - at(lowest_).sent_at > keep_acknowledged) {
    drop_lowest();
  }
  while (total_ > most_bytes) drop_lowest();
}

History::Answer History::answer(Seqno seqno, Instant now, Duration quiet) {
  if (seqno >= next_) return {Found::too_high, {}};
  if (seqno < lowest_) return {Found::too_low, {}};
  Sent& sent = at(seqno);
  if (sent.resent_at != Instant::min() && now - sent.resent_at < quiet) {
    return {Found::just_sent, {}};
  }
  sent.resent_at = now;
  return {Found::resend, as_bytes(sent.bytes)};
}

}  // namespace hb::core
