// layout: every struct that processes share, with its offsets pinned and a hash over all of them
#pragma once

#include "core/types.hpp"
#include "ipc/record.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace hb::ipc {

inline constexpr std::size_t page_bytes = 4096;
/// Two cache lines: the neighbour-line prefetcher of x86 pairs them.
inline constexpr std::size_t index_alignment = 128;

// ---- records ----

/// Before each payload. 16 bytes, and records are 16-aligned, so that the rest of a lap always has
/// room for the header of a pad record.
struct RecordHeader {
  std::uint32_t length;  ///< payload bytes, without this header
  std::uint16_t type;
  std::uint16_t flags;
  std::int64_t time_ns;  ///< Instant
};
static_assert(sizeof(RecordHeader) == 16 && offsetof(RecordHeader, time_ns) == 8);
inline constexpr std::uint64_t record_alignment = 16;

/// What a record takes in the ring.
constexpr std::uint64_t record_bytes(std::uint64_t payload) {
  return (sizeof(RecordHeader) + payload + record_alignment - 1) & ~(record_alignment - 1);
}

// ---- segments: one for each direction, written by one side only ----

inline constexpr std::uint64_t segment_magic = 0x53797374'6f6c6531;  // "Systole1"
inline constexpr std::uint32_t layout_version = 1;

struct SegmentHeader {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint16_t role;
  std::uint16_t link;
  std::uint64_t layout_hash;
  std::uint64_t incarnation;
  std::uint64_t capacity;  ///< of the ring in this segment
};

/// What a child counts for itself; shown by the master, believed by nobody.
enum class ChildCounter : std::uint8_t {
  datagrams, bytes, kernel_drops, refused_size, refused_mark, refused_rate, send_errors, ring_drops,
  // of the status process: API connections, and why they ended
  clients_accepted, clients_over_limit, clients_slow, clients_broken, clients_mute, clients_died,
  signons, signons_refused,
  refused_source,  // of a reader: not from an address of a ucast line
  count_
};
inline constexpr std::size_t child_counters = 16;  ///< room to add without a new layout

[[nodiscard]] constexpr std::string_view name_of(ChildCounter counter) {
  constexpr std::array<std::string_view, static_cast<std::size_t>(ChildCounter::count_)> names = {
      "datagrams", "bytes", "kernel_drops", "refused_size", "refused_mark", "refused_rate",
      "send_errors", "ring_drops",
      "clients_accepted", "clients_over_limit", "clients_slow", "clients_broken", "clients_mute",
      "clients_died", "signons", "signons_refused", "refused_source"};
  return names[static_cast<std::size_t>(counter)];
}

/// First page of a segment; data follow from page_bytes on. Each index alone on its lines.
struct SegmentPage {
  SegmentHeader header;
  /// Writer's position in the ring of this segment, in bytes since the beginning; never wraps.
  alignas(index_alignment) std::uint64_t tail;
  /// Reader's position in the ring of the *other* segment.
  alignas(index_alignment) std::uint64_t head;
  /// Odd while the owner sleeps; one more at each change, so that a sleep is rung for once.
  alignas(index_alignment) std::uint64_t sleep;
  /// When the owner last finished a turn.
  alignas(index_alignment) std::int64_t progress_ns;
  std::uint64_t counters[child_counters];
};
static_assert(std::is_trivially_copyable_v<SegmentPage> && std::is_standard_layout_v<SegmentPage>);
static_assert(offsetof(SegmentPage, tail) == 128 && offsetof(SegmentPage, head) == 256 &&
              offsetof(SegmentPage, sleep) == 384 && offsetof(SegmentPage, progress_ns) == 512);
static_assert(sizeof(SegmentPage) <= page_bytes);

/// Bytes of the ring to or from a child. Pages cost memory only when touched, and a ring goes back
/// to its begin when it runs empty (see ring.hpp), so room is cheap. Largest record = a quarter: a
/// 64 KiB datagram for links, a 256 KiB message for clients and the FIFO.
constexpr std::uint64_t ring_capacity(Role role) {
  switch (role) {
    case Role::fifo:
    case Role::status: return std::uint64_t{1} << 21;
    default: return std::uint64_t{1} << 19;
  }
}

/// FNV-1a over what both sides must agree on; the two ends are one program, so a difference means
/// that an upgrade mixed versions.
constexpr std::uint64_t hash_layout(std::initializer_list<std::uint64_t> numbers) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::uint64_t number : numbers) hash = (hash ^ number) * 0x100000001b3;
  return hash;
}
inline constexpr std::uint64_t layout_hash = hash_layout(
    {layout_version, sizeof(RecordHeader), sizeof(SegmentPage), offsetof(SegmentPage, tail),
     offsetof(SegmentPage, head), offsetof(SegmentPage, sleep), child_counters, page_bytes,
     ring_capacity(Role::reader), ring_capacity(Role::status), ring_capacity(Role::runner)});

}  // namespace hb::ipc
