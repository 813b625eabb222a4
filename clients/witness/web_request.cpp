// web_request: one HTTP question and its answer, over a connection of its own, within a time limit
#include "clients/witness/web_request.hpp"

#include "os/clock.hpp"
#include "os/fd.hpp"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

namespace hb::clients::witness {
namespace {

namespace http = boost::beast::http;

constexpr std::size_t answer_bytes = 64 << 10;

core::Error system_error() {
  return core::Error{std::strerror(errno), errno};
}

/// Waits for the socket, until the end.
bool wait_for(int socket, short what, core::Instant end) {
  pollfd watched{socket, what, 0};
  for (auto now = os::instant_now(); now < end; now = os::instant_now()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - now);
    const int ready = ::poll(&watched, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
  errno = ETIMEDOUT;
  return false;
}

/// Addresses only: a name server may be behind the same broken network.
core::Result<os::Fd> connect_to(const std::string& host, const std::string& port,
                                core::Instant end) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) {
    return core::Error{fmt::format("{} is no address", host)};
  }
  os::Fd socket{::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  const int begun = ::connect(socket.get(), found->ai_addr, found->ai_addrlen);
  const int code = begun == 0 ? 0 : errno;
  ::freeaddrinfo(found);
  if (code != 0 && code != EINPROGRESS) return core::Error{std::strerror(code), code};
  int result = 0;
  socklen_t size = sizeof result;
  if (!wait_for(socket.get(), POLLOUT, end)) return core::Error{std::strerror(errno), errno};
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &result, &size);
  if (result != 0) return core::Error{std::strerror(result), result};
  return socket;
}

/// A connected socket, with or without TLS around it.
class Stream {
 public:
  Stream(os::Fd socket, core::Instant end) : socket_(std::move(socket)), end_(end) {}

  /// All of it goes: small as it is, it is at most a few segments.
  core::Result<void> send(std::string_view text) {
    if (!tls_) return send_raw(text);
    if (const auto sent = tls_->send(text); !sent) return sent;
    return send_raw(tls_->take_output());
  }

  /// What came next, in plain; empty at the end of the stream.
  core::Result<std::string> receive() {
    std::string plain;
    std::array<char, 4096> chunk;
    while (plain.empty()) {
      if (!wait_for(socket_.get(), POLLIN, end_)) return system_error();
      const ssize_t got = ::recv(socket_.get(), chunk.data(), chunk.size(), 0);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (got < 0) return system_error();
      if (got == 0) break;
      const std::string_view wire{chunk.data(), static_cast<std::size_t>(got)};
      if (!tls_) return core::ok(std::string{wire});
      const auto open = tls_->receive(wire, plain);
      if (!open) return open.error();
      if (const auto sent = send_raw(tls_->take_output()); !sent) return sent.error();
      if (!*open) break;
      if (plain.empty() && is_greeting_ && tls_->established()) break;
    }
    return core::ok(std::move(plain));
  }

  /// Until both sides trust each other.
  core::Result<void> secure(const TlsContext& context, const std::string& address) {
    tls_.emplace(context, TlsStream::Side::client);
    if (const auto expected = tls_->expect_address(address); !expected) return expected;
    if (const auto sent = send_raw(tls_->take_output()); !sent) return sent;
    is_greeting_ = true;
    while (!tls_->established()) {
      const auto received = receive();
      if (!received) return received.error();
      if (received->empty() && !tls_->established()) return core::Error{"ends the handshake"};
    }
    is_greeting_ = false;
    return {};
  }

 private:
  core::Result<void> send_raw(std::string_view wire) {
    while (!wire.empty()) {
      const ssize_t sent = ::send(socket_.get(), wire.data(), wire.size(), MSG_NOSIGNAL);
      if (sent > 0) wire.remove_prefix(static_cast<std::size_t>(sent));
      if (sent < 0 && errno != EAGAIN && errno != EINTR) return system_error();
      if (sent < 0 && !wait_for(socket_.get(), POLLOUT, end_)) return system_error();
    }
    return {};
  }

  os::Fd socket_;
  const core::Instant end_;
  std::optional<TlsStream> tls_;
  bool is_greeting_ = false;  ///< an end of the handshake ends receive() too
};

core::Result<std::string> answer_from(Stream& stream) {
  http::response_parser<http::string_body> answer;
  answer.eager(true);
  answer.body_limit(answer_bytes);
  std::string received;
  while (!answer.is_done()) {
    const auto more = stream.receive();
    if (!more) return more.error();
    received.append(*more);
    if (received.size() > 2 * answer_bytes) return core::Error{"answers too much"};
    boost::system::error_code error;
    const std::size_t used = answer.put(boost::asio::buffer(received), error);
    received.erase(0, used);
    if (error == http::error::need_more) error = {};
    if (more->empty()) answer.put_eof(error);
    if (error) return core::Error{"answers no HTTP: " + error.message()};
    if (more->empty() && !answer.is_done()) {
      return core::Error{"ends in the middle of an answer"};
    }
  }
  if (answer.get().result() != http::status::ok) {
    return core::Error{fmt::format("answers {}: {}", answer.get().result_int(),
                                   answer.get().body().substr(0, 200))};
  }
  return core::ok(std::move(answer.get().body()));
}

}  // namespace

std::optional<Server> split_url(std::string_view url) {
  constexpr std::string_view plain = "http://", secured = "https://";
  const bool is_secured = url.starts_with(secured);
  if (!is_secured && !url.starts_with(plain)) return {};
  url.remove_prefix(is_secured ? secured.size() : plain.size());
  const auto colon = url.rfind(':');
  if (colon == url.npos) return {};
  std::string_view name = url.substr(0, colon);
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  const std::string_view port = url.substr(colon + 1);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (name.empty() || port.empty() || port.size() > 5 || !std::ranges::all_of(port, is_digit)) {
    return {};
  }
  return Server{is_secured ? Scheme::https : Scheme::http, std::string{name}, std::string{port}};
}

core::Result<std::string> post_to(const Server& server, std::string_view path,
                                  const std::string& body, core::Duration patience,
                                  const TlsContext* tls) {
  const core::Instant end = os::instant_now() + patience;
  auto socket = connect_to(server.host, server.port, end);
  if (!socket) return socket.error();
  Stream stream{std::move(*socket), end};
  if (server.scheme == Scheme::https) {
    if (tls == nullptr) return core::Error{"https without certificates"};
    if (const auto secured = stream.secure(*tls, server.host); !secured) return secured.error();
  }
  const auto sent = stream.send(fmt::format(
      "POST {} HTTP/1.1\r\nHost: {}:{}\r\nContent-Type: application/json\r\n"
      "Content-Length: {}\r\nConnection: close\r\n\r\n{}",
      path, server.host, server.port, body.size(), body));
  if (!sent) return sent.error();
  return answer_from(stream);
}

}  // namespace hb::clients::witness
