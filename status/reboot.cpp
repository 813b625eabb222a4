// reboot: the machine goes down after a failfast client's death, once the log has said why
#include "status/reboot.hpp"

#include "os/clock.hpp"
#include "os/reboot.hpp"
#include "status/script.hpp"

#include <fmt/core.h>

namespace hb::status {

using core::LogLevel;

void Reboot::order(std::string_view reason) {
  if (is_ordered_) return;
  is_ordered_ = true;
  reason_ = reason;
  surroundings_.log(LogLevel::emerg, fmt::format("Rebooting system.  Reason: {}", reason_));
  at_ = os::instant_now() + log_delay;
}

void Reboot::tick(core::Instant now) {
  if (now < at_) return;
  at_ = core::never;
  const std::string& how = surroundings_.settings.reboot;
  if (how.empty()) {
    surroundings_.log(LogLevel::error, "No reboot: this runner was told not to");
  } else if (how == os::reboot_by_kernel) {
    surroundings_.log(LogLevel::emerg, os::reboot_machine().text);
  } else {
    run_program(how);
  }
}

void Reboot::run_program(const std::string& path) {
  LaunchPlan plan;
  plan.path = path;
  plan.arguments = {reason_};
  plan.environment = surroundings_.settings.environment;
  plan.folder = surroundings_.settings.workdir;
  plan.in = plan.out = plan.error = surroundings_.files.null();
  const auto process = ForeignProcess::launch(plan);
  if (process) {
    surroundings_.log(LogLevel::emerg, fmt::format("{} was run in place of a reboot", path));
  } else {
    surroundings_.log(LogLevel::emerg, fmt::format("No reboot: {}", process.error().text));
  }
}

}  // namespace hb::status
