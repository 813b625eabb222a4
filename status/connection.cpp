// connection: one client's socket with its framing, its bounded queue and its peer's identity
#include "status/connection.hpp"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace hb::status {

namespace {

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK;
}

}  // namespace

Connection::~Connection() {
  ::close(socket_);
}

core::ApiPeer Connection::peer() const {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket_, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return {};
  if (credentials.pid <= 0) return {};  // a process of another pid namespace has no number here
  return {static_cast<std::uint32_t>(credentials.pid), credentials.uid, credentials.gid};
}

Connection::Stream Connection::fill(std::span<std::byte> scratch) {
  for (std::size_t taken = 0; taken < limits::bytes_a_turn;) {
    const ssize_t got = ::recv(socket_, scratch.data(), scratch.size(), MSG_DONTWAIT);
    if (got == 0) return Stream::gone;
    if (got < 0) {
      if (errno == EINTR) continue;
      return would_block(errno) ? Stream::open : Stream::gone;
    }
    const auto size = static_cast<std::size_t>(got);
    in_.append(scratch.first(size));
    taken += size;
    if (size < scratch.size()) return Stream::open;  // the kernel had no more
  }
  return Stream::open;
}

Connection::Queue Connection::push(core::Bytes body, core::Delivery kind) {
  if (body.size() > core::limits::api_body_bytes) return Queue::full;
  const std::size_t frame = body.size() + core::limits::api_header_bytes;
  if (queued_bytes_ + frame > limits::queued_bytes) return Queue::full;
  if (kind == core::Delivery::unasked && queue_.size() >= room_) return Queue::full;
  core::append_api_frame(body, queue_.emplace_back());
  queued_bytes_ += frame;
  return Queue::taken;
}

Connection::Stream Connection::flush() {
  while (!queue_.empty()) {
    constexpr std::size_t batch = 16;
    std::array<iovec, batch> parts{};
    std::size_t count = 0;
    for (std::size_t skip = sent_; count < std::min(batch, queue_.size()); ++count, skip = 0)
      parts[count] = {queue_[count].data() + skip, queue_[count].size() - skip};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = count;
    const ssize_t sent = ::sendmsg(socket_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      return would_block(errno) ? Stream::open : Stream::gone;
    }
    sent_ += static_cast<std::size_t>(sent);
    while (!queue_.empty() && sent_ >= queue_.front().size()) {
      sent_ -= queue_.front().size();
      queued_bytes_ -= queue_.front().size();
      queue_.pop_front();
    }
  }
  return Stream::open;
}

void Connection::set_room(std::size_t messages) {
  room_ = std::max<std::size_t>(messages, 1);
  // habit: (32+N) KiB below 512 messages, N KiB from there on (client-api §1.4).
  const std::size_t kib = room_ < 512 ? 32 + room_ : room_;
  const int bytes = static_cast<int>(kib << 10);
  // A hint; a refusal is harmless.
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

}  // namespace hb::status
