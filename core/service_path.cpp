// service_path: reports to verdicts: patience for what fails, growing mistrust for what flaps
#include "core/service_path.hpp"

#include <algorithm>

namespace hb::core {

void ServicePaths::report(Instant now, const GroupSet& bad) {
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    Path& path = paths_[i];
    path.seen_bad = bad.test(i);
    if (path.seen_bad == bad_.test(i)) {
      path.change_at = never;
    } else if (!has_report_ && path.seen_bad) {
      bad_.set(i);
      changed_.set(i);
      path.trust = path_limits::start_trust;
    } else if (path.change_at == never) {
      path.change_at = now + (path.seen_bad ? path_limits::patience : path.trust);
    }
  }
  has_report_ = true;
}

void ServicePaths::condemn(Instant now, GroupId group) {
  Path& path = paths_[group.value];
  if (path.seen_bad && path.change_at != never) path.change_at = now;  // tick() says the rest
}

GroupSet ServicePaths::tick(Instant now) {
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    Path& path = paths_[i];
    if (path.change_at > now) continue;
    path.change_at = never;
    if (path.seen_bad == bad_.test(i)) continue;
    bad_.flip(i);
    changed_.set(i);
    if (path.seen_bad) lose(now, path);
    path.changed_at = now;
  }
  const GroupSet changed = changed_;
  changed_.reset();
  return changed;
}

void ServicePaths::lose(Instant now, Path& path) {
  const bool again = path.changed_at != Instant{} && now - path.changed_at < path_limits::memory;
  path.trust = again ? std::min(std::max(path.trust, path_limits::first_trust) * 2,
                                path_limits::longest_trust)
                     : path_limits::first_trust;
}

Instant ServicePaths::next_deadline() const {
  Instant next = never;
  for (const Path& path : paths_) next = std::min(next, path.change_at);
  return next;
}

ServicePaths::Saved ServicePaths::save(GroupId group) const {
  const Path& path = paths_[group.value];
  return {bad_.test(group.value), path.change_at, path.changed_at, path.trust};
}

/// The next runner reports anew; until then the last verdict holds.
void ServicePaths::remember(GroupId group, const Saved& saved) {
  Path& path = paths_[group.value];
  bad_.set(group.value, saved.bad);
  path.change_at = saved.change_at;
  path.seen_bad = saved.bad != (saved.change_at != never);
  path.changed_at = saved.changed_at;
  path.trust = std::clamp(saved.trust, path_limits::start_trust, path_limits::longest_trust);
  has_report_ = true;
}

}  // namespace hb::core
