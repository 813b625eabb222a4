// partner: one end of the socket between two of mgmtd's own processes, in framed messages
#pragma once

#include "core/api_frame.hpp"
#include "core/message.hpp"
#include "os/fd.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace hb::clients::mgmtd {

/// Types of the messages (field `t`).
namespace wire {
inline constexpr std::string_view ask = "ask";          ///< server → asker: id, verb, arg…
inline constexpr std::string_view answer = "answer";    ///< asker → server: id, verdict, value…
inline constexpr std::string_view event = "event";      ///< asker → server: word…
inline constexpr std::string_view watch = "watch";      ///< server → asker: pictures are wanted
inline constexpr std::string_view picture = "picture";  ///< asker → server: json, metrics
inline constexpr std::string_view order = "order";      ///< asker → keeper: what, which
inline constexpr std::string_view ordered = "ordered";  ///< keeper → asker: error, empty if done
inline constexpr std::string_view login = "login";      ///< server → keeper: id, user, password
inline constexpr std::string_view verdict = "verdict";  ///< keeper → server: id, result
}  // namespace wire

/// Unsent bytes above which a partner that does not read counts as gone.
inline constexpr std::size_t partner_queue_bytes = 4 << 20;

/// Non-blocking, bounded. What comes is checked like a stranger's: the other process may have been
/// taken over by whoever it speaks with.
class Partner {
 public:
  explicit Partner(os::Fd socket);

  enum class Stream : std::uint8_t { open, gone };
  /// Queues, and sends what the kernel takes at once.
  Stream send(const core::Message& message);
  [[nodiscard]] Stream flush();
  [[nodiscard]] Stream fill();
  /// The next whole message; broken frames make the stream gone at the next fill().
  [[nodiscard]] std::optional<core::Message> next();

  [[nodiscard]] bool has_queued() const { return !out_.empty(); }
  [[nodiscard]] int socket() const { return socket_.get(); }

 private:
  os::Fd socket_;
  core::ApiFrameReader in_;
  std::string out_;
};

}  // namespace hb::clients::mgmtd
