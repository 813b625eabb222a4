// fencing: the stonith lines of ha.cf as Pacemaker's fencing devices
#pragma once

#include "clients/cib/cluster.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hb::clients::cib {

struct FencingDevice {
  std::string type;  ///< of the class `stonith`, as `stonith -L` lists it
  std::vector<std::pair<std::string, std::string>> parameters;
};

/// The device with its parameters by name; nothing, and a note, if that plugin's parameters are
/// not known here or are not as many.
[[nodiscard]] std::optional<FencingDevice> device_of(const FencingLine& line, Notes& notes);

/// A program of the fence-agents kind: Pacemaker runs the same one. A delay is that of its node.
[[nodiscard]] FencingDevice device_of(const core::FenceAgentConfig& agent,
                                      const core::Config& config);

}  // namespace hb::clients::cib
