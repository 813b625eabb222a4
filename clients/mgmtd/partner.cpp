// partner: one end of the socket between two of mgmtd's own processes, in framed messages
#include "clients/mgmtd/partner.hpp"

#include "core/frame.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

namespace hb::clients::mgmtd {

Partner::Partner(os::Fd socket) : socket_(std::move(socket)) {
  const int flags = ::fcntl(socket_.get(), F_GETFL);
  ::fcntl(socket_.get(), F_SETFL, flags | O_NONBLOCK);
}

Partner::Stream Partner::send(const core::Message& message) {
  std::string body;
  // Netstrings carry any byte, as passwords may have.
  core::append_client_body(message, core::Framing::netstring, body);
  if (body.size() > core::limits::api_body_bytes) return Stream::open;  // told by its absence
  core::append_api_frame(core::as_bytes(body), out_);
  if (out_.size() > partner_queue_bytes) return Stream::gone;
  return flush();
}

Partner::Stream Partner::flush() {
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

Partner::Stream Partner::fill() {
  if (in_.state() == core::ApiFrameReader::State::broken) return Stream::gone;
  std::array<std::byte, 65536> bytes;
  const ssize_t got = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
  if (got > 0) {
    in_.append(core::Bytes{bytes.data(), static_cast<std::size_t>(got)});
    return Stream::open;
  }
  return got < 0 && (errno == EAGAIN || errno == EINTR) ? Stream::open : Stream::gone;
}

std::optional<core::Message> Partner::next() {
  while (in_.state() == core::ApiFrameReader::State::whole) {
    std::optional<core::Message> message{std::in_place};
    const bool parses = core::decode(in_.body(), *message).has_value();
    in_.pop();
    if (parses) return message;
  }
  return std::nullopt;
}

}  // namespace hb::clients::mgmtd
