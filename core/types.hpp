// types: strong types for time, identities and sequence numbers, and every limit with its reason
#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

namespace hb::core {

using Duration = std::chrono::nanoseconds;

/// The clock of all decisions: CLOCK_BOOTTIME, so that a suspended machine notices the lost hours.
/// It has no now(): core never reads a clock, time arrives with each Input.
struct BootClock {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = Duration;
  using time_point = std::chrono::time_point<BootClock, Duration>;
  static constexpr bool is_steady = true;
};
using Instant = BootClock::time_point;

/// A deadline that never comes.
inline constexpr Instant never = Instant::max();

/// Seconds since 1970, only for the wire's `ts` field and log lines; never for decisions.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::seconds>;

/// Both clocks, read once a turn by the process that calls core.
struct Now {
  Instant instant;
  WallTime wall;
};

/// An integer that only mixes with its own kind.
template <class Tag, class Rep>
struct Strong {
  Rep value{};
  constexpr auto operator<=>(const Strong&) const = default;
};

/// Index of a node in the order of appearance in ha.cf (ping nodes included).
using NodeId = Strong<struct NodeTag, std::uint16_t>;
/// Index of a medium in the order of ha.cf: one socket pair, one reader and one writer process.
using LinkId = Strong<struct LinkTag, std::uint16_t>;
/// Index of a resource group: its line in haresources, from 0.
using GroupId = Strong<struct GroupTag, std::uint16_t>;
/// Names one run of a resource script, unique in the life of a master.
using Ticket = Strong<struct TicketTag, std::uint64_t>;
/// Names one API client's connection, given by the status process.
using ClientId = Strong<struct ClientTag, std::uint64_t>;
/// Heartbeat generation `hg` (wire-protocol §5.2).
using Generation = Strong<struct GenerationTag, std::uint64_t>;
/// Sequence number `seq` of sequenced messages, from 1 (wire-protocol §2).
using Seqno = Strong<struct SeqnoTag, std::uint64_t>;

inline constexpr NodeId no_node{0xffff};
inline constexpr LinkId no_link{0xffff};
inline constexpr GroupId no_group{0xffff};

/// 16 bytes in RFC 4122 order.
struct Uuid {
  std::array<std::byte, 16> bytes{};
  constexpr auto operator<=>(const Uuid&) const = default;
  [[nodiscard]] constexpr bool is_nil() const { return *this == Uuid{}; }
};

using Bytes = std::span<const std::byte>;

inline Bytes as_bytes(std::string_view text) {
  return std::as_bytes(std::span{text.data(), text.size()});
}
inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

namespace limits {
/// An encoded message is below 256 KiB (wire-protocol §1.7).
inline constexpr std::size_t message_bytes = 262'143;
/// A decompressed message (wire-protocol §1.7); bounds a decompression bomb.
inline constexpr std::size_t uncompressed_bytes = 2'097'152;
/// The largest UDP payload; what is longer can never have come from a link.
inline constexpr std::size_t datagram_bytes = 65'507;
/// Fields in one message: 3.0.6 sets none; far above any real one (29), bounds hostile input.
inline constexpr std::size_t fields = 1024;
/// Nesting of messages in the text framing (wire-protocol §1.3).
inline constexpr std::size_t nesting = 16;
/// Nodes, ping nodes included; media; authentication keys (wire-protocol §9).
inline constexpr std::size_t nodes = 100;
inline constexpr std::size_t links = 64;
inline constexpr std::size_t auth_keys = 16;
/// A node name is below 100 bytes (wire-protocol §1.7).
inline constexpr std::size_t node_name_bytes = 99;
/// Client ids longer than 31 bytes are unsafe for 3.0.6 (client-api §2.2).
inline constexpr std::size_t client_id_bytes = 31;
/// Sent messages kept for retransmission; missing numbers kept per peer (wire-protocol §9).
inline constexpr std::size_t history = 500;
inline constexpr std::size_t missing = 500;
/// Gap above which nothing is requested again; unacknowledged messages that pause clients.
inline constexpr std::uint64_t lost_a_lot = 250;
inline constexpr std::uint64_t flow_control = 250;
/// Resource groups: haresources lines; 3.0.6 sets no limit, tables need one.
inline constexpr std::size_t groups = 256;
/// Resources of one group.
inline constexpr std::size_t resources = 64;
/// Output of one script that is kept and judged.
inline constexpr std::size_t script_output_bytes = 4096;
}  // namespace limits

}  // namespace hb::core

template <class Tag, class Rep>
struct std::hash<hb::core::Strong<Tag, Rep>> {
  std::size_t operator()(const hb::core::Strong<Tag, Rep>& id) const noexcept {
    return std::hash<Rep>{}(id.value);
  }
};
