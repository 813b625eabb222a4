// fence_command: the program that a fencing device of ha.cf stands for, with its arguments
#pragma once

#include "core/engine_io.hpp"
#include "core/fencing.hpp"
#include "core/ha_cf.hpp"

#include <string>
#include <vector>

namespace hb::master {

struct FenceCommand {
  std::string program;
  std::vector<std::string> arguments;
  std::string input;  ///< for its standard input
};

/// To reset `node`, or, with no_node, to ask the device how it is. `stonith` and `stonith_host`
/// lines go to cluster-glue's stonith(8); a fence_agent gets its parameters as fence-agents do, by
/// lines name=value, with `action` and `nodename` added where its line has none.
[[nodiscard]] FenceCommand fence_command(const core::Config& config, core::Device device,
                                         core::NodeId node);

}  // namespace hb::master
