// precautions: what the master does against its own death: core files, reserved memory, watchdog
#pragma once

#include "core/engine_io.hpp"
#include "core/ha_cf.hpp"
#include "core/types.hpp"
#include "os/watchdog.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace hb::master {

/// `coredumps`, `coreroot`, `memreserve` and `watchdog` (configuration §4.7).
class Precautions {
 public:
  using Log = std::function<void(core::LogLevel, std::string_view)>;
  explicit Precautions(Log log) : log_{std::move(log)} {}

  /// Core dumps, and the folder for them: before children are started, who inherit both.
  void prepare(const core::Config& config);
  /// The folder that prepare() entered; else the usual one.
  [[nodiscard]] const std::string& folder() const { return folder_; }
  /// Reserves memory and arms the watchdog: while we have the rights for it.
  void arm(const core::Config& config);

  /// A message of ours left the engine.
  void message_sent() { has_sent_ = true; }
  /// All was read, judged and handed to the children: the only place that pats. A master that turns
  /// without ever saying that it lives is not patted, no more than one that hangs.
  void turn_done(core::Instant now);
  /// Disarms, at an orderly end or before the program is executed anew. A master that crashes never
  /// comes here: the machine goes down unless the next one arms it in time.
  void end();

  /// deadtime + 10 ms, rounded up to seconds.
  [[nodiscard]] static std::chrono::seconds watchdog_timeout(core::Duration deadtime);

 private:
  void arm_watchdog(const core::Config& config);

  Log log_;
  std::string folder_;
  std::optional<os::Watchdog> watchdog_;
  std::string device_;
  core::Duration pat_interval_{};
  core::Instant next_pat_{};
  bool has_sent_ = false, complained_ = false;
};

}  // namespace hb::master
