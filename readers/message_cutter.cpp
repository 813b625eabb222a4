// message_cutter: a stream of lines to messages, from start mark to end mark (client-api §5.1)
#include "readers/message_cutter.hpp"

#include <utility>

namespace hb::readers {

void MessageCutter::add(std::string_view part, core::Instant now,
                        const std::function<void(std::string_view)>& on_message) {
  for (const char byte : part) {
    if (byte == '\n') {
      take_line(line_, now, on_message);
      line_.clear();
      overlong_ = false;
    } else if (line_.size() < limits_.line_bytes) {
      line_.push_back(byte);
    } else {
      overlong_ = true;
    }
  }
}

bool MessageCutter::is_start(std::string_view line) const {
  if (line == ">>>") return true;
  // A field whose value ends so is no start.
  return limits_.noise == Noise::noisy && line.ends_with(">>>") &&
         line.find('=') == std::string_view::npos;
}

void MessageCutter::take_line(std::string_view line, core::Instant now,
                              const std::function<void(std::string_view)>& on_message) {
  if (is_start(line)) {
    if (inside_) refuse();  // the one before never ended
    inside_ = true;
    spoiled_ = false;
    begun_ = now;
    message_ = ">>>\n";
    return;
  }
  if (!inside_) return;
  if (line == "<<<") {
    inside_ = false;
    if (spoiled_ || now > begun_ + limits_.patience) {
      ++refused_;
      return;
    }
    message_ += "<<<\n";
    on_message(message_);
    return;
  }
  if (overlong_ || line.find('=') == std::string_view::npos ||
      message_.size() + line.size() > limits_.message_bytes) {
    spoiled_ = true;
    return;
  }
  message_.append(line).push_back('\n');
}

void MessageCutter::refuse() {
  inside_ = false;
  ++refused_;
}

std::size_t MessageCutter::take_refused() { return std::exchange(refused_, 0); }

}  // namespace hb::readers
