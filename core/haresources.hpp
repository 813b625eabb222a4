// haresources: haresources text to resource groups
#pragma once

#include "core/ha_cf.hpp"
#include "core/resource_policy.hpp"
#include "core/types.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace hb::core {

/// One resource of a group: a script and its arguments.
struct Resource {
  std::string text;                     ///< as written, e.g. "IPaddr2::10.0.0.1/24/eth0"
  std::string script;                   ///< "IPaddr2"
  std::vector<std::string> arguments;   ///< "10.0.0.1/24/eth0"
  ResourcePolicy policy{};              ///< of haresources.options
};

/// One logical line: started left to right, stopped right to left.
struct Group {
  NodeId home = no_node;            ///< the preferred node
  std::vector<Resource> resources;  ///< at least one
  std::size_t line = 0;
  GroupPolicy policy{};             ///< of haresources.options
  /// The first resource as written: the group's name on the wire and in logs.
  [[nodiscard]] const std::string& key() const { return resources.front().text; }
};

struct ParsedResources {
  std::vector<Group> groups;      ///< file order; GroupId is the index
  std::vector<Finding> findings;
};

/// Comments, continuation lines and dotted quads as configuration §7, with the two parsers of
/// 3.0.6 reduced to one. A duplicate key is an error of ours (W13). A line with a node name only
/// is a warning.
[[nodiscard]] ParsedResources parse_haresources(std::string_view text, const Config& config);

}  // namespace hb::core
