// move_order: tells the local daemon, through its control FIFO, to give or take resource groups
#include "clients/mgmtd/move_order.hpp"

#include "clients/control_fifo.hpp"

#include <fmt/core.h>

namespace hb::clients::mgmtd {

core::Result<std::string> order_text(std::string_view what, std::string_view which) {
  if (which != "all" && which != "local" && which != "foreign")
    return core::Error{"an order is for all, local or foreign resources"};
  if (what == "give")
    return core::ok(fmt::format(">>>\nt=ask_resources\nrsc_hold={}\ninfo=me\n<<<\n", which));
  if (what == "take") return core::ok(fmt::format(">>>\nt=hb_takeover\nrsc_hold={}\n<<<\n", which));
  return core::Error{"an order is to give or to take"};
}

core::Result<void> give_order(std::string_view what, std::string_view which) {
  const auto text = order_text(what, which);
  if (!text) return text.error();
  return write_control_fifo(*text);
}

}  // namespace hb::clients::mgmtd
