// server: the role main of the process without rights that speaks with management clients
#pragma once

namespace hb::clients::mgmtd {

/// Its descriptors: 3 to the keeper, 4 to the asker, 5 TLS, 6 local and 7 HTTP listening; the ones
/// that are not configured are closed.
inline constexpr const char* server_role = "mgmtd-server";
[[nodiscard]] int server_main();

}  // namespace hb::clients::mgmtd
