// service_interface: an argument taken apart, and the kernel asked for what it leaves out
#include "status/service_interface.hpp"

#include <algorithm>
#include <array>

namespace hb::status {

namespace {

/// Linux gives this number to `lo` in every network namespace.
constexpr os::InterfaceIndex loopback{1};
/// IFNAMSIZ - 1.
constexpr std::size_t longest_name = 15;

}  // namespace

std::optional<ServicePlace> service_place(std::string_view argument) {
  constexpr std::size_t interface_part = 2;
  std::array<std::string_view, interface_part + 1> parts{};
  std::size_t count = 0;
  for (std::string_view rest = argument; count < parts.size(); ++count) {
    const auto slash = rest.find('/');
    parts[count] = rest.substr(0, slash);
    if (slash == rest.npos) break;
    rest.remove_prefix(slash + 1);
  }
  const auto address = os::parse_ip(parts[0]);
  if (!address) return {};
  std::string_view name = parts[interface_part];
  if (os::parse_ip(name)) name = {};  // ip/bits/broadcast
  name = name.substr(0, name.find(':'));
  if (name.size() > longest_name) return {};
  return ServicePlace{*address, std::string{name}};
}

std::string interface_of(os::Netlink& netlink, const ServicePlace& place,
                         const std::vector<os::HeldAddress>& held) {
  if (!place.interface.empty()) return place.interface;
  os::InterfaceIndex index;
  const auto holder = std::ranges::find_if(held, [&](const os::HeldAddress& entry) {
    return entry.address == place.address && entry.interface != loopback;
  });
  if (holder != held.end()) {
    index = holder->interface;
  } else if (const auto route = netlink.route_to(place.address, std::nullopt);
             route && *route && (*route)->connected) {
    index = (*route)->interface;
  }
  if (index == os::InterfaceIndex{}) return {};
  const auto interface = netlink.interface(index);
  return interface && *interface ? (*interface)->name : std::string{};
}

}  // namespace hb::status
