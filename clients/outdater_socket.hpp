// outdater_socket: the socket between dopd and drbd-peer-outdater, and its messages
#pragma once

#include "core/api_frame.hpp"
#include "core/message.hpp"
#include "core/result.hpp"
#include "os/fd.hpp"

#include <optional>
#include <string>

namespace hb::clients {

/// habit: where 3.0.6's programs look for each other. Its folder, open to group haclient, decides
/// who may ask.
inline constexpr const char* outdater_folder = "/run/heartbeat/dopd";
inline constexpr const char* outdater_path = "/run/heartbeat/dopd/outdater";

/// Makes the folder if there is none, and listens; refused while another dopd answers there.
[[nodiscard]] core::Result<os::Fd> listen_for_outdaters();
[[nodiscard]] core::Result<os::Fd> connect_to_dopd();

/// One end of a connection; never waits. Both messages are short: what is longer is no peer.
class OutdaterConnection {
 public:
  explicit OutdaterConnection(os::Fd socket) : socket_{std::move(socket)} {}

  /// Reads what is there.
  enum class State : std::uint8_t { open, closed };
  [[nodiscard]] State fill();
  /// The next message that came.
  [[nodiscard]] std::optional<core::Message> next();
  /// As a whole, or not at all.
  [[nodiscard]] State send(const core::Message& message);
  [[nodiscard]] int socket() const { return socket_.get(); }

 private:
  os::Fd socket_;
  core::ApiFrameReader reader_;
};

}  // namespace hb::clients
