// connection: one client's socket, with or without TLS, and its bounded queue
#pragma once

#include "clients/tls.hpp"
#include "os/fd.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hb::clients::mgmtd {

/// Unsent bytes above which a client that does not read is left: twice the longest answer.
inline constexpr std::size_t queue_bytes = 512 << 10;

/// Never waits; holds bounded memory.
class Connection {
 public:
  /// `socket` must be non-blocking.
  explicit Connection(os::Fd socket, std::optional<TlsStream> tls = std::nullopt)
      : socket_(std::move(socket)), tls_(std::move(tls)) {}

  /// ended: nothing more comes, but an answer may still be read. gone: broken, close it.
  enum class Stream : std::uint8_t { open, ended, gone };
  /// Appends what came, at most 16 KiB of the wire.
  [[nodiscard]] Stream fill(std::string& plain);
  /// Queues and sends what the kernel takes; gone if the client does not read.
  Stream send(std::string_view plain);
  [[nodiscard]] Stream flush();
  /// Nothing more will be said; TLS is told so.
  void finish();

  [[nodiscard]] bool has_queued() const { return !out_.empty(); }
  [[nodiscard]] int socket() const { return socket_.get(); }

 private:
  void encrypt();

  os::Fd socket_;
  std::optional<TlsStream> tls_;
  std::string out_;
};

}  // namespace hb::clients::mgmtd
