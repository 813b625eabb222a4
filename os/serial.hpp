// serial: opens a serial line for heartbeats, raw and locked against other programs
#pragma once

#include "core/result.hpp"
#include "core/types.hpp"
#include "os/fd.hpp"

#include <optional>
#include <string>

namespace hb::os {

/// The lock file that programs which use serial lines agree on (UUCP): LCK..NAME with our process
/// id. Removed with this object, if it is still ours.
class LineLock {
 public:
  LineLock() = default;
  /// Error if a living process has the line; a lock whose process is gone is taken over.
  [[nodiscard]] static core::Result<LineLock> take(const std::string& folder,
                                                   const std::string& device);
  LineLock(LineLock&& other) noexcept;
  LineLock& operator=(LineLock&& other) noexcept;
  ~LineLock();

 private:
  explicit LineLock(std::string path) : path_{std::move(path)} {}
  std::string path_;
};

/// Bits a second of a serial line.
using Baud = core::Strong<struct BaudTag, unsigned>;

/// Non-blocking, close-on-exec, never our terminal. Set as 3.0.6 does (wire-protocol §4): 8N1, raw,
/// hardware flow control, modem lines ignored; but all eight bits are kept. `baud` is one of the
/// speeds that ha.cf allows. Errors name the device and the cure.
[[nodiscard]] core::Result<Fd> open_serial_line(const std::string& device, Baud baud);

/// The speed of a descriptor that is a serial line; nothing if it is none.
[[nodiscard]] std::optional<Baud> serial_speed(int descriptor);

/// habit: tells the other side that we begin. Takes a quarter of a second on a real line.
void send_break(int descriptor);

}  // namespace hb::os
