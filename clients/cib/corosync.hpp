// corosync: the links and nodes of ha.cf as a corosync.conf
#pragma once

#include "clients/cib/cluster.hpp"
#include "core/result.hpp"

#include <string>

namespace hb::clients::cib {

struct CorosyncConf {
  std::string text;
  Notes notes;
};

/// Each link of ha.cf becomes one of knet, at the addresses of its interface. corosync must be
/// told the address of every node on every link, which ha.cf need not say: what neither its lines
/// nor this machine nor `given` tells is left as UNKNOWN-..., which corosync refuses, and noted.
/// An error names a word that corosync.conf cannot carry.
[[nodiscard]] core::Result<CorosyncConf> write_corosync(const Cluster& cluster);

}  // namespace hb::clients::cib
