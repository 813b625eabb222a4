// neighbours: tell the neighbours who has an address now (gratuitous ARP, unsolicited NA)
#include "os/neighbours.hpp"

#include <fcntl.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <sys/socket.h>

#include <algorithm>
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

bool forwards_v6(const Interface& interface) {
  const std::string path = "/proc/sys/net/ipv6/conf/" + interface.name + "/forwarding";
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char first = '0';
  return file && ::read(file.get(), &first, 1) == 1 && first != '0';
}

}  // namespace hb::os
