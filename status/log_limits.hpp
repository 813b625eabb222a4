// log_limits: repeated and flooding log lines are counted instead of written
#pragma once

#include "core/types.hpp"
#include "status/logger.hpp"

#include <functional>
#include <map>
#include <string>

namespace hb::status {

/// Stands before the places that log lines go to. A line that is the same as the one before is
/// written `same_in_a_row` times, then counted: "last message repeated N times". Lines of one kind
/// (equal but for their digits) may come in bursts, then as slowly as they are refilled; and so may
/// all lines together. What is left out is counted and told, so a flood costs a few lines a minute
/// and never fills a disk. Of crit and above nothing is left out but repeats. Pure: time comes from
/// the caller.
class LogLimits {
 public:
  static constexpr unsigned same_in_a_row = 3;
  /// A start writes about 40 lines, a failover 30; the same kind at most once for each node,
  /// link or group.
  static constexpr unsigned kind_burst = 200;
  static constexpr core::Duration kind_refill = std::chrono::seconds{5};   ///< for one more line
  static constexpr unsigned total_burst = 2000;
  static constexpr core::Duration total_refill = std::chrono::milliseconds{200};
  /// What was left out is told at the latest after this time, if nothing else is written before.
  static constexpr core::Duration told_after = std::chrono::seconds{10};
  /// Kinds that are remembered; a new one beyond takes the place of the one longest unused.
  static constexpr std::size_t kinds = 256;

  using Write = std::function<void(const LogEntry& entry)>;
  /// Hands `entry` to `write`, or counts it; notes about lines left out come first.
  void take(const LogEntry& entry, core::Instant now, const Write& write);
  /// Notes that are due.
  void tick(core::Instant now, const Write& write);
  [[nodiscard]] core::Instant next_deadline() const { return tell_at_; }
  /// Lines that were counted instead of written.
  [[nodiscard]] std::uint64_t left_out() const { return left_out_; }

 private:
  /// Up to `burst` at once, and one more for each `refill`.
  struct Budget {
    double tokens = 0;
    core::Instant filled{};
    bool take(unsigned burst, core::Duration refill, core::Instant now);
  };
  struct Kind {
    Budget budget;
    core::Instant used{};
    std::uint64_t left_out = 0;
    LogEntry sample;
  };
  void tell(const Write& write);
  void count(std::uint64_t& counter, core::Instant now);
  Kind& kind_of(const LogEntry& entry, core::Instant now);

  LogEntry last_;
  std::uint64_t in_a_row_ = 0, repeats_ = 0;
  std::map<std::string, Kind> kinds_;
  Budget total_, debug_total_;
  std::uint64_t total_left_out_ = 0, left_out_ = 0;
  core::Instant tell_at_ = core::never;
};

}  // namespace hb::status
