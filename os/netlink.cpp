// netlink: list interfaces, addresses and routes; add and drop addresses; watch them change
#include "os/netlink.hpp"

#include <libmnl/libmnl.h>
#include <sys/socket.h>
// after sys/socket.h, whose types these need
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

namespace hb::os {
namespace {

using core::Error;
using core::Result;

/// The kernel fills at most 32 KiB a datagram of a dump.
constexpr std::size_t reply_bytes = 32'768;
/// Header, fixed part and a handful of short attributes.
constexpr std::size_t request_bytes = 512;
/// A dump that changed under the reader is asked again; more often means a storm of changes.
constexpr int dump_attempts = 5;

class Request {
 public:
  Request(std::uint16_t type, std::uint16_t flags) : header_(mnl_nlmsg_put_header(space_.data())) {
    header_->nlmsg_type = type;
    header_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  }
  template <class Part>
  Part& part() {
    return *static_cast<Part*>(mnl_nlmsg_put_extra_header(header_, sizeof(Part)));
  }
  void put(std::uint16_t type, const IpAddress& address) {
    mnl_attr_put(header_, type, address.size(), address.bytes.data());
  }
  void put(std::uint16_t type, std::uint32_t number) { mnl_attr_put_u32(header_, type, number); }
  void put(std::uint16_t type, std::string_view text) {
    mnl_attr_put_strz(header_, type, std::string(text).c_str());
  }
  nlmsghdr* header() { return header_; }

 private:
  alignas(nlmsghdr) std::array<char, request_bytes> space_{};
  nlmsghdr* header_;
};

/// Attributes of one message by type; those the table has no room for are skipped.
struct Attributes {
  std::array<const nlattr*, 64> by_type{};

  Attributes(const nlmsghdr* message, unsigned int fixed_part) {
    mnl_attr_parse(message, fixed_part, &Attributes::keep, this);
  }
  static int keep(const nlattr* attribute, void* self) {
    const std::size_t type = mnl_attr_get_type(attribute);
    auto& table = static_cast<Attributes*>(self)->by_type;
    if (type < table.size()) table[type] = attribute;
    return MNL_CB_OK;
  }
  [[nodiscard]] std::span<const std::uint8_t> bytes(std::size_t type) const {
    const nlattr* found = by_type[type];
    if (found == nullptr) return {};
    return {static_cast<const std::uint8_t*>(mnl_attr_get_payload(found)),
            mnl_attr_get_payload_len(found)};
  }
  [[nodiscard]] std::uint32_t number(std::size_t type, std::uint32_t otherwise) const {
    std::uint32_t value = otherwise;
    if (const auto raw = bytes(type); raw.size() == sizeof value)
      std::memcpy(&value, raw.data(), sizeof value);
    return value;
  }
  [[nodiscard]] std::string text(std::size_t type) const {
    const auto raw = bytes(type);
    return {raw.begin(), std::find(raw.begin(), raw.end(), std::uint8_t{0})};
  }
};

template <class Part>
const Part* fixed_part(const nlmsghdr* message) {
  if (mnl_nlmsg_get_payload_len(message) < sizeof(Part)) return nullptr;
  return static_cast<const Part*>(mnl_nlmsg_get_payload(message));
}

std::optional<IpAddress> address_in(std::span<const std::uint8_t> raw, int domain) {
  IpAddress address;
  address.family = domain == AF_INET ? Family::v4 : Family::v6;
  if ((domain != AF_INET && domain != AF_INET6) || raw.size() != address.size()) return {};
  std::copy(raw.begin(), raw.end(), address.bytes.begin());
  return address;
}

int collect_interface(const nlmsghdr* message, void* into) {
  const auto* part = fixed_part<ifinfomsg>(message);
  if (part == nullptr || message->nlmsg_type != RTM_NEWLINK) return MNL_CB_OK;
  const Attributes attributes(message, sizeof *part);
  Interface found;
  found.index.value = static_cast<std::uint32_t>(part->ifi_index);
  found.name = attributes.text(IFLA_IFNAME);
  found.up = (part->ifi_flags & IFF_UP) != 0;
  found.carrier = (part->ifi_flags & IFF_LOWER_UP) != 0;
  const auto hardware = attributes.bytes(IFLA_ADDRESS);
  const bool speaks_arp = part->ifi_type == ARPHRD_ETHER && (part->ifi_flags & IFF_NOARP) == 0;
  if (speaks_arp && hardware.size() == HardwareAddress{}.size())
    std::copy(hardware.begin(), hardware.end(), found.hardware.emplace().begin());
  static_cast<std::vector<Interface>*>(into)->push_back(std::move(found));
  return MNL_CB_OK;
}

std::optional<HeldAddress> held_address(const nlmsghdr* message) {
  const auto* part = fixed_part<ifaddrmsg>(message);
  if (part == nullptr) return {};
  const Attributes attributes(message, sizeof *part);
  // On a point-to-point interface IFA_ADDRESS is the peer; IPv6 has IFA_LOCAL only there.
  auto raw = attributes.bytes(IFA_LOCAL);
  if (raw.empty()) raw = attributes.bytes(IFA_ADDRESS);
  const auto address = address_in(raw, part->ifa_family);
  if (!address) return {};
  const std::uint32_t flags = attributes.number(IFA_FLAGS, part->ifa_flags);
  HeldAddress held;
  held.address = *address;
  held.bits.value = part->ifa_prefixlen;
  held.interface.value = part->ifa_index;
  held.label = attributes.text(IFA_LABEL);
  held.secondary = part->ifa_family == AF_INET && (flags & IFA_F_SECONDARY) != 0;
  held.dad_failed = (flags & IFA_F_DADFAILED) != 0;
  return held;
}

int collect_address(const nlmsghdr* message, void* into) {
  if (message->nlmsg_type != RTM_NEWADDR) return MNL_CB_OK;
  if (auto held = held_address(message))
    static_cast<std::vector<HeldAddress>*>(into)->push_back(std::move(*held));
  return MNL_CB_OK;
}

int collect_route(const nlmsghdr* message, void* into) {
  const auto* part = fixed_part<rtmsg>(message);
  if (part == nullptr || message->nlmsg_type != RTM_NEWROUTE) return MNL_CB_OK;
  const Attributes attributes(message, sizeof *part);
  Route route;
  route.interface.value = attributes.number(RTA_OIF, 0);
  route.bits.value = part->rtm_dst_len;
  route.connected = part->rtm_type == RTN_UNICAST && attributes.bytes(RTA_GATEWAY).empty() &&
                    attributes.bytes(RTA_VIA).empty() && route.interface.value != 0;
  *static_cast<std::optional<Route>*>(into) = route;
  return MNL_CB_OK;
}

Error failure(std::string_view what, int os_error) {
  return Error{std::string(what) + ": " + std::strerror(os_error), os_error};
}

std::string described(const IpAddress& address, PrefixBits bits) {
  return text_of(address) + "/" + std::to_string(bits.value);
}

}  // namespace

void Netlink::Close::operator()(mnl_socket* socket) const noexcept { mnl_socket_close(socket); }

Result<Netlink> Netlink::open() {
  mnl_socket* socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
  if (socket == nullptr) return failure("cannot open a netlink socket", errno);
  Netlink netlink(socket);
  if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
    return failure("cannot bind a netlink socket", errno);
  return netlink;
}

Result<void> Netlink::exchange(nlmsghdr* request, Collect collect, void* into) {
  const unsigned int port = mnl_socket_get_portid(socket_.get());
  request->nlmsg_seq = ++sequence_;
  if (mnl_socket_sendto(socket_.get(), request, request->nlmsg_len) < 0)
    return failure("cannot ask the kernel", errno);
  alignas(nlmsghdr) std::array<char, reply_bytes> reply;
  for (;;) {
    const ssize_t length = mnl_socket_recvfrom(socket_.get(), reply.data(), reply.size());
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return failure("cannot hear the kernel", errno);
    const int verdict = mnl_cb_run(reply.data(), static_cast<std::size_t>(length), sequence_, port,
                                   collect, into);
    if (verdict < 0 && errno == EPROTO) continue;  // the rest of an earlier, interrupted dump
    if (verdict < 0) return failure("the kernel refused", errno);
    if (verdict == MNL_CB_STOP) return {};
    const bool single = (request->nlmsg_flags & (NLM_F_DUMP | NLM_F_ACK)) == 0;
    if (single) return {};
  }
}

Result<std::vector<Interface>> Netlink::ask_interfaces(std::string_view name, InterfaceIndex index,
                                                       std::uint16_t flags) {
  Result<void> answer{};
  for (int attempt = 0; attempt < dump_attempts; ++attempt) {
    Request request(RTM_GETLINK, flags);
    request.part<ifinfomsg>().ifi_index = static_cast<int>(index.value);
    request.put(IFLA_EXT_MASK, std::uint32_t{RTEXT_FILTER_SKIP_STATS});
    if (!name.empty()) request.put(IFLA_IFNAME, name);
    std::vector<Interface> found;
    answer = exchange(request.header(), &collect_interface, &found);
    if (answer) return found;
    if (answer.error().os_error != EINTR) break;
  }
  return answer.error().in("list interfaces");
}

Result<std::vector<Interface>> Netlink::interfaces() {
  return ask_interfaces({}, InterfaceIndex{}, NLM_F_DUMP);
}

namespace {
Result<std::optional<Interface>> first_of(Result<std::vector<Interface>> found) {
  if (!found) {
    const int os_error = found.error().os_error;
    if (os_error == ENODEV || os_error == ENXIO) return std::optional<Interface>{};
    return found.error();
  }
  if (found->empty()) return std::optional<Interface>{};
  return std::optional<Interface>{std::move(found->front())};
}
}  // namespace

Result<std::optional<Interface>> Netlink::interface(std::string_view name) {
  if (name.empty() || name.size() >= IFNAMSIZ) return std::optional<Interface>{};
  return first_of(ask_interfaces(name, InterfaceIndex{}, 0));
}

Result<std::optional<Interface>> Netlink::interface(InterfaceIndex index) {
  if (index.value == 0) return std::optional<Interface>{};
  return first_of(ask_interfaces({}, index, 0));
}

Result<std::vector<HeldAddress>> Netlink::addresses() {
  Result<void> answer{};
  for (int attempt = 0; attempt < dump_attempts; ++attempt) {
    Request request(RTM_GETADDR, NLM_F_DUMP);
    request.part<ifaddrmsg>().ifa_family = AF_UNSPEC;
    std::vector<HeldAddress> held;
    answer = exchange(request.header(), &collect_address, &held);
    if (answer) return held;
    if (answer.error().os_error != EINTR) break;
  }
  return answer.error().in("list addresses");
}

Result<std::optional<Route>> Netlink::route_to(const IpAddress& address,
                                               std::optional<InterfaceIndex> via) {
  Request request(RTM_GETROUTE, 0);
  auto& part = request.part<rtmsg>();
  part.rtm_family = static_cast<unsigned char>(address.domain());
  part.rtm_dst_len = address.bits();
  part.rtm_flags = RTM_F_FIB_MATCH;  // the table's entry, not the cached host route
  request.put(RTA_DST, address);
  if (via) request.put(RTA_OIF, via->value);
  std::optional<Route> route;
  auto answer = exchange(request.header(), &collect_route, &route);
  if (answer) return route;
  switch (answer.error().os_error) {
    case ENETUNREACH: case EHOSTUNREACH: case ENODEV: case EINVAL: case EACCES:
      return std::optional<Route>{};  // blackhole, prohibit and unreachable answer so too
    default:
      return answer.error().in("route to " + text_of(address));
  }
}

Result<Change> Netlink::add(const NewAddress& address) {
  Request request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK);
  auto& part = request.part<ifaddrmsg>();
  part.ifa_family = static_cast<unsigned char>(address.address.domain());
  part.ifa_prefixlen = address.bits.value;
  part.ifa_index = address.interface.value;
  part.ifa_scope = address.address.is_link_local_v6() ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  request.put(IFA_LOCAL, address.address);
  request.put(IFA_ADDRESS, address.address);
  if (address.address.family == Family::v6) {
    request.put(IFA_FLAGS, std::uint32_t{IFA_F_NODAD});
  } else {
    if (address.broadcast) request.put(IFA_BROADCAST, *address.broadcast);
    if (!address.label.empty()) request.put(IFA_LABEL, address.label);
  }
  auto answer = exchange(request.header(), nullptr, nullptr);
  if (answer) return Change::made;
  if (answer.error().os_error == EEXIST) return Change::none;
  return answer.error().in("add " + described(address.address, address.bits));
}

Result<Change> Netlink::drop(const HeldAddress& address) {
  Request request(RTM_DELADDR, NLM_F_ACK);
  auto& part = request.part<ifaddrmsg>();
  part.ifa_family = static_cast<unsigned char>(address.address.domain());
  part.ifa_prefixlen = address.bits.value;
  part.ifa_index = address.interface.value;
  request.put(IFA_LOCAL, address.address);
  auto answer = exchange(request.header(), nullptr, nullptr);
  if (answer) return Change::made;
  const int os_error = answer.error().os_error;
  if (os_error == EADDRNOTAVAIL || os_error == ENODEV) return Change::none;
  return answer.error().in("drop " + described(address.address, address.bits));
}

Result<NetworkWatch> NetworkWatch::open() {
  Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  if (!socket) return failure("cannot open a netlink socket", errno);
  sockaddr_nl here{};
  here.nl_family = AF_NETLINK;
  here.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0)
    return failure("cannot watch addresses and links", errno);
  return NetworkWatch(std::move(socket));
}

namespace {
std::optional<NetworkEvent> event_in(const nlmsghdr* message) {
  using Kind = NetworkEvent::Kind;
  switch (message->nlmsg_type) {
    case RTM_NEWADDR: case RTM_DELADDR:
      if (const auto held = held_address(message)) {
        const bool added = message->nlmsg_type == RTM_NEWADDR;
        return NetworkEvent{added ? Kind::address_added : Kind::address_removed, held->interface,
                            held->address, message->nlmsg_pid, held->dad_failed};
      }
      return {};
    case RTM_NEWLINK: case RTM_DELLINK:
      if (const auto* part = fixed_part<ifinfomsg>(message))
        return NetworkEvent{
            Kind::link_changed, {static_cast<std::uint32_t>(part->ifi_index)}, {}, 0, false};
      return {};
    default:
      return {};
  }
}
}  // namespace

Result<std::vector<NetworkEvent>> NetworkWatch::read() {
  std::vector<NetworkEvent> events;
  alignas(nlmsghdr) std::array<char, reply_bytes> space;
  for (;;) {
    sockaddr_nl from{};
    socklen_t from_size = sizeof from;
    const ssize_t length = ::recvfrom(socket_.get(), space.data(), space.size(), 0,
                                      reinterpret_cast<sockaddr*>(&from), &from_size);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return events;
    if (length < 0 && errno == ENOBUFS) {
      events.push_back(NetworkEvent{});
      continue;
    }
    if (length < 0) return failure("cannot hear of address changes", errno);
    if (from.nl_pid != 0) continue;  // not the kernel: any local process may send to us
    int left = static_cast<int>(length);
    const void* place = space.data();
    for (auto* message = static_cast<const nlmsghdr*>(place); mnl_nlmsg_ok(message, left);
         message = mnl_nlmsg_next(message, &left))
      if (auto event = event_in(message)) events.push_back(*event);
  }
}

}  // namespace hb::os
