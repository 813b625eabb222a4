// socket: UDP sockets for the media, and datagrams in batches with their kernel receive stamps
#include "os/socket.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/ioctl.h>

namespace hb::os {
namespace {

union Address {
  sockaddr base;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

core::Error failed(std::string what, int code = errno) {
  return {fmt::format("{}: {}", what, std::strerror(code)), code};
}

IpAddress ip_of(const Address& from) {
  IpAddress address;
  if (from.base.sa_family == AF_INET6) {
    address.family = Family::v6;
    std::memcpy(address.bytes.data(), &from.v6.sin6_addr, address.size());
  } else {
    std::memcpy(address.bytes.data(), &from.v4.sin_addr, address.size());
  }
  return address;
}

socklen_t size_of(Family4or6 family) {
  return family == Family4or6::v4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
}

bool is_any(const Address& address) {
  return address.base.sa_family == AF_INET ? address.v4.sin_addr.s_addr == htonl(INADDR_ANY)
                                           : IN6_IS_ADDR_UNSPECIFIED(&address.v6.sin6_addr) != 0;
}

/// A numeric address; "" is any. A link-local IPv6 address gets the interface's scope.
core::Result<Address> resolve(Family4or6 family, const std::string& text, std::uint16_t port,
                              const std::string& interface) {
  Address address{};
  addrinfo hints{};
  hints.ai_family = family == Family4or6::v4 ? AF_INET : AF_INET6;
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICHOST;
  addrinfo* found = nullptr;
  const std::string service = std::to_string(port);
  const int error = ::getaddrinfo(text.empty() ? nullptr : text.c_str(), service.c_str(), &hints,
                                  &found);
  if (error != 0) {
    return core::Error{fmt::format("{}: {}; write a numeric address or put it into /etc/hosts",
                                   text, ::gai_strerror(error)), EADDRNOTAVAIL};
  }
  std::memcpy(&address, found->ai_addr, std::min<std::size_t>(found->ai_addrlen, sizeof address));
  ::freeaddrinfo(found);
  if (family == Family4or6::v6 && (IN6_IS_ADDR_LINKLOCAL(&address.v6.sin6_addr) ||
                                   IN6_IS_ADDR_MC_LINKLOCAL(&address.v6.sin6_addr))) {
    address.v6.sin6_scope_id = ::if_nametoindex(interface.c_str());
  }
  return address;
}

/// The one place where an option is set: a name for the error, and its value.
template <class Value>
core::Result<void> set(const Fd& socket, int level, int option, const Value& value,
                       const char* name) {
  if (::setsockopt(socket.get(), level, option, &value, sizeof value) == 0) return {};
  return failed(fmt::format("cannot set {}", name));
}

core::Result<void> bind_to_device(const Fd& socket, const std::string& interface) {
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(),
                   static_cast<socklen_t>(interface.size() + 1)) == 0) {
    return {};
  }
  return failed(fmt::format("cannot bind to interface {}", interface));
}

core::Result<int> index_of(const std::string& interface) {
  const unsigned index = ::if_nametoindex(interface.c_str());
  if (index == 0) return failed(fmt::format("no interface {}", interface));
  return static_cast<int>(index);
}

core::Result<Fd> open_socket(Family4or6 family) {
  Fd socket{::socket(family == Family4or6::v4 ? AF_INET : AF_INET6,
                     SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!socket.valid()) return failed("cannot open a UDP socket");
  return socket;
}

core::Result<void> join_group(const Fd& socket, const Address& group,
                              const std::string& interface) {
  const auto index = index_of(interface);
  if (!index) return index.error();
  // By default a socket hears every group that any socket of this host has joined.
  constexpr int only_joined = 0;
  if (group.base.sa_family == AF_INET) {
    if (auto done = set(socket, IPPROTO_IP, IP_MULTICAST_ALL, only_joined, "IP_MULTICAST_ALL");
        !done)
      return done;
    ip_mreqn request{};
    request.imr_multiaddr = group.v4.sin_addr;
    request.imr_ifindex = *index;
    return set(socket, IPPROTO_IP, IP_ADD_MEMBERSHIP, request, "multicast membership");
  }
  if (auto done = set(socket, IPPROTO_IPV6, IPV6_MULTICAST_ALL, only_joined,
                      "IPV6_MULTICAST_ALL");
      !done)
    return done;
  ipv6_mreq request{};
  request.ipv6mr_multiaddr = group.v6.sin6_addr;
  request.ipv6mr_interface = static_cast<unsigned>(*index);
  return set(socket, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, request, "multicast membership");
}

core::Result<void> set_multicast_sending(const Fd& socket, const UdpSender& options) {
  const auto index = index_of(options.interface);
  if (!index) return index.error();
  const int loop = options.loopback == Loopback::on ? 1 : 0;
  if (options.family == Family4or6::v6) {
    if (auto done = set(socket, IPPROTO_IPV6, IPV6_MULTICAST_IF, *index, "IPV6_MULTICAST_IF");
        !done)
      return done;
    if (auto done = set(socket, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, loop, "IPV6_MULTICAST_LOOP");
        !done)
      return done;
    return set(socket, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, options.hops, "IPV6_MULTICAST_HOPS");
  }
  ip_mreqn interface{};
  interface.imr_ifindex = *index;
  if (auto done = set(socket, IPPROTO_IP, IP_MULTICAST_IF, interface, "IP_MULTICAST_IF"); !done)
    return done;
  if (auto done = set(socket, IPPROTO_IP, IP_MULTICAST_LOOP, loop, "IP_MULTICAST_LOOP"); !done)
    return done;
  return set(socket, IPPROTO_IP, IP_MULTICAST_TTL, options.hops, "IP_MULTICAST_TTL");
}

bool is_multicast(const Address& address) {
  return address.base.sa_family == AF_INET ? IN_MULTICAST(ntohl(address.v4.sin_addr.s_addr))
                                           : IN6_IS_ADDR_MULTICAST(&address.v6.sin6_addr) != 0;
}

core::Result<void> prepare_receiver(const Fd& socket, const UdpReceiver& options) {
  constexpr int on = 1;
  if (auto done = set(socket, SOL_SOCKET, SO_REUSEADDR, on, "SO_REUSEADDR"); !done) return done;
  if (auto done = set(socket, SOL_SOCKET, SO_TIMESTAMPNS, on, "SO_TIMESTAMPNS"); !done) return done;
  if (auto done = set(socket, SOL_SOCKET, SO_RXQ_OVFL, on, "SO_RXQ_OVFL"); !done) return done;
  if (options.family == Family4or6::v6) {
    // Without it the socket would also get what comes for IPv4 media on the same port.
    if (auto done = set(socket, IPPROTO_IPV6, IPV6_V6ONLY, on, "IPV6_V6ONLY"); !done) return done;
  }
  if (options.sharing == PortSharing::share) {
    if (auto done = set(socket, SOL_SOCKET, SO_REUSEPORT, on, "SO_REUSEPORT"); !done) return done;
  }
  if (options.buffer_bytes > 0) {
    if (auto done = set(socket, SOL_SOCKET, SO_RCVBUF, options.buffer_bytes, "SO_RCVBUF"); !done)
      return done;
  }
  if (options.device == DeviceBinding::bind) return bind_to_device(socket, options.interface);
  return {};
}

core::Result<void> prepare_sender(const Fd& socket, const UdpSender& options, const Address& to) {
  constexpr int on = 1;
  if (options.device == DeviceBinding::bind) {
    if (auto done = bind_to_device(socket, options.interface); !done) return done;
  }
  if (options.sharing == PortSharing::share) {
    if (auto done = set(socket, SOL_SOCKET, SO_REUSEPORT, on, "SO_REUSEPORT"); !done) return done;
  }
  if (options.buffer_bytes > 0) {
    if (auto done = set(socket, SOL_SOCKET, SO_SNDBUF, options.buffer_bytes, "SO_SNDBUF"); !done)
      return done;
  }
  if (options.type_of_service != 0) {
    if (auto done = set(socket, IPPROTO_IP, IP_TOS, options.type_of_service, "IP_TOS"); !done)
      return done;
  }
  if (is_multicast(to)) return set_multicast_sending(socket, options);
  if (options.address.empty()) {
    if (auto done = set(socket, SOL_SOCKET, SO_BROADCAST, on, "SO_BROADCAST"); !done) return done;
    return set(socket, SOL_SOCKET, SO_DONTROUTE, on, "SO_DONTROUTE");
  }
  return {};
}

}  // namespace

core::Result<Fd> open_udp_receiver(const UdpReceiver& options) {
  auto address = resolve(options.family, options.address, options.port, options.interface);
  if (!address) return std::move(address).error();
  auto socket = open_socket(options.family);
  if (!socket) return socket;
  if (auto done = prepare_receiver(*socket, options); !done) return std::move(done).error();
  if (::bind(socket->get(), &address->base, size_of(options.family)) != 0) {
    return failed(fmt::format("cannot bind to {} port {}",
                              options.address.empty() ? "any address" : options.address,
                              options.port));
  }
  if (!options.group.empty()) {
    auto group = resolve(options.family, options.group, options.port, options.interface);
    if (!group) return std::move(group).error();
    if (auto done = join_group(*socket, *group, options.interface); !done) {
      return std::move(done).error();
    }
  } else if (is_multicast(*address) && !is_any(*address)) {
    if (auto done = join_group(*socket, *address, options.interface); !done) {
      return std::move(done).error();
    }
  }
  return socket;
}

core::Result<Fd> open_udp_sender(const UdpSender& options) {
  std::string destination = options.address;
  if (destination.empty()) {
    auto broadcast = broadcast_address(options.interface);
    if (!broadcast) return std::move(broadcast).error();
    destination = std::move(*broadcast);
  }
  auto to = resolve(options.family, destination, options.port, options.interface);
  if (!to) return std::move(to).error();
  auto socket = open_socket(options.family);
  if (!socket) return socket;
  if (auto done = prepare_sender(*socket, options, *to); !done) return std::move(done).error();
  if (::connect(socket->get(), &to->base, size_of(options.family)) != 0) {
    return failed(fmt::format("cannot connect to {} port {}", destination, options.port));
  }
  return socket;
}

core::Result<std::string> broadcast_address(const std::string& interface) {
  auto socket = open_socket(Family4or6::v4);
  if (!socket) return std::move(socket).error();
  ifreq request{};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  if (::ioctl(socket->get(), SIOCGIFBRDADDR, &request) != 0) {
    return failed(fmt::format("no broadcast address of interface {}; give it an IPv4 address",
                              interface));
  }
  sockaddr_in address{};
  std::memcpy(&address, &request.ifr_broadaddr, sizeof address);
  if (address.sin_addr.s_addr == 0) {
    return core::Error{fmt::format("interface {} has no broadcast address; set one, or use ucast "
                                   "or mcast", interface), EADDRNOTAVAIL};
  }
  char text[INET_ADDRSTRLEN] = {};
  ::inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
  return {boost::system::in_place_value, text};
}

core::Result<std::string> look_up_ipv4(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found); error != 0) {
    return core::Error{fmt::format("{}: {}; write a numeric address or put it into /etc/hosts",
                                   host, ::gai_strerror(error)), EADDRNOTAVAIL};
  }
  Address address{};
  std::memcpy(&address, found->ai_addr, std::min<std::size_t>(found->ai_addrlen, sizeof address));
  ::freeaddrinfo(found);
  return {boost::system::in_place_value, text_of(ip_of(address))};
}

Ends ends_of(int socket) {
  Address own{}, peer{};
  socklen_t size = sizeof own;
  if (::getsockname(socket, &own.base, &size) != 0) return {};
  size = sizeof peer;
  if (::getpeername(socket, &peer.base, &size) != 0) return {};
  return {ip_of(own), ip_of(peer)};
}

// ---- batches ----------------------------------------------------------------------------------

namespace {

/// A page more than the largest datagram, so that buffers begin on pages of their own.
constexpr std::size_t slot_bytes = 68 << 10;
/// A timespec and a 32-bit count, each with its header.
constexpr std::size_t control_bytes =
    CMSG_SPACE(sizeof(timespec)) + CMSG_SPACE(sizeof(std::uint32_t));

}  // namespace

struct ReceiveBatch::State {
  // Reserved, not zeroed: only what datagrams reach is touched.
  std::unique_ptr<std::byte[]> memory{
      std::make_unique_for_overwrite<std::byte[]>(batch_datagrams * slot_bytes)};
  std::array<mmsghdr, batch_datagrams> headers{};
  std::array<iovec, batch_datagrams> parts{};
  struct alignas(cmsghdr) Control {
    char bytes[control_bytes];
  };
  std::array<Control, batch_datagrams> controls{};
  std::array<Address, batch_datagrams> sources{};
  std::array<Datagram, batch_datagrams> datagrams{};
  StampClock clock;
  std::uint64_t drops = 0;
  std::uint32_t drop_word = 0;  ///< as the kernel counts, wrapping

  void read_control(msghdr& header, Datagram& datagram);
};

void ReceiveBatch::State::read_control(msghdr& header, Datagram& datagram) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET) continue;
    if (part->cmsg_type == SO_TIMESTAMPNS) {
      timespec stamp{};
      std::memcpy(&stamp, CMSG_DATA(part), sizeof stamp);
      datagram.time = clock.instant_of(stamp);
    } else if (part->cmsg_type == SO_RXQ_OVFL) {
      std::uint32_t word = 0;
      std::memcpy(&word, CMSG_DATA(part), sizeof word);
      drops += static_cast<std::uint32_t>(word - drop_word);
      drop_word = word;
    }
  }
}

ReceiveBatch::ReceiveBatch() : state_{std::make_unique<State>()} {
  for (std::size_t i = 0; i < batch_datagrams; ++i) {
    state_->parts[i] = {state_->memory.get() + i * slot_bytes, slot_bytes};
    state_->headers[i].msg_hdr.msg_iov = &state_->parts[i];
    state_->headers[i].msg_hdr.msg_iovlen = 1;
  }
}

ReceiveBatch::~ReceiveBatch() = default;

core::Result<std::size_t> ReceiveBatch::receive(int socket) {
  for (std::size_t i = 0; i < batch_datagrams; ++i) {
    msghdr& header = state_->headers[i].msg_hdr;
    header.msg_control = state_->controls[i].bytes;
    header.msg_controllen = control_bytes;
    header.msg_name = &state_->sources[i];
    header.msg_namelen = sizeof state_->sources[i];
  }
  const int count = ::recvmmsg(socket, state_->headers.data(), batch_datagrams, MSG_DONTWAIT,
                               nullptr);
  if (count < 0) {
    if (errno == EAGAIN || errno == EINTR) return 0;
    return failed("cannot receive");
  }
  state_->clock.refresh();
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    mmsghdr& header = state_->headers[i];
    Datagram& datagram = state_->datagrams[i];
    const bool truncated = (header.msg_hdr.msg_flags & MSG_TRUNC) != 0;
    datagram.bytes = {state_->memory.get() + i * slot_bytes, truncated ? 0 : header.msg_len};
    datagram.time = state_->clock.refreshed();
    state_->read_control(header.msg_hdr, datagram);
  }
  return static_cast<std::size_t>(count);
}

const Datagram& ReceiveBatch::operator[](std::size_t index) const {
  return state_->datagrams[index];
}

IpAddress ReceiveBatch::source(std::size_t index) const {
  return ip_of(state_->sources[index]);
}

std::uint64_t ReceiveBatch::kernel_drops() const { return state_->drops; }

struct SendBatch::State {
  static constexpr std::size_t memory_bytes = 2 * slot_bytes;
  std::unique_ptr<std::byte[]> memory{std::make_unique_for_overwrite<std::byte[]>(memory_bytes)};
  std::array<mmsghdr, batch_datagrams> headers{};
  std::array<iovec, batch_datagrams> parts{};
  std::array<Address, batch_datagrams> targets{};
  std::size_t count = 0, used = 0;
  int last_errno = 0;
};

SendBatch::SendBatch() : state_{std::make_unique<State>()} {
  for (std::size_t i = 0; i < batch_datagrams; ++i) {
    state_->headers[i].msg_hdr.msg_iov = &state_->parts[i];
    state_->headers[i].msg_hdr.msg_iovlen = 1;
  }
}

SendBatch::~SendBatch() = default;

SendBatch::Added SendBatch::add(core::Bytes datagram) {
  State& state = *state_;
  if (state.count == batch_datagrams || state.used + datagram.size() > State::memory_bytes) {
    return Added::full;
  }
  msghdr& header = state.headers[state.count].msg_hdr;
  header.msg_name = nullptr;
  header.msg_namelen = 0;
  std::byte* to = state.memory.get() + state.used;
  if (!datagram.empty()) std::memcpy(to, datagram.data(), datagram.size());
  state.parts[state.count++] = {to, datagram.size()};
  state.used += datagram.size();
  return Added::yes;
}

SendBatch::Added SendBatch::add(core::Bytes datagram, const IpAddress& to, std::uint32_t scope) {
  State& state = *state_;
  const std::size_t index = state.count;
  if (add(datagram) == Added::full) return Added::full;
  Address& target = state.targets[index] = {};
  if (to.family == Family::v4) {
    target.v4.sin_family = AF_INET;
    std::memcpy(&target.v4.sin_addr, to.bytes.data(), to.size());
  } else {
    target.v6.sin6_family = AF_INET6;
    target.v6.sin6_scope_id = scope;
    std::memcpy(&target.v6.sin6_addr, to.bytes.data(), to.size());
  }
  state.headers[index].msg_hdr.msg_name = &target;
  state.headers[index].msg_hdr.msg_namelen =
      to.family == Family::v4 ? sizeof target.v4 : sizeof target.v6;
  return Added::yes;
}

bool SendBatch::empty() const { return state_->count == 0; }

std::size_t SendBatch::flush(int socket) {
  State& state = *state_;
  std::size_t done = 0, sent = 0;
  int refused_at = -1;
  while (done < state.count) {
    const int result = ::sendmmsg(socket, state.headers.data() + done,
                                  static_cast<unsigned>(state.count - done),
                                  MSG_DONTWAIT | MSG_NOSIGNAL);
    if (result > 0) {
      sent += static_cast<std::size_t>(result);
      done += static_cast<std::size_t>(result);
      continue;
    }
    if (errno == EINTR) continue;
    // A connected socket tells late that an earlier datagram found no listener; this one has not
    // been tried yet.
    if (errno == ECONNREFUSED && refused_at != static_cast<int>(done)) {
      refused_at = static_cast<int>(done);
      continue;
    }
    state.last_errno = errno;
    ++done;  // this one is lost; the next may have a better fate
  }
  state.count = 0;
  state.used = 0;
  return sent;
}

int SendBatch::last_errno() const { return state_->last_errno; }

}  // namespace hb::os
