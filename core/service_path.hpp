// service_path: whether the way from this node to a group's users works, damped against flapping
#pragma once

#include "core/placement.hpp"
#include "core/types.hpp"

#include <vector>

namespace hb::core {

namespace path_limits {
/// A path that fails is given so long to come back before a group moves for it: moving costs less
/// than this, but a bond that changes its slave or a short glitch of a switch shall cost nothing.
inline constexpr Duration patience = std::chrono::milliseconds{500};
/// A path that works again is trusted after this; twice as long after each loss that follows
/// within `memory` of the last change. So a flapping cable moves a group to and fro once, and then
/// stays away.
inline constexpr Duration first_trust = std::chrono::seconds{10};
inline constexpr Duration longest_trust = std::chrono::minutes{5};
inline constexpr Duration memory = std::chrono::minutes{10};
/// One that was bad when we came, as an interface that is still coming up, has not flapped yet.
inline constexpr Duration start_trust = std::chrono::seconds{1};
}  // namespace path_limits

/// One verdict for each group. A group without service addresses is never reported, and good. Pure:
/// what the runner sees comes by report(), time by tick().
class ServicePaths {
 public:
  explicit ServicePaths(std::size_t groups) : paths_(groups) {}

  /// The groups that have a service address without a working interface on this node, all of them.
  /// The first report of a life counts at once: it is no change.
  void report(Instant now, const GroupSet& bad);

  /// What is seen to be bad is bad, without patience: a start has failed for it.
  void condemn(Instant now, GroupId group);

  /// The groups whose verdict is another one than before the last report() or tick().
  [[nodiscard]] GroupSet tick(Instant now);

  /// The verdicts.
  [[nodiscard]] const GroupSet& bad() const { return bad_; }
  [[nodiscard]] Instant next_deadline() const;

  /// What of a group outlives a crash.
  struct Saved {
    bool bad = false;
    Instant change_at = never;
    Instant changed_at{};
    Duration trust{};
  };
  [[nodiscard]] Saved save(GroupId group) const;
  void remember(GroupId group, const Saved& saved);

 private:
  struct Path {
    bool seen_bad = false;
    Instant change_at = never;  ///< the verdict follows what is seen, then
    Instant changed_at{};       ///< the last change of the verdict; zero: none
    Duration trust = path_limits::first_trust;
  };
  void lose(Instant now, Path& path);

  std::vector<Path> paths_;
  GroupSet bad_, changed_;
  bool has_report_ = false;
};

}  // namespace hb::core
