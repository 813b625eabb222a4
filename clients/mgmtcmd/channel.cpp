// channel: a connection to a management daemon, local or over TLS; every wait has its end
#include "clients/mgmtcmd/channel.hpp"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/core.h>

namespace hb::clients::mgmtcmd {

namespace {

using core::Error;
using core::Result;

constexpr long longest_poll_ms = 60'000;

Error late() {
  return {"no answer in time", ETIMEDOUT};
}

/// False when the deadline passed.
bool wait_for(int socket, short events, Deadline deadline) {
  while (true) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= deadline) return false;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        std::min<Deadline::duration>(deadline - now, std::chrono::milliseconds{longest_poll_ms}));
    pollfd polled{socket, events, 0};
    if (::poll(&polled, 1, static_cast<int>(left.count())) > 0) return true;
  }
}

Result<os::Fd> connect_to(const addrinfo& address, Deadline deadline) {
  os::Fd socket{::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!socket) return Error{std::strerror(errno), errno};
  if (::connect(socket.get(), address.ai_addr, address.ai_addrlen) == 0) return socket;
  if (errno != EINPROGRESS) return Error{std::strerror(errno), errno};
  if (!wait_for(socket.get(), POLLOUT, deadline)) return late();
  int code = 0;
  socklen_t size = sizeof code;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &code, &size);
  if (code != 0) return Error{std::strerror(code), code};
  return socket;
}

Result<os::Fd> connect_by_name(const std::string& server, std::uint16_t port, Deadline deadline) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int code =
      ::getaddrinfo(server.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (code != 0) return Error{::gai_strerror(code)};
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner{list, ::freeaddrinfo};
  Error last{"no address"};
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    auto socket = connect_to(*one, deadline);
    if (socket) return socket;
    last = socket.error();
  }
  return last;
}

}  // namespace

Result<Channel> Channel::open_local(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error{path + ": too long", ENAMETOOLONG};
  path.copy(address.sun_path, path.size());
  os::Fd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!socket) return Error{std::strerror(errno), errno};
  // On a local socket connect never waits: it fails if the backlog is full.
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return Channel(std::move(socket));
  const int code = errno;
  const char* cure = code == ENOENT || code == ECONNREFUSED ? "; mgmtd does not run here: give -s"
                     : code == EACCES ? "; become root or a member of group haclient"
                                      : "";
  return Error{fmt::format("{}: {}{}", path, std::strerror(code), cure), code};
}

Result<Channel> Channel::open_tls(const std::string& server, std::uint16_t port,
                                  Deadline deadline) {
  auto socket = connect_by_name(server, port, deadline);
  const std::string name = fmt::format("{} port {}", server, port);
  if (!socket) return std::move(socket.error()).in(name);
  Channel channel(std::move(*socket));
  auto context = TlsContext::client();
  if (!context) return context.error();
  channel.context_ = std::make_unique<TlsContext>(std::move(*context));
  channel.tls_ = std::make_unique<TlsStream>(*channel.context_, TlsStream::Side::client);
  if (auto sent = channel.transmit(channel.tls_->take_output(), deadline); !sent)
    return std::move(sent.error()).in(name);
  while (!channel.tls_->established()) {
    if (auto read = channel.read_some(deadline); !read) return std::move(read.error()).in(name);
    if (channel.ended_) return Error{"the server refused the connection"}.in(name);
  }
  return channel;
}

std::string Channel::fingerprint() const {
  return tls_ ? tls_->peer_fingerprint() : std::string{};
}

Result<void> Channel::transmit(std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (!wait_for(socket_.get(), POLLOUT, deadline)) return late();
    } else if (errno != EINTR) {
      return Error{"the server has closed the connection", errno};
    }
  }
  return {};
}

/// At least one packet, or the end of the stream.
Result<void> Channel::read_some(Deadline deadline) {
  std::array<char, 16384> bytes;
  ssize_t got = -1;
  while ((got = ::recv(socket_.get(), bytes.data(), bytes.size(), 0)) < 0) {
    if (errno == EAGAIN) {
      if (!wait_for(socket_.get(), POLLIN, deadline)) return late();
    } else if (errno != EINTR) {
      return Error{"the connection is broken", errno};
    }
  }
  if (got == 0) {
    ended_ = true;
    return {};
  }
  const std::string_view wire{bytes.data(), static_cast<std::size_t>(got)};
  if (!tls_) {
    reader_.append(wire);
    return {};
  }
  std::string plain;
  const auto more = tls_->receive(wire, plain);
  reader_.append(plain);
  if (!more) return more.error();
  ended_ = !*more;
  return transmit(tls_->take_output(), deadline);
}

Result<void> Channel::send(const mgmt::Request& request, Deadline deadline) {
  const std::string bytes = mgmt::encode(request);
  if (bytes.size() > mgmt::request_bytes) return Error{"the request is longer than 4096 bytes"};
  if (!tls_) return transmit(bytes, deadline);
  if (auto sent = tls_->send(bytes); !sent) return sent;
  return transmit(tls_->take_output(), deadline);
}

Result<mgmt::FromServer> Channel::receive(Deadline deadline) {
  while (true) {
    switch (reader_.state()) {
      case mgmt::MessageReader::State::whole: return mgmt::parse_from_server(reader_.take());
      case mgmt::MessageReader::State::too_long: return Error{"the server's answer is too long"};
      case mgmt::MessageReader::State::incomplete: break;
    }
    if (ended_) return Error{"the server has closed the connection", ECONNRESET};
    if (auto read = read_some(deadline); !read) return read.error();
  }
}

}  // namespace hb::clients::mgmtcmd
