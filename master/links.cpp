// links: the media of ha.cf as sockets, one receiving and one sending per link
#include "master/links.hpp"

#include "os/socket.hpp"

#include <fmt/core.h>

#include <array>

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

Sockets mcast(const MediumConfig& medium) {
  Sockets sockets = bcast(medium);
  // habit: not bound to the device; the group and its membership decide.
  sockets.receiver.device = sockets.sender.device = DeviceBinding::none;
  sockets.receiver.address = sockets.sender.address = medium.address;
  sockets.sender.hops = medium.ttl;
  sockets.sender.loopback = medium.loop ? os::Loopback::on : os::Loopback::off;
  return sockets;
}

/// The media that can be opened; another one is a line here.
struct Medium {
  MediumType type;
  Sockets (*sockets)(const MediumConfig&);
};
constexpr std::array media = {
    Medium{MediumType::bcast, bcast},
    Medium{MediumType::ucast, ucast},
    Medium{MediumType::mcast, mcast},
};

core::Result<OpenLink> open_ping(const MediumConfig& medium, std::uint16_t echo_id) {
  const os::Family family = medium.type == MediumType::ping6 ? os::Family::v6 : os::Family::v4;
  const bool group = medium.type == MediumType::ping_group;
  const std::vector<std::string> hosts = group ? medium.hosts : std::vector{medium.address};
  if (hosts.size() > os::most_echo_hosts) {
    return core::Error{fmt::format("at most {} hosts; make two groups of it", os::most_echo_hosts)};
  }
  OpenLink link;
  link.echo = os::EchoTargets{echo_id, {}};
  for (const std::string& text : hosts) {
    auto host = os::resolve_echo_host(family, text);
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

core::Result<OpenLink> open_link(const core::MediumConfig& medium, std::uint16_t echo_id) {
  const std::string noun = fmt::format("ha.cf:{}: {}", medium.line, link_title(medium));
  if (core::is_ping(medium.type)) {
    auto opened = open_ping(medium, echo_id);
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
    return OpenLink{std::move(*receive), std::move(*send), std::nullopt};
  }
  return core::Error{noun + ": this medium is not supported yet; use ucast, bcast or mcast"};
}

std::string link_title(const core::MediumConfig& medium) {
  return fmt::format("{} {}", core::name_of(medium.type), medium.link_name());
}

}  // namespace hb::master
