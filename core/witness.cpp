// witness: what a third party tells, when nodes cannot hear each other, about who may serve
#include "core/witness.hpp"

#include <algorithm>

namespace hb::core {

namespace {

using namespace std::chrono_literals;

constexpr Duration least_lease = 2s;
/// For the scripts of the other side at least, beyond the moment at which it begins to release.
constexpr Duration least_release = 1s;
/// With ping both sides judge at nearly the same time; the one that answers is not heard a little.
constexpr Duration ping_slack = 200ms;

}  // namespace

Duration Witness::lease(const Config& config) {
  const auto whole = [](Duration span) { return std::chrono::ceil<std::chrono::seconds>(span); };
  const Duration plain = std::max<Duration>(least_lease, whole(config.deadtime));
  if (!config.witness.release) return plain;
  return std::max<Duration>(plain, whole(plain - plain / 4 + *config.witness.release));
}

Duration Witness::release(const Config& config) {
  return config.witness.release.value_or(lease(config) / 4);
}

Witness::Witness(const Config& config)
    : kind_{config.witness.kind},
      lease_{lease(config)},
      patience_{kind_ == WitnessKind::etcd ? lease_ : Duration{}},
      grace_{kind_ == WitnessKind::etcd
                 ? lease_ + std::max(least_release, config.witness.release.value_or(Duration{}))
                 : config.deadtime / 4 + config.witness.release.value_or(ping_slack)} {}

void Witness::told(Instant since, Instant until, Instant now) {
  until_ = std::min(until, now + std::max(lease_, grace_) * 4);
  since_ = std::min(since, now);
}

Instant Witness::may_take_at(Instant silent_since) const {
  if (!is_configured()) return silent_since;
  if (until_ <= silent_since) return never;
  // Whether the silent one had the lease until we got it, or a third one, or nobody, is not known.
  const bool got_later = kind_ == WitnessKind::etcd && since_ > silent_since;
  return std::max(got_later ? since_ : silent_since, silent_since + grace_);
}

Instant Witness::must_release_at(Instant silent_since) const {
  if (!is_configured()) return never;
  return until_ > silent_since ? until_ : silent_since + patience_;
}

}  // namespace hb::core
