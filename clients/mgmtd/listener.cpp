// listener: the sockets that mgmtd listens on: TCP for TLS, the local socket, HTTP
#include "clients/mgmtd/listener.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include <fmt/core.h>

namespace hb::clients::mgmtd {

namespace {

using core::Error;
using core::Result;

/// Connections that wait for accept; more are refused by the kernel.
constexpr int backlog = 64;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* generic() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Address ip4(in_addr address, std::uint16_t port) {
  Address result;
  sockaddr_in value{};
  value.sin_family = AF_INET;
  value.sin_port = htons(port);
  value.sin_addr = address;
  std::memcpy(&result.storage, &value, sizeof value);
  result.size = sizeof value;
  return result;
}

Address ip6(const in6_addr& address, std::uint16_t port) {
  Address result;
  sockaddr_in6 value{};
  value.sin6_family = AF_INET6;
  value.sin6_port = htons(port);
  value.sin6_addr = address;
  std::memcpy(&result.storage, &value, sizeof value);
  result.size = sizeof value;
  return result;
}

Error failed(std::string_view what, int code) {
  return {fmt::format("cannot listen on {}: {}", what, std::strerror(code)), code};
}

Result<os::Fd> listen_on(const Address& address, std::string_view shown) {
  const int family = address.generic()->sa_family;
  os::Fd socket{::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!socket) return failed(shown, errno);
  const int on = 1, off = 0;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET6) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (::bind(socket.get(), address.generic(), address.size) != 0 ||
      ::listen(socket.get(), backlog) != 0)
    return failed(shown, errno);
  return socket;
}

}  // namespace

Result<Endpoint> parse_endpoint(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  Endpoint endpoint;
  const std::string port = colon == std::string::npos ? text : text.substr(colon + 1);
  const auto [end, error] =
      std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (error != std::errc{} || end != port.data() + port.size() || endpoint.port == 0)
    return Error{text + ": the port must be a number from 1 to 65535"};
  if (colon == std::string::npos) return endpoint;
  std::string address = text.substr(0, colon);
  if (address.starts_with('[') && address.ends_with(']'))
    address = address.substr(1, address.size() - 2);
  in_addr four{};
  in6_addr six{};
  if (!address.empty() && ::inet_pton(AF_INET, address.c_str(), &four) != 1 &&
      ::inet_pton(AF_INET6, address.c_str(), &six) != 1)
    return Error{text + ": an address is numbers, as 127.0.0.1:5561 or [::1]:5561"};
  endpoint.address = std::move(address);
  return endpoint;
}

std::string to_text(const Endpoint& endpoint) {
  if (endpoint.address.find(':') != std::string::npos)
    return fmt::format("[{}]:{}", endpoint.address, endpoint.port);
  return fmt::format("{}:{}", endpoint.address.empty() ? "*" : endpoint.address, endpoint.port);
}

Result<os::Fd> listen_tcp(const Endpoint& endpoint) {
  const std::string shown = to_text(endpoint);
  if (endpoint.address.empty()) {
    auto both = listen_on(ip6(in6addr_any, endpoint.port), shown);
    if (both || both.error().os_error == EADDRINUSE) return both;
    return listen_on(ip4(in_addr{INADDR_ANY}, endpoint.port), shown);
  }
  in_addr four{};
  if (::inet_pton(AF_INET, endpoint.address.c_str(), &four) == 1)
    return listen_on(ip4(four, endpoint.port), shown);
  in6_addr six{};
  if (::inet_pton(AF_INET6, endpoint.address.c_str(), &six) == 1)
    return listen_on(ip6(six, endpoint.port), shown);
  return Error{shown + ": not an address"};
}

Result<os::Fd> listen_local(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof name.sun_path) return failed(path, ENAMETOOLONG);
  path.copy(name.sun_path, path.size());
  Address address;
  std::memcpy(&address.storage, &name, sizeof name);
  address.size = sizeof name;
  const os::Fd probe{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (probe && (::connect(probe.get(), address.generic(), address.size) == 0 || errno == EAGAIN))
    return Error{fmt::format("{}: another mgmtd runs already", path), EADDRINUSE};
  ::unlink(path.c_str());
  const mode_t mask = ::umask(0);
  auto listening = listen_on(address, path);
  ::umask(mask);
  return listening;
}

bool is_loopback(int socket) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&name), &size) != 0) return false;
  if (name.ss_family == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, &name, sizeof four);
    return (ntohl(four.sin_addr.s_addr) >> 24) == 127;
  }
  sockaddr_in6 six{};
  std::memcpy(&six, &name, sizeof six);
  return name.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&six.sin6_addr);
}

std::string peer_address(int socket) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&name), &size) != 0) return "unknown";
  char text[INET6_ADDRSTRLEN] = "";
  if (name.ss_family == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, &name, sizeof four);
    ::inet_ntop(AF_INET, &four.sin_addr, text, sizeof text);
  } else if (name.ss_family == AF_INET6) {
    sockaddr_in6 six{};
    std::memcpy(&six, &name, sizeof six);
    ::inet_ntop(AF_INET6, &six.sin6_addr, text, sizeof text);
  } else {
    return "local";
  }
  const std::string_view shown{text};
  constexpr std::string_view mapped = "::ffff:";
  const bool is_mapped = shown.starts_with(mapped) && shown.find('.') != std::string_view::npos;
  return std::string(is_mapped ? shown.substr(mapped.size()) : shown);
}

}  // namespace hb::clients::mgmtd
