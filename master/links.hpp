// links: the media of ha.cf as sockets, one receiving and one sending per link
#pragma once

#include "core/ha_cf.hpp"
#include "core/result.hpp"
#include "os/echo.hpp"
#include "os/fd.hpp"
#include "os/netlink.hpp"
#include "os/serial.hpp"

#include <optional>
#include <vector>

namespace hb::master {

struct OpenLink {
  os::Fd receive;
  os::Fd send;
  std::optional<os::EchoTargets> echo;  ///< of a ping medium
  os::LineLock lock;                    ///< of a serial line
  os::InterfaceIndex interface;         ///< that its sockets are bound to; 0 = none
};

/// Opens a medium as wire-protocol §4 says, through the table of media. The error names the ha.cf
/// line, the medium and the cure. `echo_id` marks the echoes of a ping medium: no two media of this
/// host may have the same. With Names::numeric, once the daemon serves, hosts must be addresses.
[[nodiscard]] core::Result<OpenLink> open_link(const core::MediumConfig& medium,
                                               std::uint16_t echo_id, os::Names names);

/// Puts the address in the place of a ucast peer's name.
[[nodiscard]] core::Result<void> look_up_peer(core::MediumConfig& medium);

/// The interfaces and addresses of this host at one moment.
struct HostNetwork {
  std::vector<os::Interface> interfaces;
  std::vector<os::HeldAddress> addresses;
};
[[nodiscard]] core::Result<HostNetwork> look_at_network();

/// Do the sockets of an open medium still belong to the interface that ha.cf names, and is the
/// address that they send from still there? False: open it anew. Always true for media without an
/// interface.
[[nodiscard]] bool fits(const OpenLink& link, const core::MediumConfig& medium,
                        const HostNetwork& network);

/// "ucast eth0": what the process titles show after "read: " and "write: ".
[[nodiscard]] std::string link_title(const core::MediumConfig& medium);

}  // namespace hb::master
