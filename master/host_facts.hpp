// host_facts: what parsing ha.cf must know of this host: interfaces, services, users, files
#pragma once

#include "core/ha_cf.hpp"

#include <string>

namespace hb::master {

/// Asks the kernel and the name services; a name that is looked up later may block as long as the
/// resolver does, so only before the daemon detaches. `node_name`: see own_node_name().
[[nodiscard]] core::HostFacts gather_host_facts(std::string node_name);

}  // namespace hb::master
