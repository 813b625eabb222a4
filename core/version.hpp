// version: how this program names itself to clients, peers and people
#pragma once

#include <string_view>

#ifndef SYSTOLE_VERSION
#define SYSTOLE_VERSION "0"
#endif

namespace hb::core {

/// habit: what `getparm hbversion` answers and `heartbeat -V` begins with; programs compare it.
inline constexpr std::string_view heartbeat_version = "3.0.6";

/// habit: `VERSION (text)`, the form that clients get at sign-on (client-api §2.2, §7.5).
inline constexpr std::string_view full_version = "3.0.6 (node: systole-" SYSTOLE_VERSION ")";

}  // namespace hb::core
