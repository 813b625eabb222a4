// sources: whose datagrams a reader lets through, and how many of each sender
#pragma once

#include "core/types.hpp"
#include "os/ip_address.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hb::readers {

namespace source_limits {
/// Datagrams of one sender a second, for long: twenty times what a node with a keepalive of 10 ms
/// and busy clients sends; the master verifies as many in some percent of a core.
inline constexpr std::uint32_t rate = 2000;
/// And at once: a whole history that is sent again, and what waits after a pause.
inline constexpr std::uint32_t burst = 4000;
/// Senders that are known apart; the others share one allowance. A cluster has a hundred at most.
inline constexpr std::size_t senders = 256;
/// One that was silent for so long gives its place to a new one.
inline constexpr core::Duration memory = std::chrono::seconds{30};
}  // namespace source_limits

/// Judges by the sender's address alone, before anything is read or verified (an address can be
/// forged, so this proves nothing: it keeps one machine from taking the others' share).
class Sources {
 public:
  /// Takes its memory here: a confined process gets no more later.
  Sources() { senders_.reserve(source_limits::senders); }

  enum class Verdict : std::uint8_t { admitted, stranger, too_many };

  /// Only these may send (ucast); until it is called, anybody may.
  void allow_only(std::vector<os::IpAddress> allowed) { allowed_ = std::move(allowed); }
  [[nodiscard]] Verdict judge(const os::IpAddress& source, core::Instant now);

 private:
  struct Allowance {
    os::IpAddress source;
    core::Instant last{};
    double left = source_limits::burst;
  };
  [[nodiscard]] Allowance& allowance_of(const os::IpAddress& source, core::Instant now);

  std::vector<os::IpAddress> allowed_;
  std::vector<Allowance> senders_;
  Allowance others_;
};

}  // namespace hb::readers
