// keeper: the root process: starts the others, checks passwords in children, gives move orders
#pragma once

#include "clients/mgmtd/options.hpp"

namespace hb::clients::mgmtd {

/// Listens, starts server and asker, and starts both anew if one dies. Ends after SIGTERM or
/// SIGINT; returns mgmtd's exit code.
[[nodiscard]] int keeper_main(const Options& options);

}  // namespace hb::clients::mgmtd
