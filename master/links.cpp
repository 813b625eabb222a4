// links: the media of ha.cf as sockets, one receiving and one sending per link
#include "master/links.hpp"

#include "os/paths.hpp"
#include "os/socket.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include <fcntl.h>
#include <net/if.h>
#include <netinet/ip.h>

namespace hb::master {
namespace {

using core::MediumConfig;
using core::MediumType;
using os::DeviceBinding;
using os::PortSharing;
using os::UdpReceiver;
using os::UdpSender;

struct Sockets {
  UdpReceiver receiver;
  UdpSender sender;
};

Sockets bcast(const MediumConfig& medium) {
  Sockets sockets;
  sockets.receiver.interface = sockets.sender.interface = medium.interface;
  sockets.receiver.port = sockets.sender.port = medium.port;
  sockets.receiver.device = sockets.sender.device = DeviceBinding::bind;
  sockets.receiver.sharing = PortSharing::share;
  return sockets;
}

Sockets ucast(const MediumConfig& medium) {
  Sockets sockets = bcast(medium);
  sockets.sender.address = medium.address;
  sockets.sender.sharing = PortSharing::share;
  sockets.sender.type_of_service = IPTOS_LOWDELAY;
  return sockets;
}

/// Room for a burst on media whose packets 3.0.6 buffers generously: its own figure.
constexpr int wide_buffer = 1 << 20;

Sockets ucast6(const MediumConfig& medium) {
  Sockets sockets = ucast(medium);
  sockets.receiver.family = sockets.sender.family = os::Family4or6::v6;
  sockets.receiver.buffer_bytes = sockets.sender.buffer_bytes = wide_buffer;
  sockets.sender.type_of_service = 0;  // an option of IPv4
  return sockets;
}

/// The receiver is bound to the device, unlike that of 3.0.6: the same group on two interfaces
/// would else be heard on either, and a dead link be taken for a living one.
Sockets mcast(const MediumConfig& medium) {
  Sockets sockets = bcast(medium);
  sockets.sender.device = DeviceBinding::none;
  sockets.receiver.address = sockets.sender.address = medium.address;
  sockets.sender.hops = medium.ttl;
  sockets.sender.loopback = medium.loop ? os::Loopback::on : os::Loopback::off;
  return sockets;
}

Sockets mcast6(const MediumConfig& medium) {
  Sockets sockets = mcast(medium);
  sockets.receiver.family = sockets.sender.family = os::Family4or6::v6;
  sockets.receiver.buffer_bytes = sockets.sender.buffer_bytes = wide_buffer;
  sockets.receiver.group = std::exchange(sockets.receiver.address, "");
  return sockets;
}

/// The media that are UDP sockets; another one is a line here.
struct Medium {
  MediumType type;
  Sockets (*sockets)(const MediumConfig&);
};
constexpr std::array media = {
    Medium{MediumType::bcast, bcast},
    Medium{MediumType::ucast, ucast},
    Medium{MediumType::mcast, mcast},
    Medium{MediumType::ucast6, ucast6},
    Medium{MediumType::mcast6, mcast6},
};

/// habit: locked like every program that uses a line does, but for as long as we use it; 3.0.6 lets
/// go of the lock after its start.
core::Result<OpenLink> open_serial(const MediumConfig& medium) {
  OpenLink link;
  auto lock = os::LineLock::take(os::paths::line_locks, medium.interface);
  if (!lock) return std::move(lock).error();
  link.lock = std::move(*lock);
  auto line = os::open_serial_line(medium.interface, os::Baud{medium.baud});
  if (!line) return std::move(line).error();
  link.send = os::Fd{::fcntl(line->get(), F_DUPFD_CLOEXEC, 0)};
  if (!link.send) return core::Error{"no descriptor is left", errno};
  link.receive = std::move(*line);
  return link;
}

std::string noun_of(const MediumConfig& medium) {
  return fmt::format("ha.cf:{}: {}", medium.line, link_title(medium));
}

bool is_zero(const os::IpAddress& address) {
  return std::ranges::all_of(address.bytes, [](std::uint8_t byte) { return byte == 0; });
}

core::Result<OpenLink> open_ping(const MediumConfig& medium, std::uint16_t echo_id,
                                 os::Names names) {
  const os::Family family = medium.type == MediumType::ping6 ? os::Family::v6 : os::Family::v4;
  const bool group = medium.type == MediumType::ping_group;
  const std::vector<std::string> hosts = group ? medium.hosts : std::vector{medium.address};
  if (hosts.size() > os::most_echo_hosts) {
    return core::Error{fmt::format("at most {} hosts; make two groups of it", os::most_echo_hosts)};
  }
  OpenLink link;
  link.echo = os::EchoTargets{echo_id, {}};
  for (const std::string& text : hosts) {
    auto host = os::resolve_echo_host(family, text, names);
    if (!host) return std::move(host).error();
    link.echo->hosts.push_back(*host);
  }
  auto receive = os::open_echo_receiver(family);
  if (!receive) return std::move(receive).error();
  auto send = os::open_echo_sender(family);
  if (!send) return std::move(send).error();
  link.receive = std::move(*receive);
  link.send = std::move(*send);
  return link;
}

}  // namespace

core::Result<OpenLink> open_link(const core::MediumConfig& medium, std::uint16_t echo_id,
                                 os::Names names) {
  const std::string noun = noun_of(medium);
  if (core::is_ping(medium.type)) {
    auto opened = open_ping(medium, echo_id, names);
    if (!opened) return std::move(opened).error().in(noun);
    return opened;
  }
  for (const Medium& entry : media) {
    if (entry.type != medium.type) continue;
    const Sockets sockets = entry.sockets(medium);
    auto receive = os::open_udp_receiver(sockets.receiver);
    if (!receive) return std::move(receive).error().in(noun);
    auto send = os::open_udp_sender(sockets.sender);
    if (!send) return std::move(send).error().in(noun);
    if (is_zero(os::ends_of(send->get()).own)) {
      return core::Error{fmt::format("{}: interface {} has no address yet", noun,
                                     medium.interface)};
    }
    OpenLink link;
    link.receive = std::move(*receive);
    link.send = std::move(*send);
    link.interface = {::if_nametoindex(medium.interface.c_str())};
    return link;
  }
  auto opened = open_serial(medium);
  if (!opened) return std::move(opened).error().in(noun);
  return opened;
}

core::Result<void> look_up_peer(core::MediumConfig& medium) {
  if (medium.type != MediumType::ucast) return {};
  auto address = os::look_up_ipv4(medium.address);
  if (!address) return std::move(address).error().in(noun_of(medium));
  medium.address = std::move(*address);
  return {};
}

core::Result<HostNetwork> look_at_network() {
  auto netlink = os::Netlink::open();
  if (!netlink) return std::move(netlink).error();
  auto interfaces = netlink->interfaces();
  if (!interfaces) return std::move(interfaces).error();
  auto addresses = netlink->addresses();
  if (!addresses) return std::move(addresses).error();
  return HostNetwork{std::move(*interfaces), std::move(*addresses)};
}

bool fits(const OpenLink& link, const core::MediumConfig& medium, const HostNetwork& network) {
  if (link.interface == os::InterfaceIndex{}) return true;
  const auto interface = std::ranges::find(network.interfaces, medium.interface,
                                           &os::Interface::name);
  if (interface == network.interfaces.end() || interface->index != link.interface) return false;
  const os::Ends ends = os::ends_of(link.send.get());
  // An address of another interface will do as long as this one has none: that is how the kernel
  // chose it.
  bool here = false, elsewhere = false, any_here = false;
  for (const os::HeldAddress& held : network.addresses) {
    const bool ours = held.address == ends.own;
    if (held.interface != link.interface) {
      elsewhere = elsewhere || ours;
      continue;
    }
    here = here || ours;
    any_here = any_here || held.address.family == ends.own.family;
  }
  if (!here && (any_here || !elsewhere)) return false;
  if (medium.type != core::MediumType::bcast) return true;
  const auto broadcast = os::broadcast_address(medium.interface);
  return broadcast && *broadcast == os::text_of(ends.peer);
}

std::string link_title(const core::MediumConfig& medium) {
  return fmt::format("{} {}", core::name_of(medium.type), medium.link_name());
}

}  // namespace hb::master
