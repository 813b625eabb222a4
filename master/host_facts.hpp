// host_facts: what parsing ha.cf must know of this host: interfaces, services, users, files
#pragma once

#include "core/ha_cf.hpp"

#include <string>

namespace hb::master {

/// may_be_away: neither interfaces nor serial devices are looked at. A master that follows another
/// one must not refuse to start, and so give up what runs here, because a link is down just now.
enum class Devices : std::uint8_t { must_exist, may_be_away };

/// Asks the kernel and the name services; a name that is looked up later may block as long as the
/// resolver does, so only before the daemon detaches. `node_name`: see own_node_name().
[[nodiscard]] core::HostFacts gather_host_facts(std::string node_name,
                                                 Devices devices = Devices::must_exist);

}  // namespace hb::master
