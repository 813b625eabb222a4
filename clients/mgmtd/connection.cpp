// connection: one client's socket, with or without TLS, and its bounded queue
#include "clients/mgmtd/connection.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace hb::clients::mgmtd {

Connection::Stream Connection::fill(std::string& plain) {
  std::array<char, 16384> bytes;
  const ssize_t got = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
  if (got < 0) return errno == EAGAIN || errno == EINTR ? Stream::open : Stream::gone;
  if (got == 0) return Stream::ended;
  const std::string_view wire{bytes.data(), static_cast<std::size_t>(got)};
  if (!tls_) {
    plain.append(wire);
    return Stream::open;
  }
  const auto more = tls_->receive(wire, plain);
  encrypt();  // also the alert that tells the other side what it did wrong
  if (flush() == Stream::gone || !more) return Stream::gone;
  return *more ? Stream::open : Stream::ended;
}

void Connection::encrypt() {
  if (tls_) out_.append(tls_->take_output());
}

Connection::Stream Connection::send(std::string_view plain) {
  if (tls_) {
    if (!tls_->send(plain)) return Stream::gone;
    encrypt();
  } else {
    out_.append(plain);
  }
  if (out_.size() > queue_bytes) return Stream::gone;
  return flush();
}

Connection::Stream Connection::flush() {
  std::size_t sent = 0;
  while (sent < out_.size()) {
    const ssize_t n = ::send(socket_.get(), out_.data() + sent, out_.size() - sent, MSG_NOSIGNAL);
    if (n >= 0) {
      sent += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      return Stream::gone;
    }
  }
  out_.erase(0, sent);
  return Stream::open;
}

void Connection::finish() {
  if (!tls_) return;
  tls_->close();
  encrypt();
  static_cast<void>(flush());
}

}  // namespace hb::clients::mgmtd
