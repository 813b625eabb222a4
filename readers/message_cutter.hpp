// message_cutter: a stream of lines to messages, from start mark to end mark (client-api §5.1)
#pragma once

#include "core/serial_line.hpp"
#include "core/types.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace hb::readers {

/// Text form only. Lines before a start mark are skipped; a line without '=' or longer than
/// `line_bytes`, or a message longer than `message_bytes`, spoils its message, which is dropped
/// whole and counted; so is one that is not complete `patience` after its start (3.0.6 sent such a
/// stump on).
class MessageCutter {
 public:
  /// noisy: a start mark counts also with dirt before it, as a line that was just plugged in has.
  enum class Noise : std::uint8_t { clean, noisy };
  struct Limits {
    std::size_t line_bytes, message_bytes;
    core::Duration patience;
    Noise noise;
  };
  /// Of the FIFO: a message is as long as a datagram can carry, and written at one go.
  static constexpr Limits fifo{511, 60'000, std::chrono::seconds{1}, Noise::clean};
  /// Of a serial line, of which the slowest needs half a minute for the longest message.
  static constexpr Limits serial_line{core::serial_line::message_bytes,
                                      core::serial_line::message_bytes, std::chrono::minutes{1},
                                      Noise::noisy};

  explicit MessageCutter(Limits limits) : limits_{limits} {}

  void add(std::string_view part, core::Instant now,
           const std::function<void(std::string_view)>& on_message);
  /// Messages dropped since the last call.
  [[nodiscard]] std::size_t take_refused();

 private:
  [[nodiscard]] bool is_start(std::string_view line) const;
  void take_line(std::string_view line, core::Instant now,
                 const std::function<void(std::string_view)>& on_message);
  void refuse();

  Limits limits_;
  std::string line_, message_;
  core::Instant begun_{};
  bool inside_ = false, spoiled_ = false, overlong_ = false;
  std::size_t refused_ = 0;
};

}  // namespace hb::readers
