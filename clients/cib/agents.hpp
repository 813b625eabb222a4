// agents: which Pacemaker agent does what a resource script of haresources did
#pragma once

#include "clients/cib/cluster.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace hb::clients::cib {

struct Agent {
  enum class Shape : std::uint8_t {
    primitive,   ///< runs on one node
    promotable,  ///< DRBD: runs on two nodes, promoted where its group runs
  };
  Shape shape = Shape::primitive;
  std::string standard{};  ///< "ocf", "systemd" or "lsb"
  std::string provider{};  ///< of ocf
  std::string type{};
  std::vector<std::pair<std::string, std::string>> parameters{};
  std::string id{};  ///< what people shall see, before it is made unique
};

/// An init script that does what a resource script with arguments did, for `lsb:NAME`.
struct Wrapper {
  std::string name;
  std::string text;
};

/// The agent of a resource. What it cannot do alike is noted; a script that has no agent gets a
/// wrapper, which must be put into /etc/init.d of all nodes.
[[nodiscard]] Agent agent_of(const core::Resource& resource, std::size_t line,
                             const Machine& machine, Notes& notes, std::vector<Wrapper>& wrappers);

}  // namespace hb::clients::cib
