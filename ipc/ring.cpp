// ring: one-writer one-reader byte ring in shared memory, whose other side is not trusted
#include "ipc/ring.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstring>

namespace hb::ipc {
namespace {

std::uint64_t load(const std::uint64_t* word, std::memory_order order) {
  // atomic_ref wants a mutable object; the page is mapped read-only, and only read.
  return std::atomic_ref{*const_cast<std::uint64_t*>(word)}.load(order);
}

void store(std::uint64_t* word, std::uint64_t value, std::memory_order order) {
  std::atomic_ref{*word}.store(value, order);
}

/// Header words are loaded once each into a private header: what is checked is what is used.
RecordHeader load_header(const std::byte* from) {
  std::uint64_t words[2];
  const auto* shared = reinterpret_cast<const std::uint64_t*>(from);
  words[0] = load(shared, std::memory_order_relaxed);
  words[1] = load(shared + 1, std::memory_order_relaxed);
  return std::bit_cast<RecordHeader>(words);
}

void store_header(std::byte* to, const RecordHeader& header) {
  const auto words = std::bit_cast<std::array<std::uint64_t, 2>>(header);
  auto* shared = reinterpret_cast<std::uint64_t*>(to);
  store(shared, words[0], std::memory_order_relaxed);
  store(shared + 1, words[1], std::memory_order_relaxed);
}

}  // namespace

const char* name_of(Violation violation) {
  switch (violation) {
    case Violation::none: return "none";
    case Violation::head_out_of_range: return "the reading position is out of range";
    case Violation::tail_out_of_range: return "the writing position is out of range";
    case Violation::tail_unaligned: return "the writing position is not aligned";
    case Violation::length_beyond_lap: return "a record crosses the end of the ring";
    case Violation::length_beyond_tail: return "a record crosses the writing position";
    case Violation::length_beyond_limit: return "a record is longer than a quarter of the ring";
    case Violation::bad_pad: return "a pad record does not end the lap";
    case Violation::forbidden_record: return "a record of a type or size that is not permitted";
  }
  return "unknown";
}

// ---- producer ---------------------------------------------------------------------------------

RingProducer::RingProducer(const RingMemory& memory) : memory_{memory} {
  ENSURE(std::has_single_bit(memory.capacity) && memory.capacity >= 4 * record_alignment);
}

std::size_t RingProducer::largest_payload() const {
  return static_cast<std::size_t>(memory_.capacity / 4) - sizeof(RecordHeader);
}

bool RingProducer::look_at_head() {
  const std::uint64_t head = load(memory_.head, std::memory_order_acquire);
  // It moves forward only, and never past what we published.
  if (head < head_ || head > published_) {
    violation_ = Violation::head_out_of_range;
    return false;
  }
  head_ = head;
  return true;
}

void RingProducer::pad_lap() {
  const std::uint64_t offset = tail_ & (memory_.capacity - 1);
  const std::uint64_t rest = memory_.capacity - offset;
  store_header(memory_.data + offset,
               {static_cast<std::uint32_t>(rest - sizeof(RecordHeader)),
                static_cast<std::uint16_t>(RecordType::pad), 0, 0});
  tail_ += rest;
}

bool RingProducer::make_room(std::uint64_t need) {
  const std::uint64_t offset = tail_ & (memory_.capacity - 1);
  const std::uint64_t rest = memory_.capacity - offset;
  const std::uint64_t with_pad = need <= rest ? need : rest + need;
  // The producer keeps an old head as long as it suffices: its line stays out of our cache, except
  // where knowing that the ring is empty lets the lap end early.
  const bool far = offset >= std::max(recycle_bytes, 2 * most_used_);
  if (far || tail_ + with_pad - head_ > memory_.capacity) {
    if (!look_at_head()) return false;
  }
  if (far && head_ == tail_ && rest + need <= memory_.capacity) {
    pad_lap();
    early_end_ = tail_;
  } else if (tail_ + with_pad - head_ > memory_.capacity) {
    return false;
  } else if (need > rest) {
    pad_lap();
  }
  return true;
}

bool RingProducer::push(RecordType type, std::uint16_t flags, core::Instant time,
                        core::Bytes first, core::Bytes second) {
  const std::size_t payload = first.size() + second.size();
  if (memory_.data == nullptr || payload > largest_payload()) return false;
  const std::uint64_t need = record_bytes(payload);
  if (violation_ != Violation::none || !make_room(need)) return false;
  std::byte* to = memory_.data + (tail_ & (memory_.capacity - 1));
  store_header(to, {static_cast<std::uint32_t>(payload), static_cast<std::uint16_t>(type), flags,
                    time.time_since_epoch().count()});
  to += sizeof(RecordHeader);
  if (!first.empty()) std::memcpy(to, first.data(), first.size());
  if (!second.empty()) std::memcpy(to + first.size(), second.data(), second.size());
  tail_ += need;
  return true;
}

bool RingProducer::flush() {
  if (tail_ == published_) return false;
  store(memory_.tail, tail_, std::memory_order_release);
  published_ = tail_;
  // Twice the largest backlog stays free after an early end of a lap, so that a burst that fitted
  // once fits again. What the early end itself skipped is no backlog.
  if (tail_ - std::max(head_, early_end_) > most_used_ && look_at_head()) {
    most_used_ = std::max(most_used_, tail_ - std::max(head_, early_end_));
  }
  return true;
}

// ---- consumer ---------------------------------------------------------------------------------

RingConsumer::RingConsumer(const RingMemory& memory)
    : memory_{memory},
      // Not zeroed: memory that no record ever reaches is never touched.
      copy_{std::make_unique_for_overwrite<std::byte[]>(
          static_cast<std::size_t>(memory.capacity / 4))} {
  ENSURE(std::has_single_bit(memory.capacity));
}

RingConsumer::Next RingConsumer::fail(Violation violation) {
  violation_ = violation;
  return Next::violation;
}

Violation RingConsumer::begin() {
  if (violation_ != Violation::none) return violation_;
  const std::uint64_t tail = load(memory_.tail, std::memory_order_acquire);
  if (tail % record_alignment != 0) {
    violation_ = Violation::tail_unaligned;
  } else if (tail < tail_ || tail - head_ > memory_.capacity) {
    violation_ = Violation::tail_out_of_range;
  } else {
    tail_ = tail;
  }
  return violation_;
}

RingConsumer::Next RingConsumer::next(RecordView& record) {
  if (violation_ != Violation::none) return Next::violation;
  // At most two rounds: after a pad the position is at the begin of a lap, where a second pad would
  // take the whole ring and so be the last.
  while (head_ != tail_) {
    const std::uint64_t offset = head_ & (memory_.capacity - 1);
    const std::uint64_t rest = memory_.capacity - offset;
    const RecordHeader header = load_header(memory_.data + offset);
    const std::uint64_t bytes = record_bytes(header.length);
    if (bytes > tail_ - head_) return fail(Violation::length_beyond_tail);
    if (bytes > rest) return fail(Violation::length_beyond_lap);
    if (header.type == static_cast<std::uint16_t>(RecordType::pad)) {
      if (bytes != rest) return fail(Violation::bad_pad);
      head_ += bytes;
      continue;
    }
    if (bytes > memory_.capacity / 4) return fail(Violation::length_beyond_limit);
    std::memcpy(copy_.get(), memory_.data + offset + sizeof(RecordHeader), header.length);
    record.type = static_cast<RecordType>(header.type);
    record.flags = header.flags;
    record.time = core::Instant{core::Duration{header.time_ns}};
    record.payload = {copy_.get(), header.length};
    head_ += bytes;
    return Next::record;
  }
  return Next::empty;
}

void RingConsumer::commit() {
  if (head_ == committed_) return;
  store(memory_.head, head_, std::memory_order_release);
  committed_ = head_;
}

bool RingConsumer::anything_waiting() const {
  return violation_ == Violation::none && load(memory_.tail, std::memory_order_acquire) != head_;
}

}  // namespace hb::ipc
