// snapshot: cluster state as one flat struct, copied to the board for every reader
#pragma once

#include "core/ha_cf.hpp"
#include "core/types.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

namespace hb::core {

/// Node status (wire-protocol §6.1).
enum class NodeStatus : std::uint8_t { init, up, active, ping, dead };
[[nodiscard]] std::string_view name_of(NodeStatus status);
[[nodiscard]] std::optional<NodeStatus> node_status(std::string_view name);

enum class LinkStatus : std::uint8_t { none, up, dead };  ///< none: not a link of that node

/// What a node holds, from its own view (wire-protocol §7.1), and what rscstatus answers.
enum class Holding : std::uint8_t { none, local, foreign, all, transition };
[[nodiscard]] std::string_view name_of(Holding holding);
[[nodiscard]] std::optional<Holding> holding(std::string_view name);

enum class GroupState : std::uint8_t { stopped, starting, running, stopping, failed, unknown };
[[nodiscard]] std::string_view name_of(GroupState state);

/// What became of an order given on this node (hb_standby, hb_takeover, cl_status cleanup and
/// maintenance); begun: it was accepted, and its end is seen in the groups.
enum class OrderResult : std::uint8_t { none, begun, refused };

/// Whether a dead node is being fenced: waiting for its turn or for the next attempt, or under way.
enum class FenceState : std::uint8_t { none, waiting, running };

/// A name cut to its room and NUL-terminated; the old limit of 100 bytes always fits.
template <std::size_t Size>
struct FixedText {
  std::array<char, Size> bytes{};
  void assign(std::string_view text) {
    bytes.fill('\0');
    text.substr(0, Size - 1).copy(bytes.data(), Size - 1);
  }
  [[nodiscard]] std::string_view view() const {
    const std::string_view all{bytes.data(), Size};
    const auto end = all.find('\0');  // a torn copy may lack the terminator
    return all.substr(0, end == std::string_view::npos ? Size - 1 : end);
  }
};

struct NodeRow {
  FixedText<100> name;
  NodeType type{};
  NodeStatus status{};
  std::uint16_t weight = 100;
  std::uint32_t deadtime_ms = 0;     ///< applied to this node
  std::int64_t last_heard_ns = 0;    ///< Instant of the last status, 0 = never
  std::uint64_t generation = 0;
  std::uint64_t last_seqno = 0;
  std::uint64_t lost_packets = 0;
  Uuid uuid{};
  Holding holding{};
  FenceState fencing{};
  FixedText<40> site;
  std::uint32_t fence_attempts = 0;  ///< that failed
  FixedText<124> fence_trouble;      ///< of the last one
};

struct LinkRow {
  FixedText<100> name;
  MediumType type{};
};

struct GroupRow {
  FixedText<100> key;
  NodeId home{}, owner{no_node};
  GroupState state{};                ///< on this node
  std::uint8_t blocked = 0;          ///< not started here until `cl_status cleanup`
  NodeId withheld_by{no_node};       ///< may still run on that dead node, so it is not started
  std::uint32_t failures = 0;        ///< on this node, forgotten by a cleanup
  std::array<std::uint64_t, (limits::nodes + 63) / 64> failed_on{};  ///< nodes, this one included
  std::int64_t since_ns = 0;
};

/// Trivially copyable; on the board twice (ipc/board).
struct Snapshot {
  std::int64_t taken_ns = 0;         ///< Instant
  NodeId self{};
  std::uint16_t node_count = 0, link_count = 0, group_count = 0;
  Holding holding{};                 ///< rscstatus
  std::uint8_t clients_paused = 0;
  std::uint8_t maintenance = 0;      ///< nothing is moved, started or monitored
  OrderResult order_result{};
  FixedText<118> order_text;         ///< what became of it, for people
  std::uint64_t order = 0;           ///< the last order of this node that had a number
  Generation generation{};
  Seqno next_seqno{};
  std::array<NodeRow, limits::nodes> nodes{};
  std::array<LinkRow, limits::links> links{};
  /// Status of link l of node n; ping nodes have the one link named as themselves.
  std::array<std::array<LinkStatus, limits::links>, limits::nodes> link_status{};
  std::array<GroupRow, limits::groups> groups{};
};
static_assert(std::is_trivially_copyable_v<Snapshot>);

}  // namespace hb::core
