// sources: reads the files of a cluster, and what this machine knows about it
#pragma once

#include "clients/cib/cluster.hpp"
#include "core/result.hpp"

#include <string>
#include <vector>

namespace hb::clients::cib {

struct Sources {
  Cluster cluster;
  std::vector<core::Finding> findings;  ///< usable only without an error among them
};

/// ha.cf, haresources and haresources.options of `folder`, as any of the nodes would read them.
/// Errors: a file that cannot be read, names no nodes, or has no resources to be moved.
[[nodiscard]] core::Result<Sources> read_sources(const std::string& folder);

/// Adds addresses, names, units and scripts of this machine to a cluster's.
void look_around(Cluster& cluster, const std::string& folder);

}  // namespace hb::clients::cib
