// witness: what a third party tells, when nodes cannot hear each other, about who may serve
#pragma once

#include "core/ha_cf.hpp"
#include "core/types.hpp"

namespace hb::core {

/// Decides by a witness outside of the cluster which side of a partition serves. It matters only
/// while a node is silent that did not say goodbye: connected nodes agree among themselves.
///
/// `witness ping`: a node has it while one of the hosts answers. It tells an isolated node from a
/// dead partner; two nodes that both reach the host both have it.
/// `witness etcd`: a node has it while it holds the one lease. Exactly one node has it at a time,
/// and its time here ends before etcd gives it to another by the time that releasing may take.
class Witness {
 public:
  explicit Witness(const Config& config);

  [[nodiscard]] bool is_configured() const { return kind_ != WitnessKind::none; }
  /// We have had it since `since`, and have it until `until` if nothing newer comes. Numbers from
  /// outside: a time in the future ends within the longest lease.
  void told(Instant since, Instant until, Instant now);
  [[nodiscard]] Instant since() const { return since_; }
  [[nodiscard]] Instant until() const { return until_; }
  [[nodiscard]] bool is_held(Instant now) const { return now < until_; }

  /// When we may take what the node may hold that has been silent since then; `never`: not as it
  /// is. It had the lease and has let go before it ended, or had none and lets go a lease later.
  [[nodiscard]] Instant may_take_at(Instant silent_since) const;
  /// When we must have begun to release what we hold, unless the witness tells something newer.
  [[nodiscard]] Instant must_release_at(Instant silent_since) const;

  /// The lease that is asked for: etcd knows whole seconds, and none below two.
  [[nodiscard]] static Duration lease(const Config& config);
  /// How long before the end of the lease its owner begins to let go: `witness_release`, or else a
  /// quarter of the lease.
  [[nodiscard]] static Duration release(const Config& config);

 private:
  WitnessKind kind_;
  Duration lease_, patience_, grace_;
  Instant since_ = never, until_{};
};

}  // namespace hb::core
