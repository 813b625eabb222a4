// place: the interface and prefix that a service address belongs to
#pragma once

#include "core/result.hpp"
#include "os/netlink.hpp"
#include "scripts/resource.d/address.hpp"

#include <vector>

namespace hb::scripts {

struct Place {
  os::Interface interface;
  os::PrefixBits bits;
};

/// The entries of `held` that are this service address: on the interface named, else on any but
/// loopback (a loopback copy belongs to a load balancer's real server). Failed ones count too.
[[nodiscard]] core::Result<std::vector<os::HeldAddress>> holdings(
    os::Netlink& netlink, const ServiceAddress& wanted, const std::vector<os::HeldAddress>& held);

/// What the argument left out is taken from the connected network that contains the address.
/// An interface that is missing or down is an error that says so.
[[nodiscard]] core::Result<Place> find_place(os::Netlink& netlink, const ServiceAddress& wanted,
                                             const std::vector<os::HeldAddress>& held);

}  // namespace hb::scripts
