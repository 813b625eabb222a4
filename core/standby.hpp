// standby: the states of one planned move of groups between two nodes, as a table
#pragma once

#include "core/placement.hpp"
#include "core/snapshot.hpp"
#include "core/types.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace hb::core {

/// Giver: none, asking, giving, released, none. Taker: none, granted, taking, none.
/// 3.0.6's S (wire-protocol §7.4): asking and giving are ME, granted is OTHER, the rest DONE.
enum class StandbyState : std::uint8_t { none, asking, giving, released, granted, taking };
[[nodiscard]] std::string_view name_of(StandbyState state);

/// What an `ask_resources` message makes of it.
enum class StandbyAct : std::uint8_t {
  ask,     ///< hb_standby on this node: the request is on its way
  grant,   ///< another node wants to give: answer `other`
  give,    ///< the taker agrees: release, then `done`
  take,    ///< the giver has released: acquire, then `done`
  finish,  ///< the taker runs everything
  refused, ///< the taker is busy (between ours only)
};

enum class StandbySender : std::uint8_t { self, other };

struct StandbyRule {
  StandbyState state;
  std::string_view info;
  StandbySender sender;
  StandbyAct act;
};

/// wire-protocol §7.4. What is not here is an error and changes nothing. Our own `other` and `done`
/// come back to us and mean nothing: we act when we send them.
inline constexpr std::array standby_rules{
    StandbyRule{StandbyState::none, "me", StandbySender::self, StandbyAct::ask},
    StandbyRule{StandbyState::none, "me", StandbySender::other, StandbyAct::grant},
    StandbyRule{StandbyState::asking, "other", StandbySender::other, StandbyAct::give},
    StandbyRule{StandbyState::asking, "not", StandbySender::other, StandbyAct::refused},
    StandbyRule{StandbyState::granted, "done", StandbySender::other, StandbyAct::take},
    StandbyRule{StandbyState::released, "done", StandbySender::other, StandbyAct::finish},
};

[[nodiscard]] constexpr std::optional<StandbyAct> standby_act(StandbyState state,
                                                              std::string_view info,
                                                              StandbySender sender) {
  const auto rule = std::ranges::find_if(standby_rules, [&](const StandbyRule& each) {
    return each.state == state && each.info == info && each.sender == sender;
  });
  return rule == standby_rules.end() ? std::nullopt : std::optional{rule->act};
}

/// The move that is under way.
struct Standby {
  StandbyState state = StandbyState::none;
  NodeId partner = no_node;
  Holding set = Holding::none;  ///< local, foreign or all, as the **giver** sees it
  GroupSet groups;              ///< exactly these
  Instant deadline = never;
  Instant until = never;        ///< a busy taker is asked again until then
};

/// A move to be made when there is none under way.
struct Move {
  NodeId to;
  Holding set;
  GroupSet groups;
  Instant until;                ///< not begun by then: dropped
};

namespace standby_limits {
/// habit: the taker must agree within 10 s, each later phase may take an hour (§9).
inline constexpr Duration reply = std::chrono::seconds{10};
inline constexpr Duration phase = std::chrono::hours{1};
/// habit: a failback that could not begin is tried again after a second (§7.3).
inline constexpr Duration retry = std::chrono::seconds{1};
}  // namespace standby_limits

// ---- Holdings as sets of {local, foreign}

[[nodiscard]] constexpr bool has_local(Holding holding) {
  return holding == Holding::local || holding == Holding::all;
}
[[nodiscard]] constexpr bool has_foreign(Holding holding) {
  return holding == Holding::foreign || holding == Holding::all;
}
struct Shares {
  bool local = false;
  bool foreign = false;
};
[[nodiscard]] constexpr Holding holding_of(Shares shares) {
  if (shares.local) return shares.foreign ? Holding::all : Holding::local;
  return shares.foreign ? Holding::foreign : Holding::none;
}
/// The same groups seen from the other one of two nodes.
[[nodiscard]] constexpr Holding mirrored(Holding holding) {
  return holding_of({.local = has_foreign(holding), .foreign = has_local(holding)});
}

}  // namespace hb::core
