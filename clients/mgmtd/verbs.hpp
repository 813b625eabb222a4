// verbs: what each request of the management connection answers, from a picture of the cluster
#pragma once

#include "clients/mgmt_protocol.hpp"
#include "clients/mgmtd/picture.hpp"
#include "core/result.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace hb::clients::mgmtd {

/// Who handles a request: the session itself, or the asker from a picture of the cluster.
enum class Handler : std::uint8_t { session, asker };

/// What beyond nodes and links a verb must know; asking costs a request each.
enum class Depth : std::uint8_t { nodes, details, parameters };

struct Verb {
  std::string_view name;
  std::string_view arguments;  ///< for people
  std::uint8_t fewest, most;   ///< arguments
  Handler handler;
  Depth depth;
};
/// Nothing if there is no such verb.
[[nodiscard]] const Verb* find_verb(std::string_view name);

/// Why `request` cannot be carried out whatever the cluster looks like; nothing if it can.
[[nodiscard]] std::optional<mgmt::Answer> refuse(const mgmt::Request& request);

/// What the privileged process writes to the control FIFO for `standby`: the local node gives
/// groups up, or takes them from the other.
struct MoveOrder {
  enum class What : std::uint8_t { give, take };
  enum class Which : std::uint8_t { all, local, foreign };
  What what;
  Which which;
};

/// An answer, and the order that it promises.
struct Outcome {
  mgmt::Answer answer;
  std::optional<MoveOrder> order;
};
/// Pure. `picture` may be why there is none: the daemon is stopped, hung, or refuses us.
[[nodiscard]] Outcome carry_out(const mgmt::Request& request,
                                const core::Result<Picture>& picture);

}  // namespace hb::clients::mgmtd
