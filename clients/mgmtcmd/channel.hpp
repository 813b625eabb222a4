// channel: a connection to a management daemon, local or over TLS; every wait has its end
#pragma once

#include "clients/mgmt_protocol.hpp"
#include "clients/tls.hpp"
#include "core/result.hpp"
#include "os/fd.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace hb::clients::mgmtcmd {

using Deadline = std::chrono::steady_clock::time_point;
inline constexpr Deadline no_deadline = Deadline::max();

/// A blocking connection. After an error it cannot be used any more.
class Channel {
 public:
  [[nodiscard]] static core::Result<Channel> open_local(const std::string& path);
  /// Tries every address of `server`; the handshake is over when this returns. Resolving a name
  /// takes as long as the resolver wishes: guard it by an alarm.
  [[nodiscard]] static core::Result<Channel> open_tls(const std::string& server,
                                                      std::uint16_t port, Deadline deadline);

  /// Of the server's certificate; empty on a local connection.
  [[nodiscard]] std::string fingerprint() const;
  [[nodiscard]] core::Result<void> send(const mgmt::Request& request, Deadline deadline);
  [[nodiscard]] core::Result<mgmt::FromServer> receive(Deadline deadline);

 private:
  explicit Channel(os::Fd socket) : socket_(std::move(socket)) {}
  core::Result<void> transmit(std::string_view bytes, Deadline deadline);
  core::Result<void> read_some(Deadline deadline);

  os::Fd socket_;
  std::unique_ptr<TlsContext> context_;
  std::unique_ptr<TlsStream> tls_;
  mgmt::MessageReader reader_{mgmt::answer_bytes};
  bool ended_ = false;
};

}  // namespace hb::clients::mgmtcmd
