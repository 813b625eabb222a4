// neighbours: tell the neighbours who has an address now, and ask them (ARP, neighbour discovery)
#include "os/neighbours.hpp"

#include <fcntl.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace hb::os {
namespace {

using core::Error;
using core::Result;

/// RFC 4861 §7.1.2: receivers drop what has crossed a router.
constexpr int hop_limit = 255;
constexpr HardwareAddress everybody{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/// ether_arp of the headers, but with what follows a neighbour advertisement.
struct Advertisement {
  nd_neighbor_advert head;
  nd_opt_hdr option;
  HardwareAddress hardware;
};
static_assert(sizeof(Advertisement) == 32);

Error failure(std::string_view what, const IpAddress& address, int os_error) {
  return Error{std::string(what) + " " + text_of(address) + ": " + std::strerror(os_error),
               os_error};
}

in6_addr as_in6(const IpAddress& address) {
  in6_addr result{};
  std::memcpy(&result, address.bytes.data(), sizeof result);
  return result;
}

template <class Value>
bool set(const Fd& socket, int level, int option, Value value) {
  return ::setsockopt(socket.get(), level, option, &value, sizeof value) == 0;
}

Fd open_v6(const IpAddress& address, InterfaceIndex interface) {
  Fd socket(::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6));
  if (!socket) return socket;
  sockaddr_in6 here{};
  here.sin6_family = AF_INET6;
  here.sin6_addr = as_in6(address);
  here.sin6_scope_id = interface.value;
  icmp6_filter hear_nothing;
  ICMP6_FILTER_SETBLOCKALL(&hear_nothing);
  const bool ready = set(socket, IPPROTO_ICMPV6, ICMP6_FILTER, hear_nothing) &&
                     set(socket, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hop_limit) &&
                     set(socket, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0) &&
                     set(socket, IPPROTO_IPV6, IPV6_MULTICAST_IF, interface.value) &&
                     ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&here),
                            sizeof here) == 0;
  if (!ready) socket.reset();
  return socket;
}

}  // namespace

Result<Announcer> Announcer::open(const IpAddress& address, const Interface& interface,
                                  bool is_router) {
  ENSURE(interface.hardware.has_value());
  // protocol 0: the packet socket sends only
  Fd socket = address.family == Family::v4
                  ? Fd(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0))
                  : open_v6(address, interface.index);
  if (!socket) return failure("cannot announce", address, errno);
  return Announcer(std::move(socket), address, interface.index, *interface.hardware, is_router);
}

Result<void> Announcer::send() const {
  return address_.family == Family::v4 ? send_arp() : send_advertisement();
}

Result<void> Announcer::send_arp() const {
  ether_arp packet{};
  packet.ea_hdr.ar_hrd = htons(ARPHRD_ETHER);
  packet.ea_hdr.ar_pro = htons(ETHERTYPE_IP);
  packet.ea_hdr.ar_hln = ETH_ALEN;
  packet.ea_hdr.ar_pln = 4;
  std::copy(hardware_.begin(), hardware_.end(), packet.arp_sha);
  std::copy_n(address_.bytes.begin(), 4, packet.arp_spa);
  std::copy_n(address_.bytes.begin(), 4, packet.arp_tpa);
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_protocol = htons(ETHERTYPE_ARP);
  to.sll_ifindex = static_cast<int>(interface_.value);
  to.sll_halen = ETH_ALEN;
  std::copy(everybody.begin(), everybody.end(), to.sll_addr);
  for (const std::uint16_t form : {std::uint16_t{ARPOP_REQUEST}, std::uint16_t{ARPOP_REPLY}}) {
    packet.ea_hdr.ar_op = htons(form);
    if (form == ARPOP_REPLY) std::copy(everybody.begin(), everybody.end(), packet.arp_tha);
    if (::sendto(socket_.get(), &packet, sizeof packet, MSG_DONTWAIT,
                 reinterpret_cast<const sockaddr*>(&to), sizeof to) < 0)
      return failure("cannot announce", address_, errno);
  }
  return {};
}

Result<void> Announcer::send_advertisement() const {
  Advertisement packet{};
  packet.head.nd_na_type = ND_NEIGHBOR_ADVERT;
  packet.head.nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE;
  if (is_router_) packet.head.nd_na_flags_reserved |= ND_NA_FLAG_ROUTER;
  packet.head.nd_na_target = as_in6(address_);
  packet.option.nd_opt_type = ND_OPT_TARGET_LINKADDR;
  packet.option.nd_opt_len = 1;  // in units of 8 bytes
  packet.hardware = hardware_;
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  to.sin6_addr = as_in6(*parse_ip("ff02::1"));
  to.sin6_scope_id = interface_.value;
  if (::sendto(socket_.get(), &packet, sizeof packet, MSG_DONTWAIT,
               reinterpret_cast<const sockaddr*>(&to), sizeof to) < 0)
    return failure("cannot announce", address_, errno);
  return {};
}

namespace {

/// As Advertisement, for the question.
struct Solicitation {
  nd_neighbor_solicit head;
  nd_opt_hdr option;
  HardwareAddress hardware;
};
static_assert(sizeof(Solicitation) == 32);

Fd query_v4(InterfaceIndex interface) {
  Fd socket(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_ll here{};
  here.sll_family = AF_PACKET;
  here.sll_protocol = htons(ETHERTYPE_ARP);
  here.sll_ifindex = static_cast<int>(interface.value);
  const bool ready = socket && ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&here),
                                      sizeof here) == 0;
  if (!ready) socket.reset();
  return socket;
}

Fd query_v6(const Interface& interface) {
  Fd socket(::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6));
  if (!socket) return socket;
  icmp6_filter advertisements;
  ICMP6_FILTER_SETBLOCKALL(&advertisements);
  ICMP6_FILTER_SETPASS(ND_NEIGHBOR_ADVERT, &advertisements);
  const bool ready = ::setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE,
                                  interface.name.c_str(),
                                  static_cast<socklen_t>(interface.name.size())) == 0 &&
                     set(socket, IPPROTO_ICMPV6, ICMP6_FILTER, advertisements) &&
                     set(socket, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hop_limit) &&
                     set(socket, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0) &&
                     set(socket, IPPROTO_IPV6, IPV6_MULTICAST_IF, interface.index.value);
  if (!ready) socket.reset();
  return socket;
}

std::optional<HardwareAddress> in_advertisement(core::Bytes bytes, const IpAddress& address) {
  Advertisement packet{};
  if (bytes.size() < sizeof packet.head) return {};
  std::memcpy(&packet, bytes.data(), std::min(bytes.size(), sizeof packet));
  if (packet.head.nd_na_type != ND_NEIGHBOR_ADVERT ||
      std::memcmp(&packet.head.nd_na_target, address.bytes.data(), address.size()) != 0)
    return {};
  const bool tells = bytes.size() >= sizeof packet &&
                     packet.option.nd_opt_type == ND_OPT_TARGET_LINKADDR &&
                     packet.option.nd_opt_len == 1;
  return tells ? packet.hardware : HardwareAddress{};
}

std::optional<HardwareAddress> in_arp(core::Bytes bytes, const IpAddress& address) {
  ether_arp packet{};
  if (bytes.size() < sizeof packet) return {};
  std::memcpy(&packet, bytes.data(), sizeof packet);
  if (packet.ea_hdr.ar_hrd != htons(ARPHRD_ETHER) || packet.ea_hdr.ar_pro != htons(ETHERTYPE_IP) ||
      packet.ea_hdr.ar_hln != ETH_ALEN || packet.ea_hdr.ar_pln != sizeof packet.arp_spa ||
      std::memcmp(packet.arp_spa, address.bytes.data(), sizeof packet.arp_spa) != 0)
    return {};
  HardwareAddress hardware;
  std::copy(std::begin(packet.arp_sha), std::end(packet.arp_sha), hardware.begin());
  return hardware;
}

}  // namespace

Result<NeighbourQuery> NeighbourQuery::open(const IpAddress& address, const Interface& interface) {
  ENSURE(interface.hardware.has_value());
  Fd socket = address.family == Family::v4 ? query_v4(interface.index) : query_v6(interface);
  if (!socket) return failure("cannot ask for", address, errno);
  return NeighbourQuery(std::move(socket), address, interface.index, *interface.hardware);
}

Result<void> NeighbourQuery::send() const {
  ssize_t sent = -1;
  if (address_.family == Family::v4) {
    ether_arp packet{};
    packet.ea_hdr.ar_hrd = htons(ARPHRD_ETHER);
    packet.ea_hdr.ar_pro = htons(ETHERTYPE_IP);
    packet.ea_hdr.ar_hln = ETH_ALEN;
    packet.ea_hdr.ar_pln = sizeof packet.arp_tpa;
    packet.ea_hdr.ar_op = htons(ARPOP_REQUEST);
    std::copy(hardware_.begin(), hardware_.end(), packet.arp_sha);
    std::copy_n(address_.bytes.begin(), sizeof packet.arp_tpa, packet.arp_tpa);
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_protocol = htons(ETHERTYPE_ARP);
    to.sll_ifindex = static_cast<int>(interface_.value);
    to.sll_halen = ETH_ALEN;
    std::copy(everybody.begin(), everybody.end(), to.sll_addr);
    sent = ::sendto(socket_.get(), &packet, sizeof packet, MSG_DONTWAIT,
                    reinterpret_cast<const sockaddr*>(&to), sizeof to);
  } else {
    Solicitation packet{};
    packet.head.nd_ns_type = ND_NEIGHBOR_SOLICIT;
    packet.head.nd_ns_target = as_in6(address_);
    packet.option.nd_opt_type = ND_OPT_SOURCE_LINKADDR;
    packet.option.nd_opt_len = 1;  // in units of 8 bytes
    packet.hardware = hardware_;
    // The solicited-node address: ff02::1:ff and the last three bytes (RFC 4291 §2.7.1)
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_addr = as_in6(*parse_ip("ff02::1:ff00:0"));
    constexpr std::size_t low = 3;
    std::copy_n(address_.bytes.end() - low, low, to.sin6_addr.s6_addr + sizeof to.sin6_addr - low);
    to.sin6_scope_id = interface_.value;
    sent = ::sendto(socket_.get(), &packet, sizeof packet, MSG_DONTWAIT,
                    reinterpret_cast<const sockaddr*>(&to), sizeof to);
  }
  if (sent < 0) return failure("cannot ask for", address_, errno);
  return {};
}

std::optional<HardwareAddress> claimant_in(core::Bytes packet, const IpAddress& address) {
  return address.family == Family::v4 ? in_arp(packet, address)
                                      : in_advertisement(packet, address);
}

std::optional<HardwareAddress> NeighbourQuery::answer() const {
  std::optional<HardwareAddress> found;
  std::array<std::byte, 256> packet;
  // Bounded: a flood must not keep the caller here; what is left waits.
  constexpr int most_packets = 64;
  for (int i = 0; i < most_packets; ++i) {
    const ssize_t size = ::recv(socket_.get(), packet.data(), packet.size(), MSG_DONTWAIT);
    if (size < 0 && (errno == EINTR || errno == ENETDOWN)) continue;
    if (size < 0) break;
    const auto who = claimant_in({packet.data(), static_cast<std::size_t>(size)}, address_);
    if (who && *who != hardware_) found = who;
  }
  return found;
}

std::string text_of(const HardwareAddress& hardware) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : hardware) {
    if (!text.empty()) text.push_back(':');
    text.push_back(digits[byte >> 4]);
    text.push_back(digits[byte & 0xf]);
  }
  return text;
}

bool forwards_v6(const Interface& interface) {
  const std::string path = "/proc/sys/net/ipv6/conf/" + interface.name + "/forwarding";
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char first = '0';
  return file && ::read(file.get(), &first, 1) == 1 && first != '0';
}

}  // namespace hb::os
