// ha_msg: the messages that C programs hold: libplumb's if it is there, else our own
#pragma once

#include "core/message.hpp"

#include <optional>

struct ha_msg;

namespace hb::clients::libhbclient {

/// A message for the program, which must delete it by ha_msg_del(); nullptr without memory.
[[nodiscard]] ha_msg* to_c(const core::Message& message);
/// What a program wants to send; nothing if it cannot be sent.
[[nodiscard]] std::optional<core::Message> from_c(const ha_msg* message);

}  // namespace hb::clients::libhbclient
