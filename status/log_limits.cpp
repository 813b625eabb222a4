// log_limits: repeated and flooding log lines are counted instead of written
#include "status/log_limits.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>

namespace hb::status {

namespace {

/// Of a line of a kind that is left out, so much is shown.
constexpr std::size_t sample_bytes = 60;

bool same(const LogEntry& left, const LogEntry& right) {
  return left.level == right.level && left.entity == right.entity && left.text == right.text;
}

/// The line with each number as one '#'.
std::string shape_of(const LogEntry& entry) {
  std::string shape = entry.entity;
  shape.push_back(static_cast<char>('0' + static_cast<int>(entry.level)));
  bool in_number = false;
  for (const char byte : entry.text) {
    const bool is_digit = byte >= '0' && byte <= '9';
    if (!is_digit) shape.push_back(byte);
    else if (!in_number) shape.push_back('#');
    in_number = is_digit;
  }
  return shape;
}

LogEntry note(const LogEntry& about, std::string text) {
  LogEntry told = about;
  told.text = std::move(text);
  return told;
}

}  // namespace

bool LogLimits::Budget::take(unsigned burst, core::Duration refill, core::Instant now) {
  if (filled == core::Instant{}) {
    tokens = burst;
  } else if (now > filled) {
    const std::chrono::duration<double> passed = now - filled, each = refill;
    tokens = std::min<double>(burst, tokens + passed / each);
  }
  filled = std::max(filled, now);
  if (tokens < 1) return false;
  tokens -= 1;
  return true;
}

LogLimits::Kind& LogLimits::kind_of(const LogEntry& entry, core::Instant now) {
  std::string shape = shape_of(entry);
  auto found = kinds_.find(shape);
  if (found == kinds_.end()) {
    if (kinds_.size() >= kinds) {
      const auto oldest = std::ranges::min_element(kinds_, {}, [](const auto& entry_of) {
        return entry_of.second.used;
      });
      total_left_out_ += oldest->second.left_out;  // still told, but of no kind
      kinds_.erase(oldest);
    }
    found = kinds_.emplace(std::move(shape), Kind{}).first;
  }
  found->second.used = now;
  return found->second;
}

void LogLimits::count(std::uint64_t& counter, core::Instant now) {
  ++counter;
  ++left_out_;
  if (tell_at_ == core::never) tell_at_ = now + told_after;
}

void LogLimits::take(const LogEntry& entry, core::Instant now, const Write& write) {
  tick(now, write);
  if (in_a_row_ > 0 && same(entry, last_)) {
    if (++in_a_row_ > same_in_a_row) return count(repeats_, now);
  } else {
    if (repeats_ > 0) tell(write);
    in_a_row_ = 1;
    last_ = entry;
  }
  if (entry.level <= core::LogLevel::crit) return write(entry);
  const bool is_debug = entry.level == core::LogLevel::debug;
  Kind& kind = kind_of(entry, now);
  if (!kind.budget.take(kind_burst, kind_refill, now)) {
    kind.sample = entry;
    return count(kind.left_out, now);
  }
  // A flood of debug lines must not cost a line that matters.
  Budget& total = is_debug ? debug_total_ : total_;
  if (!total.take(total_burst, total_refill, now)) return count(total_left_out_, now);
  write(entry);
}

void LogLimits::tick(core::Instant now, const Write& write) {
  if (now >= tell_at_) tell(write);
}

void LogLimits::tell(const Write& write) {
  tell_at_ = core::never;
  if (repeats_ > 0) {
    write(note(last_, fmt::format("last message repeated {} times", repeats_)));
    repeats_ = 0;
  }
  for (auto& [shape, kind] : kinds_) {
    if (kind.left_out == 0) continue;
    std::string_view text = kind.sample.text;
    text = text.substr(0, sample_bytes);
    write(note(kind.sample, fmt::format("{} more messages of this kind were left out: {}",
                                        kind.left_out, text)));
    kind.left_out = 0;
  }
  if (total_left_out_ > 0) {
    LogEntry told;
    told.level = core::LogLevel::warn;
    told.pid = last_.pid;
    told.text = fmt::format("{} more messages were left out: too many at once", total_left_out_);
    write(told);
    total_left_out_ = 0;
  }
}

}  // namespace hb::status
