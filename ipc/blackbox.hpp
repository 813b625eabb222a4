// blackbox: the last log lines in shared memory: written without a system call, read by anyone
#pragma once

#include "core/engine_io.hpp"
#include "core/types.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hb::ipc {

inline constexpr std::uint64_t blackbox_bytes = 256 << 10;
/// Longer lines are cut.
inline constexpr std::size_t blackbox_line_bytes = 4096;

/// Positions in bytes since the beginning, never wrapping.
struct BlackBoxPage {
  alignas(128) std::uint64_t oldest;  ///< moved before what it leaves behind is overwritten
  alignas(128) std::uint64_t tail;    ///< moved after a line is whole
  alignas(128) std::uint64_t data[blackbox_bytes / sizeof(std::uint64_t)];
};

struct LogLine {
  core::LogLevel level{};
  std::int64_t wall_seconds = 0;
  std::string text;
};

/// The one writer: the oldest lines make room. It never waits for readers.
class BlackBoxWriter {
 public:
  BlackBoxWriter() = default;
  /// Starts an empty box.
  explicit BlackBoxWriter(BlackBoxPage& page);
  void write(core::LogLevel level, core::WallTime time, std::string_view text);

 private:
  void make_room(std::uint64_t end);
  BlackBoxPage* page_ = nullptr;
  std::uint64_t oldest_ = 0, tail_ = 0;
};

/// Any number of readers, each with its own position. A reader that is overtaken skips to the
/// oldest line still there and says so.
class BlackBoxReader {
 public:
  enum class From : std::uint8_t { oldest, now };
  BlackBoxReader() = default;
  BlackBoxReader(const BlackBoxPage& page, From from);
  /// The next line; nothing if there is none yet.
  [[nodiscard]] std::optional<LogLine> next();
  /// How often lines were overwritten before they were read.
  [[nodiscard]] std::uint64_t gaps() const { return gaps_; }

 private:
  const BlackBoxPage* page_ = nullptr;
  std::uint64_t position_ = 0, gaps_ = 0;
};

}  // namespace hb::ipc
