// echo: ICMP and ICMPv6 echo: sockets, requests and replies of the ping media, and whom they ask
#include "os/echo.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include <linux/icmp.h>
#include <netdb.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace hb::os {
namespace {

/// Type, code, checksum, identifier, sequence number.
constexpr std::size_t header_bytes = 8;
constexpr std::size_t shortest_ip_header = 20;

core::Error failed(std::string what, int code = errno) {
  return {fmt::format("{}: {}", what, std::strerror(code)), code};
}

template <class Value>
core::Result<void> set(const Fd& socket, int level, int option, const Value& value,
                       const char* name) {
  if (::setsockopt(socket.get(), level, option, &value, sizeof value) == 0) return {};
  return failed(fmt::format("cannot set {}", name));
}

core::Result<Fd> open_raw(Family family) {
  const bool v4 = family == Family::v4;
  Fd socket{::socket(v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
                     v4 ? static_cast<int>(IPPROTO_ICMP) : static_cast<int>(IPPROTO_ICMPV6))};
  if (!socket.valid()) return failed("cannot open an ICMP socket");
  return socket;
}

/// Lets echo replies in, or nothing.
core::Result<void> filter(const Fd& socket, Family family, bool replies) {
  if (family == Family::v4) {
    icmp_filter blocked{};
    blocked.data = ~(replies ? 1U << ICMP_ECHOREPLY : 0U);
    return set(socket, SOL_RAW, ICMP_FILTER, blocked, "ICMP_FILTER");
  }
  icmp6_filter blocked{};
  ICMP6_FILTER_SETBLOCKALL(&blocked);
  if (replies) ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &blocked);
  return set(socket, IPPROTO_ICMPV6, ICMP6_FILTER, blocked, "ICMP6_FILTER");
}

std::uint8_t at(core::Bytes bytes, std::size_t index) {
  return std::to_integer<std::uint8_t>(bytes[index]);
}

std::uint16_t big_endian(core::Bytes bytes, std::size_t index) {
  return static_cast<std::uint16_t>(at(bytes, index) << 8 | at(bytes, index + 1));
}

void put_big_endian(std::string& out, std::size_t index, std::uint16_t value) {
  out[index] = static_cast<char>(value >> 8);
  out[index + 1] = static_cast<char>(value & 0xff);
}

/// RFC 1071, over bytes whose checksum field is zero.
std::uint16_t internet_checksum(core::Bytes bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += big_endian(bytes, i);
  if (bytes.size() % 2 == 1) sum += static_cast<std::uint32_t>(at(bytes, bytes.size() - 1)) << 8;
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

std::optional<EchoHost> host_of(std::string_view text) {
  const auto percent = text.find('%');
  const auto address = parse_ip(text.substr(0, percent));
  if (!address) return std::nullopt;
  EchoHost host{*address, 0};
  if (percent == std::string_view::npos) return host;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + percent + 1, end, host.scope);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return host;
}

}  // namespace

core::Result<EchoHost> resolve_echo_host(Family family, const std::string& text, Names names) {
  addrinfo hints{};
  hints.ai_family = family == Family::v4 ? AF_INET : AF_INET6;
  hints.ai_socktype = SOCK_RAW;
  if (names == Names::numeric) hints.ai_flags = AI_NUMERICHOST;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(text.c_str(), nullptr, &hints, &found); error != 0) {
    return core::Error{fmt::format("{}: {}; write a numeric address or put it into /etc/hosts",
                                   text, ::gai_strerror(error)), EADDRNOTAVAIL};
  }
  EchoHost host;
  host.address.family = family;
  if (family == Family::v4) {
    sockaddr_in address{};
    std::memcpy(&address, found->ai_addr, sizeof address);
    std::memcpy(host.address.bytes.data(), &address.sin_addr, host.address.size());
  } else {
    sockaddr_in6 address{};
    std::memcpy(&address, found->ai_addr, sizeof address);
    std::memcpy(host.address.bytes.data(), &address.sin6_addr, host.address.size());
    host.scope = address.sin6_scope_id;
  }
  ::freeaddrinfo(found);
  return host;
}

core::Result<Fd> open_echo_receiver(Family family) {
  auto socket = open_raw(family);
  if (!socket) return socket;
  constexpr int on = 1;
  if (auto done = filter(*socket, family, true); !done) return std::move(done).error();
  for (const auto& [option, name] : {std::pair{SO_TIMESTAMPNS, "SO_TIMESTAMPNS"},
                                     std::pair{SO_RXQ_OVFL, "SO_RXQ_OVFL"}}) {
    if (auto done = set(*socket, SOL_SOCKET, option, on, name); !done) {
      return std::move(done).error();
    }
  }
  return socket;
}

core::Result<Fd> open_echo_sender(Family family) {
  auto socket = open_raw(family);
  if (!socket) return socket;
  // A raw socket gets a copy of every ICMP message of this host; nobody would ever read them here.
  if (auto done = filter(*socket, family, false); !done) return std::move(done).error();
  return socket;
}

void make_echo_request(Family family, std::uint16_t id, std::uint16_t sequence,
                       core::Bytes payload, std::string& out) {
  out.assign(header_bytes, '\0');
  out[0] = static_cast<char>(family == Family::v4 ? std::uint8_t{ICMP_ECHO}
                                                  : std::uint8_t{ICMP6_ECHO_REQUEST});
  put_big_endian(out, 4, id);
  put_big_endian(out, 6, sequence);
  out += core::as_text(payload);
  if (family == Family::v4) put_big_endian(out, 2, internet_checksum(core::as_bytes(out)));
}

std::optional<EchoReply> read_echo_reply(Family family, core::Bytes datagram) {
  std::size_t start = 0;
  if (family == Family::v4) {
    if (datagram.size() < shortest_ip_header || at(datagram, 0) >> 4 != 4) return std::nullopt;
    start = std::size_t{4} * (at(datagram, 0) & 0x0fU);
    if (start < shortest_ip_header) return std::nullopt;
  }
  if (datagram.size() < start + header_bytes) return std::nullopt;
  const core::Bytes message = datagram.subspan(start);
  const std::uint8_t wanted = family == Family::v4 ? std::uint8_t{ICMP_ECHOREPLY}
                                                   : std::uint8_t{ICMP6_ECHO_REPLY};
  if (at(message, 0) != wanted || at(message, 1) != 0) return std::nullopt;
  return EchoReply{big_endian(message, 4), big_endian(message, 6), message.subspan(header_bytes)};
}

void describe(const EchoTargets& targets, core::Message& message) {
  message.add_decimal("id", targets.id);
  for (const EchoHost& host : targets.hosts) {
    std::string text = text_of(host.address);
    if (host.scope != 0) text += fmt::format("%{}", host.scope);
    message.add("host", text);
  }
}

core::Result<EchoTargets> echo_targets(const core::Message& message) {
  EchoTargets targets;
  const auto id = message.decimal("id");
  if (!id || *id > 0xffff) return core::Error{"echo targets without a 16-bit id"};
  targets.id = static_cast<std::uint16_t>(*id);
  for (std::size_t i = 0; i < message.size(); ++i) {
    const core::Field field = message[i];
    if (field.name != "host") continue;
    const auto host = host_of(field.value);
    if (!host || targets.hosts.size() == most_echo_hosts) {
      return core::Error{"echo targets with a host that cannot be one"};
    }
    if (!targets.hosts.empty() && host->address.family != targets.hosts[0].address.family) {
      return core::Error{"echo targets of two families"};
    }
    targets.hosts.push_back(*host);
  }
  if (targets.hosts.empty()) return core::Error{"echo targets without a host"};
  return targets;
}

}  // namespace hb::os
