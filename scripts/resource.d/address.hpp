// address: the argument of IPaddr, IPaddr2 and IPv6addr, from text
#pragma once

#include "core/result.hpp"
#include "os/ip_address.hpp"
#include "os/netlink.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hb::scripts {

/// The name the program was called by.
enum class Flavour : std::uint8_t {
  ipaddr,    ///< IPv4 only, ignores the label
  ipaddr2,   ///< both families
  ipv6addr,  ///< IPv6 only
};

/// By the last part of argv[0]; an unknown name is ipaddr2.
[[nodiscard]] Flavour flavour_of(std::string_view program);
[[nodiscard]] std::string_view name_of(Flavour flavour);

/// What the argument says; what it leaves out is derived from the connected network.
struct ServiceAddress {
  os::IpAddress address;
  std::optional<os::PrefixBits> bits;
  std::string interface;                   ///< empty: not said
  std::string label;                       ///< whole label as the kernel keeps it, "eth0:web"
  std::optional<os::IpAddress> broadcast;  ///< IPv4 only
};

/// `ip[/bits[/interface[:label]][/broadcast]]` or `ip/bits/broadcast` (resources §6.6); bits may
/// also be a dotted mask; empty parts count as left out. Errors name the part and the cure.
[[nodiscard]] core::Result<ServiceAddress> parse_service_address(std::string_view text,
                                                                 Flavour flavour);

/// The IPv4 broadcast address of that network; nothing where there is none (/31, /32, IPv6).
[[nodiscard]] std::optional<os::IpAddress> broadcast_of(const os::IpAddress& address,
                                                        os::PrefixBits bits);

/// Do the first `bits` bits agree?
[[nodiscard]] bool same_network(const os::IpAddress& one, const os::IpAddress& other,
                                os::PrefixBits bits);

}  // namespace hb::scripts
