// hooks: runs a site's rc.d script for a cluster message, one at a time
#pragma once

#include "core/engine_io.hpp"
#include "core/message.hpp"
#include "status/script.hpp"
#include "status/surroundings.hpp"

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace hb::status {

namespace limits {
/// Hooks that wait: one that hangs must not fill our memory with the messages behind it.
inline constexpr std::size_t hooks = 256;
}  // namespace limits

/// HA_<field>=value for the fields f_<field> of a run_hook record that rc.d scripts may see. Any
/// other name is left out, and so is a value with control bytes: a message must not be able to set
/// HA_FUNCS or forge a line (resources W9).
[[nodiscard]] std::vector<std::string> hook_environment(const core::Message& record);

/// Whether a message type can be the name of a script: a-z, 0-9, '_', '.', '-', not first '.' or
/// '-'.
[[nodiscard]] bool is_hook_name(std::string_view name);

class Hooks {
 public:
  using Done = std::function<void(std::uint64_t ticket, core::ActionEnd end, int code)>;
  Hooks(Surroundings& surroundings, Done done);
  ~Hooks();
  Hooks(const Hooks&) = delete;
  Hooks& operator=(const Hooks&) = delete;

  /// Queues harc TYPE. `missing` is reported at once if rc.d has no such script.
  void run(const core::Message& record);
  /// TERM to the running one; those that wait are dropped.
  void kill_all();
  [[nodiscard]] bool idle() const { return !running_ && waiting_.empty(); }
  void tick(core::Instant now);
  [[nodiscard]] core::Instant next_deadline() const;

 private:
  struct Hook {
    std::uint64_t ticket = 0;
    std::string type;
    std::vector<std::string> environment;
  };
  void start_next();
  void ended();

  Surroundings& surroundings_;
  Done done_;
  std::deque<Hook> waiting_;
  std::optional<Hook> running_;
  std::optional<ForeignProcess> process_;
  core::Instant started_{}, next_warning_ = core::never;
};

}  // namespace hb::status
