// history: sent frames; answers to retransmit requests
#pragma once

#include "core/types.hpp"

#include <array>
#include <string>
#include <string_view>

namespace hb::core {

/// The last limits::history sequenced frames as they were signed and sent (wire-protocol §5.3,
/// §5.4). Buffers are reused; what all have acknowledged is given back after a while.
class History {
 public:
  /// `next`: the number that the first message of this life will carry.
  explicit History(Seqno next) : next_(next), lowest_(next) {}

  [[nodiscard]] Seqno next() const { return next_; }
  /// The highest number sent; 0 if none.
  [[nodiscard]] Seqno highest() const { return Seqno{next_.value - 1}; }
  /// Below this everything is gone.
  [[nodiscard]] Seqno lowest() const { return lowest_; }
  [[nodiscard]] std::size_t size() const { return next_.value - lowest_.value; }

  /// The empty buffer that message next() is to be encoded into; the oldest may be evicted for it.
  [[nodiscard]] std::string& prepare();
  /// What prepare() gave has been sent as number next().
  void commit(Instant now);

  /// Frees what is acknowledged by all and older than the time in which 3.0.6 may still ask.
  void release(Seqno acknowledged, Instant now);

  /// The frame of a number that is still kept, as it was sent.
  [[nodiscard]] std::string_view frame(Seqno seqno) const {
    return sent_[seqno.value % limits::history].bytes;
  }
  /// What an earlier master sent as the number below lowest(); that is lowest() then.
  void prepend(std::string_view frame, Instant now);

  enum class Found : std::uint8_t {
    resend,     ///< `bytes` go out again, unchanged
    too_low,    ///< evicted or freed: NAK
    too_high,   ///< never sent: log, no answer
    just_sent,  ///< resent less than `quiet` ago: the same request came on another link
  };
  struct Answer {
    Found found;
    Bytes bytes;
  };
  [[nodiscard]] Answer answer(Seqno seqno, Instant now, Duration quiet);

 private:
  struct Sent {
    std::string bytes;
    Instant sent_at{};
    Instant resent_at = Instant::min();
  };
  [[nodiscard]] Sent& at(Seqno seqno) { return sent_[seqno.value % limits::history]; }
  void drop_lowest();

  std::array<Sent, limits::history> sent_;
  Seqno next_, lowest_;
  std::size_t total_ = 0;  // bytes held by the entries from lowest_ to next_
};

}  // namespace hb::core
