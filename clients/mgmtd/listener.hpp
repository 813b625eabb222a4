// listener: the sockets that mgmtd listens on: TCP for TLS, the local socket, HTTP
#pragma once

#include "core/result.hpp"
#include "os/fd.hpp"

#include <cstdint>
#include <string>

namespace hb::clients::mgmtd {

/// Where to listen. An empty address: on all, both families if the host has IPv6.
struct Endpoint {
  std::string address;
  std::uint16_t port = 0;
};

/// `ADDRESS:PORT`, `[IPv6]:PORT` or `PORT`; the error tells what is wrong.
[[nodiscard]] core::Result<Endpoint> parse_endpoint(const std::string& text);
/// As `ADDRESS:PORT`, brackets around IPv6.
[[nodiscard]] std::string to_text(const Endpoint& endpoint);

[[nodiscard]] core::Result<os::Fd> listen_tcp(const Endpoint& endpoint);
/// Refused while another process answers there. The socket's mode lets everybody connect: who may
/// speak is decided by the folder's mode and by the kernel's word about whoever connected.
[[nodiscard]] core::Result<os::Fd> listen_local(const std::string& path);

/// Whether a listening socket is bound to 127.0.0.0/8 or ::1.
[[nodiscard]] bool is_loopback(int socket);
/// The address of whoever connected, without port; IPv4 in IPv6 as IPv4.
[[nodiscard]] std::string peer_address(int socket);

}  // namespace hb::clients::mgmtd
