// echo: ICMP and ICMPv6 echo: sockets, requests and replies of the ping media, and whom they ask
#pragma once

#include "core/message.hpp"
#include "core/result.hpp"
#include "core/types.hpp"
#include "os/fd.hpp"
#include "os/ip_address.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hb::os {

/// One host, as the kernel wants it; `scope` is the interface of a link-local IPv6 address.
struct EchoHost {
  IpAddress address;
  std::uint32_t scope = 0;

  bool operator==(const EchoHost&) const = default;
};

/// Hosts of one ping medium: a record to its reader and writer must hold them all.
inline constexpr std::size_t most_echo_hosts = 64;

/// What the reader and the writer of a ping medium must know: whom to ask, and the identifier that
/// tells our replies from those to other programs and other media of this host.
struct EchoTargets {
  std::uint16_t id = 0;
  std::vector<EchoHost> hosts;  ///< 1 to most_echo_hosts, all of one family

  bool operator==(const EchoTargets&) const = default;
};

/// A name or an address (IPv6 link-local with %interface). The error names the cure.
[[nodiscard]] core::Result<EchoHost> resolve_echo_host(Family family, const std::string& text,
                                                       Names names = Names::look_up);

/// Raw sockets (they need CAP_NET_RAW), non-blocking, close-on-exec. The receiver gets echo replies
/// alone, with the kernel's stamps; the sender nothing at all.
[[nodiscard]] core::Result<Fd> open_echo_receiver(Family family);
[[nodiscard]] core::Result<Fd> open_echo_sender(Family family);

/// A whole echo request for such a socket replaces `out`. (The kernel adds ICMPv6's checksum.)
void make_echo_request(Family family, std::uint16_t id, std::uint16_t sequence,
                       core::Bytes payload, std::string& out);

struct EchoReply {
  std::uint16_t id, sequence;
  core::Bytes payload;  ///< inside the datagram
};
/// What a receiver got: IPv4 with its IP header, IPv6 without. Nothing if it is no echo reply.
[[nodiscard]] std::optional<EchoReply> read_echo_reply(Family family, core::Bytes datagram);

/// Targets as the fields of a record, and back; the error tells what is wrong.
void describe(const EchoTargets& targets, core::Message& message);
[[nodiscard]] core::Result<EchoTargets> echo_targets(const core::Message& message);

}  // namespace hb::os
