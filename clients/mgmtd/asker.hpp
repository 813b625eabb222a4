// asker: the role main of the process that asks the daemon, answers requests and tells of changes
#pragma once

namespace hb::clients::mgmtd {

/// Its descriptors: 3 to the keeper, 4 to the server.
inline constexpr const char* asker_role = "mgmtd-asker";
[[nodiscard]] int asker_main();

}  // namespace hb::clients::mgmtd
