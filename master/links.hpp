// links: the media of ha.cf as sockets, one receiving and one sending per link
#pragma once

#include "core/ha_cf.hpp"
#include "core/result.hpp"
#include "os/echo.hpp"
#include "os/fd.hpp"

#include <optional>

namespace hb::master {

struct OpenLink {
  os::Fd receive;
  os::Fd send;
  std::optional<os::EchoTargets> echo;  ///< of a ping medium
};

/// Opens a medium as wire-protocol §4 says, through the table of media. The error names the ha.cf
/// line, the medium and the cure. `echo_id` marks the echoes of a ping medium: no two media of this
/// host may have the same.
[[nodiscard]] core::Result<OpenLink> open_link(const core::MediumConfig& medium,
                                               std::uint16_t echo_id);

/// "ucast eth0": what the process titles show after "read: " and "write: ".
[[nodiscard]] std::string link_title(const core::MediumConfig& medium);

}  // namespace hb::master
