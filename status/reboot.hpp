// reboot: the machine goes down after a failfast client's death, once the log has said why
#pragma once

#include "core/types.hpp"
#include "status/surroundings.hpp"

#include <string>
#include <string_view>

namespace hb::status {

/// `RunnerSettings::reboot` says how: os::reboot_by_kernel, or the path of a program that is run in
/// its place with the reason as its argument (`env REBOOT_WITH=/path` in ha.cf: for tests, and for
/// those who want to be called first). Empty: never; the order is only logged.
class Reboot {
 public:
  explicit Reboot(Surroundings& surroundings) : surroundings_(surroundings) {}

  /// Logs "Rebooting system.  Reason: ..." and carries it out `log_delay` later. Only the first
  /// order counts.
  void order(std::string_view reason);
  void tick(core::Instant now);
  [[nodiscard]] core::Instant next_deadline() const { return at_; }

  /// For the line to reach the log: it passes through two other processes.
  static constexpr core::Duration log_delay = std::chrono::milliseconds{200};

 private:
  void run_program(const std::string& path);

  Surroundings& surroundings_;
  std::string reason_;
  core::Instant at_ = core::never;
  bool is_ordered_ = false;
};

}  // namespace hb::status
