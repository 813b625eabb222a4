// place: the interface and prefix that a service address belongs to
#include "scripts/resource.d/place.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace hb::scripts {
namespace {

using core::Error;
using core::Result;
using os::HeldAddress;
using os::Interface;
using os::InterfaceIndex;
using os::Netlink;
using os::PrefixBits;

/// Linux gives this number to `lo` in every network namespace.
constexpr InterfaceIndex loopback{1};
/// Names an error message lists; more help nobody.
constexpr std::size_t names_at_most = 16;

bool is_loopback_address(const os::IpAddress& address) {
  if (address.family == os::Family::v4) return address.bytes[0] == 127;
  return address == *os::parse_ip("::1");
}

Error no_interface(Netlink& netlink, const std::string& name) {
  Error error{"no interface " + name + " here; known:"};
  if (const auto known = netlink.interfaces())
    for (std::size_t i = 0; i < std::min(known->size(), names_at_most); ++i)
      error.text += " " + (*known)[i].name;
  return error;
}

Result<Interface> usable(Result<std::optional<Interface>> found, const std::string& name,
                         Netlink& netlink) {
  if (!found) return found.error();
  if (!*found) return no_interface(netlink, name);
  if (!(*found)->up)
    return Error{"interface " + (*found)->name + " is down; set it up: ip link set " +
                 (*found)->name + " up"};
  return std::move(**found);
}

/// The longest network of that interface that contains the address.
std::optional<PrefixBits> network_on(InterfaceIndex interface, const os::IpAddress& address,
                                     const std::vector<HeldAddress>& held) {
  std::optional<PrefixBits> best;
  for (const auto& entry : held) {
    const bool contains = entry.interface == interface && !(entry.address == address) &&
                          same_network(entry.address, address, entry.bits);
    if (contains && (!best || entry.bits > *best)) best = entry.bits;
  }
  return best;
}

Result<Place> on_named(Netlink& netlink, const ServiceAddress& wanted,
                       const std::vector<HeldAddress>& held) {
  auto interface = usable(netlink.interface(wanted.interface), wanted.interface, netlink);
  if (!interface) return interface.error();
  if (wanted.bits) return Place{std::move(*interface), *wanted.bits};
  if (const auto bits = network_on(interface->index, wanted.address, held))
    return Place{std::move(*interface), *bits};
  const auto route = netlink.route_to(wanted.address, interface->index);
  if (!route) return route.error();
  if (*route && (*route)->connected && (*route)->bits.value > 0)
    return Place{std::move(*interface), (*route)->bits};
  return Error{"interface " + interface->name + " has no network with " + text_of(wanted.address) +
               "; give the prefix length: " + text_of(wanted.address) + "/24/" + interface->name};
}

}  // namespace

Result<std::vector<HeldAddress>> holdings(Netlink& netlink, const ServiceAddress& wanted,
                                          const std::vector<HeldAddress>& held) {
  std::optional<InterfaceIndex> only;
  if (!wanted.interface.empty()) {
    const auto interface = netlink.interface(wanted.interface);
    if (!interface) return interface.error();
    if (!*interface) return std::vector<HeldAddress>{};
    only = (*interface)->index;
  }
  const bool skip_loopback = !only && !is_loopback_address(wanted.address);
  std::vector<HeldAddress> mine;
  std::copy_if(held.begin(), held.end(), std::back_inserter(mine), [&](const HeldAddress& entry) {
    return entry.address == wanted.address && (!only || entry.interface == *only) &&
           !(skip_loopback && entry.interface == loopback);
  });
  return mine;
}

Result<Place> find_place(Netlink& netlink, const ServiceAddress& wanted,
                         const std::vector<HeldAddress>& held) {
  if (!wanted.interface.empty()) return on_named(netlink, wanted, held);
  const std::string ip = text_of(wanted.address);
  if (wanted.address.is_link_local_v6())
    return Error{"a link-local address needs its interface: " + ip + "/64/eth0"};
  const auto route = netlink.route_to(wanted.address, std::nullopt);
  if (!route) return route.error();
  const bool connected = *route && (*route)->connected;
  if (!connected)
    return Error{"no connected network contains " + ip + "; give prefix length and interface: " +
                 ip + (wanted.address.family == os::Family::v4 ? "/24/eth0" : "/64/eth0")};
  auto interface = usable(netlink.interface((*route)->interface), ip, netlink);
  if (!interface) return interface.error();
  if (!wanted.bits && (*route)->bits.value == 0)
    return Error{"only the default route reaches " + ip + "; give the prefix length: " + ip +
                 "/24/" + interface->name};
  return Place{std::move(*interface), wanted.bits.value_or((*route)->bits)};
}

}  // namespace hb::scripts
