// service_interface: the interface that a service address belongs to, from the resource's argument
#pragma once

#include "os/netlink.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hb::status {

/// The front of a resource's argument, `ip[/bits[/interface[:label]]...]` (resources §6.6).
struct ServicePlace {
  os::IpAddress address;
  std::string interface;  ///< empty: not said
};
/// Nothing if only the script can understand it.
[[nodiscard]] std::optional<ServicePlace> service_place(std::string_view argument);

/// The name of the interface: as said, else the one that has the address, else the one whose
/// connected network contains it. Empty if there is none now.
[[nodiscard]] std::string interface_of(os::Netlink& netlink, const ServicePlace& place,
                                       const std::vector<os::HeldAddress>& held);

}  // namespace hb::status
