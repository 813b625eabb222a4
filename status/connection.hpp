// connection: one client's socket with its framing, its bounded queue and its peer's identity
#pragma once

#include "core/api_frame.hpp"
#include "core/sessions.hpp"
#include "core/types.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>

namespace hb::status {

namespace limits {
/// Messages queued for a client behind the kernel's buffer (client-api §1.4).
inline constexpr std::size_t queued_messages = 64;
/// Bytes queued for a client: 64 ordinary messages are 30 KiB; bounds 64 huge ones.
inline constexpr std::size_t queued_bytes = 1 << 20;
/// Read from one client before the others get their turn.
inline constexpr std::size_t bytes_a_turn = 64 << 10;
}  // namespace limits

/// A connected stream socket, non-blocking, owned. It never waits, and holds bounded memory: one
/// unfinished frame and one turn's bytes on the way in, the queue on the way out.
class Connection {
 public:
  /// Owns `socket` from here on.
  explicit Connection(int socket) : socket_(socket) {}
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// The identity of whoever connected, as the kernel keeps it (client-api §1.1); pid 0 if it
  /// cannot be told, which no sign-on passes.
  [[nodiscard]] core::ApiPeer peer() const;

  /// gone: end of file or an error; nothing more will come or go.
  enum class Stream : std::uint8_t { open, gone };
  /// Takes what has come, at most limits::bytes_a_turn, through `scratch`.
  [[nodiscard]] Stream fill(std::span<std::byte> scratch);
  [[nodiscard]] core::ApiFrameReader& in() { return in_; }

  /// full: this body did not fit; the client does not read and must go. Unasked messages are
  /// limited in number and bytes, replies only in bytes: one request may have many.
  enum class Queue : std::uint8_t { taken, full };
  [[nodiscard]] Queue push(core::Bytes body, core::Delivery kind);
  /// Sends as much as the kernel takes now.
  [[nodiscard]] Stream flush();
  [[nodiscard]] bool has_queued() const { return !queue_.empty(); }
  [[nodiscard]] std::size_t queued_bytes() const { return queued_bytes_; }

  /// `set_sendqlen`: the queue's length, and the kernel's buffer after the old rule.
  void set_room(std::size_t messages);

  [[nodiscard]] int socket() const { return socket_; }

 private:
  int socket_;
  core::ApiFrameReader in_;
  std::deque<std::string> queue_;
  std::size_t sent_ = 0;  ///< of the first queued frame
  std::size_t queued_bytes_ = 0;
  std::size_t room_ = limits::queued_messages;
};

}  // namespace hb::status
