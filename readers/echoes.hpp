// echoes: which datagrams of an ICMP socket are answers to what our writer asked
#pragma once

#include "os/echo.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace hb::readers {

/// The answers to one ping medium. Of a group the first answer to each request counts: so does
/// 3.0.6 (wire-protocol §4), and the master need not look at one for each host.
class Echoes {
 public:
  explicit Echoes(os::EchoTargets targets) : targets_{std::move(targets)} {}

  enum class Refusal : std::uint8_t { no_reply, not_ours, stranger, answered };
  /// The frame that our writer sent and `source` echoes, inside `datagram`; or why it counts not.
  struct Taken {
    core::Bytes frame;
    std::optional<Refusal> refusal;
  };
  [[nodiscard]] Taken take(core::Bytes datagram, const os::IpAddress& source);

 private:
  /// Answers may come in any order within this many requests.
  static constexpr std::uint16_t window = 128;

  [[nodiscard]] bool is_first(std::uint16_t sequence);

  os::EchoTargets targets_;
  /// For each number modulo the window, the last sequence number that was answered.
  std::array<std::optional<std::uint16_t>, window> answered_{};
};

}  // namespace hb::readers
