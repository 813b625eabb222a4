// links: the media of ha.cf as sockets, one receiving and one sending per link
#pragma once

#include "core/ha_cf.hpp"
#include "core/result.hpp"
#include "os/fd.hpp"

namespace hb::master {

struct OpenLink {
  os::Fd receive;
  os::Fd send;
};

/// Opens a medium as wire-protocol §4 says, through the table of media. The error names the ha.cf
/// line, the medium and the cure.
[[nodiscard]] core::Result<OpenLink> open_link(const core::MediumConfig& medium);

/// "ucast eth0": what the process titles show after "read: " and "write: ".
[[nodiscard]] std::string link_title(const core::MediumConfig& medium);

}  // namespace hb::master
