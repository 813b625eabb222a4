// api_frame: the header that frames messages on the client API's socket
#pragma once

#include "core/types.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace hb::core {

namespace limits {
/// The largest body of one frame, both directions (client-api §1.2).
inline constexpr std::size_t api_body_bytes = 262'144;
/// Length and magic, each four bytes in host order.
inline constexpr std::size_t api_header_bytes = 8;
}  // namespace limits

/// Second word of every header (client-api §1.2).
inline constexpr std::uint32_t api_magic = 0x0000abcd;

/// Appends header and body; the body is at most limits::api_body_bytes (ENSURE).
void append_api_frame(Bytes body, std::string& out);

/// Cuts a byte stream into bodies, however it was split or merged on its way. Memory grows with
/// what really came, never with what a header promises.
class ApiFrameReader {
 public:
  /// broken: wrong magic or impossible length; the stream has no next frame, close it.
  enum class State : std::uint8_t { incomplete, whole, broken };

  void append(Bytes bytes);
  [[nodiscard]] State state() const;
  /// The first body, when whole; valid until append() or pop().
  [[nodiscard]] Bytes body() const;
  /// Drops the first frame, when whole.
  void pop();
  /// Bytes held.
  [[nodiscard]] std::size_t size() const { return buffer_.size() - begin_; }

 private:
  std::string buffer_;
  std::size_t begin_ = 0;  ///< where the first frame starts
};

}  // namespace hb::core
