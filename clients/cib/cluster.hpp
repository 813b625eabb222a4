// cluster: what the files and this machine say about a cluster that shall become a Pacemaker one
#pragma once

#include "core/haresources.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hb::clients::cib {

/// What Pacemaker cannot have from the files alone, or not at all: for a person to do.
struct Note {
  std::string file;      ///< "haresources"
  std::size_t line = 0;  ///< 0: the whole file
  std::string text;      ///< what, and the cure
};
using Notes = std::vector<Note>;

/// A fencing device, and the nodes that may use it (all if empty).
struct FencingLine {
  std::string type;
  std::vector<std::string> parameters;  ///< by position, as Heartbeat's plugins take them
  std::vector<std::string> users;
};

/// What this machine knows. Empty for a machine that is none of the cluster's.
struct Machine {
  std::string node;  ///< our node name, "" if we are none of them
  std::map<std::string, std::vector<std::string>, std::less<>> addresses;  ///< by interface
  /// Numeric addresses of host names that ha.cf has, and of node names.
  std::map<std::string, std::vector<std::string>, std::less<>> resolved;
  std::vector<std::string> units;             ///< "nginx" for nginx.service
  std::vector<std::string> init_scripts;      ///< in /etc/init.d
  std::vector<std::string> resource_scripts;  ///< in resource.d of the configuration
};

struct Cluster {
  core::Config config;
  std::string name = "linux-ha";
  std::vector<core::Group> groups;
  std::vector<FencingLine> fencing;
  Machine machine;
  /// Given on the command line: (node, interface) to address.
  std::map<std::pair<std::string, std::string>, std::string> given;
  bool maintenance = false;  ///< begin in Pacemaker's maintenance mode

  /// Names of the nodes proper, in the order of ha.cf; the position, from 1, is the node's id.
  [[nodiscard]] std::vector<std::string> nodes() const {
    std::vector<std::string> names;
    for (const core::NodeConfig& node : config.nodes) {
      if (node.type == core::NodeType::normal) names.push_back(node.name);
    }
    return names;
  }
};

}  // namespace hb::clients::cib
