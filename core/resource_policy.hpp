// resource_policy: how long scripts may take, what is watched, and what follows a failure
#pragma once

#include "core/types.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace hb::core {

/// Of one resource, from haresources.options. What is not given: `resource_timeout` of ha.cf.
struct ResourcePolicy {
  std::optional<Duration> start_timeout, stop_timeout, status_timeout;  ///< zero: none
  std::optional<Duration> monitor_timeout;  ///< not given: as status_timeout
  Duration monitor{};                       ///< from one look at it to the next; zero: never
};

/// What becomes of a group that would not start here, or failed too often while it ran.
enum class AfterFailure : std::uint8_t {
  move,  ///< another node takes it
  stay,  ///< it stays failed here, and nobody takes it, until `cl_status cleanup`
};

/// Of one group.
struct GroupPolicy {
  unsigned start_retries = 1;  ///< most failures are passing ones; moving costs more than a try
  unsigned recoveries = 1;     ///< in place, for failed monitors, before the group leaves
  /// So many times a node gives the group up because it failed; then it is not started there any
  /// more. Zero: without limit. Not given: 3 for a group that is monitored, else none, as a group
  /// that starts nowhere is tried again every 30 s.
  std::optional<unsigned> failure_limit;
  /// A failure is forgotten after so much time without another one.
  Duration failure_window = std::chrono::hours{1};
  AfterFailure after_failure = AfterFailure::move;
};

namespace policy_limits {
/// A day: a script that takes longer is none that anybody waits for.
inline constexpr Duration longest_timeout = std::chrono::hours{24};
/// More often would only be load: a status script is several forks.
inline constexpr Duration shortest_monitor = std::chrono::seconds{1};
inline constexpr unsigned most_tries = 100;
inline constexpr unsigned monitored_failure_limit = 3;
}  // namespace policy_limits

}  // namespace hb::core
