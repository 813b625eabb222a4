// changes: the events that lead from one picture of the cluster to the next
#pragma once

#include "clients/mgmt_protocol.hpp"
#include "clients/mgmtd/picture.hpp"

#include <string_view>
#include <vector>

namespace hb::clients::mgmtd {

/// `node NAME STATUS` (`removed` if it is gone from the list), `link NODE LINK STATUS`,
/// `resource holding WORD`, `resource group NAME OWNER|- STATE`.
/// By comparison, not from the daemon's messages: nothing is missed over a lost connection, and
/// nothing that did not change is told twice. What was unknown before is told as news.
[[nodiscard]] std::vector<mgmt::Event> changes(const Picture& before, const Picture& after);

/// Groups whose owner is another one, without time and cause.
[[nodiscard]] std::vector<Move> moves(const Picture& before, const Picture& after);

/// Whether a line of the daemon's journal tells why groups move.
[[nodiscard]] bool is_cause(std::string_view journal_text);

}  // namespace hb::clients::mgmtd
