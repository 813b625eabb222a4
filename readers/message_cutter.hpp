// message_cutter: a stream of lines to messages, from start mark to end mark (client-api §5.1)
#pragma once

#include "core/types.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace hb::readers {

/// Text form only, as scripts write it. Lines before a start mark are skipped; a line without '='
/// or longer than `line_bytes`, or a message longer than `message_bytes`, spoils its message, which
/// is dropped whole and counted; so is one that is not complete `patience` after its start (3.0.6
/// sent such a stump on).
class MessageCutter {
 public:
  static constexpr std::size_t line_bytes = 511;
  static constexpr std::size_t message_bytes = 60'000;  // what a datagram can carry
  static constexpr core::Duration patience = std::chrono::seconds{1};

  void add(std::string_view part, core::Instant now,
           const std::function<void(std::string_view)>& on_message);
  /// Messages dropped since the last call.
  [[nodiscard]] std::size_t take_refused();

 private:
  void take_line(std::string_view line, core::Instant now,
                 const std::function<void(std::string_view)>& on_message);
  void refuse();

  std::string line_, message_;
  core::Instant begun_{};
  bool inside_ = false, spoiled_ = false, overlong_ = false;
  std::size_t refused_ = 0;
};

}  // namespace hb::readers
