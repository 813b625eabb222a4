// announce: tell the neighbours of a new service address at once, and again from a detached child
#pragma once

#include "core/result.hpp"
#include "os/netlink.hpp"

namespace hb::scripts {

/// Sends the first announcement, then starts a child that repeats it for two seconds: a single
/// broadcast may be lost, or come before a switch port forwards. The child holds none of the
/// caller's descriptors and ends when the host no longer has the address. Nothing happens on
/// interfaces without neighbours. A failure is no reason to fail the start: the address serves.
[[nodiscard]] core::Result<void> announce(const os::IpAddress& address,
                                          const os::Interface& interface);

}  // namespace hb::scripts
