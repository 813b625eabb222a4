// cib: a cluster of haresources as the configuration of Pacemaker
#pragma once

#include "clients/cib/agents.hpp"
#include "clients/cib/cluster.hpp"
#include "core/result.hpp"

#include <string>
#include <vector>

namespace hb::clients::cib {

struct Written {
  std::string cib;                ///< XML
  Notes notes;                    ///< also in it, as comments
  std::vector<Wrapper> wrappers;  ///< init scripts that it needs
};

/// One group for each line of haresources, in its order; each prefers its node, and comes home or
/// stays as auto_failback says. An error names a word that XML cannot carry.
[[nodiscard]] core::Result<Written> write_cib(const Cluster& cluster);

}  // namespace hb::clients::cib
