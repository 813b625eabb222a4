// serial_queue: what waits to be written to a serial line, at its speed, the oldest given up first
#pragma once

#include "core/types.hpp"
#include "os/serial.hpp"

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

namespace hb::writers {

/// A serial line is slow: what cannot leave within a second is stale, and the peers ask for it
/// again if they need it. So when more than a second's worth waits, the oldest message of which
/// nothing was written yet is given up. Pieces of at most 512 bytes, each when the line must have
/// sent the one before, so that no driver hoards what we may want to give up. No input or output.
class SerialQueue {
 public:
  static constexpr std::size_t piece_bytes = 512;
  /// At least two usual messages, however slow the line.
  static constexpr std::size_t least_bytes = 1024;

  explicit SerialQueue(os::Baud baud);

  /// Returns how many messages were given up for it.
  std::size_t add(std::string_view message);
  /// What may be written now; empty if nothing waits or the line is still busy.
  [[nodiscard]] std::string_view due(core::Instant now) const;
  /// So many bytes of due() were written.
  void written(std::size_t bytes, core::Instant now);
  /// The line took nothing: flow control holds it.
  void stalled(core::Instant now);
  /// The line is broken: what waits is given up.
  void clear();
  /// When due() is worth asking again; core::never if nothing waits.
  [[nodiscard]] core::Instant next() const;

 private:
  os::Baud baud_;
  std::size_t room_;  ///< bytes that may wait
  std::deque<std::string> messages_;
  std::size_t begun_ = 0;  ///< bytes of the first message that are written
  std::size_t waiting_ = 0;
  core::Instant free_at_ = core::Instant::min();
};

}  // namespace hb::writers
