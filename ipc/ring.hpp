// ring: one-writer one-reader byte ring in shared memory, whose other side is not trusted
#pragma once

#include "core/result.hpp"
#include "core/types.hpp"
#include "ipc/layout.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace hb::ipc {

/// A record in private memory. Valid until the next one is taken.
struct RecordView {
  RecordType type{};
  std::uint16_t flags = 0;
  core::Instant time{};
  core::Bytes payload;
};

/// Where a ring lies. `tail` and `data` are in the producer's segment, `head` in the consumer's.
struct RingMemory {
  std::uint64_t* tail;
  std::uint64_t* head;
  std::byte* data;
  std::uint64_t capacity;  ///< a power of two
};

/// What the other side did that it must not: ends it.
enum class Violation : std::uint8_t {
  none, head_out_of_range, tail_out_of_range, tail_unaligned, length_beyond_lap,
  length_beyond_tail, length_beyond_limit, bad_pad, forbidden_record
};
[[nodiscard]] const char* name_of(Violation violation);

/// The writing side. Records become visible at flush(), whole or not at all.
///
/// A ring that is empty when its position is beyond `recycle_bytes` ends its lap early, by a pad
/// record: the next record then lies at the begin again, and a quiet ring never touches more pages
/// than that, however large it may grow in a burst. Positions still only increase.
class RingProducer {
 public:
  RingProducer() = default;
  explicit RingProducer(const RingMemory& memory);

  /// Copies `first` then `second` as one payload. False: no room (or too long), nothing written.
  [[nodiscard]] bool push(RecordType type, std::uint16_t flags, core::Instant time,
                          core::Bytes first, core::Bytes second = {});
  /// Publishes what was pushed. False: there was nothing.
  bool flush();

  /// Bytes that can still be pushed, by the consumer's position as last looked at.
  [[nodiscard]] std::uint64_t room() const { return memory_.capacity - (tail_ - head_); }
  [[nodiscard]] std::size_t largest_payload() const;
  /// Set when the consumer's position was impossible; from then on nothing is accepted.
  [[nodiscard]] Violation violation() const { return violation_; }

  static constexpr std::uint64_t recycle_bytes = 64 << 10;

 private:
  [[nodiscard]] bool look_at_head();
  [[nodiscard]] bool make_room(std::uint64_t need);
  void pad_lap();

  RingMemory memory_{};
  std::uint64_t tail_ = 0, published_ = 0;  // private: shared words are written, never trusted
  std::uint64_t head_ = 0;
  std::uint64_t most_used_ = 0;   // largest backlog so far
  std::uint64_t early_end_ = 0;   // where the last lap that was ended early would have ended
  Violation violation_ = Violation::none;
};

/// The reading side: copy out, then check, then use. Words of the header are loaded once, payloads
/// are copied to private memory before anyone looks at them.
class RingConsumer {
 public:
  RingConsumer() = default;
  explicit RingConsumer(const RingMemory& memory);

  /// Looks at the producer's position once: what next() may take until the following begin().
  [[nodiscard]] Violation begin();
  enum class Next : std::uint8_t { record, empty, violation };
  /// The next record. After a violation, violation() tells which; the ring is then dead.
  [[nodiscard]] Next next(RecordView& record);
  /// Gives the room of everything taken back to the producer.
  void commit();

  /// Whether something waits that begin() has not seen, or that next() has not taken.
  [[nodiscard]] bool anything_waiting() const;
  [[nodiscard]] Violation violation() const { return violation_; }

 private:
  [[nodiscard]] Next fail(Violation violation);

  RingMemory memory_{};
  std::uint64_t head_ = 0, committed_ = 0, tail_ = 0;
  std::unique_ptr<std::byte[]> copy_;
  Violation violation_ = Violation::none;
};

}  // namespace hb::ipc
