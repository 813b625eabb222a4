// sources: whose datagrams a reader lets through, and how many of each sender
#include "readers/sources.hpp"

#include <algorithm>
#include <chrono>

namespace hb::readers {

Sources::Allowance& Sources::allowance_of(const os::IpAddress& source, core::Instant now) {
  const auto known = std::ranges::find(senders_, source, &Allowance::source);
  if (known != senders_.end()) return *known;
  if (senders_.size() < source_limits::senders) {
    senders_.push_back({source, now});
    return senders_.back();
  }
  const auto oldest = std::ranges::min_element(senders_, {}, &Allowance::last);
  if (now - oldest->last < source_limits::memory) return others_;
  *oldest = {source, now};
  return *oldest;
}

Sources::Verdict Sources::judge(const os::IpAddress& source, core::Instant now) {
  const bool stranger = !allowed_.empty() &&
                        std::ranges::find(allowed_, source) == allowed_.end();
  if (stranger) return Verdict::stranger;
  Allowance& allowance = allowance_of(source, now);
  const double seconds = std::chrono::duration<double>(now - allowance.last).count();
  allowance.left = std::min<double>(source_limits::burst,
                                    allowance.left + std::max(0.0, seconds) * source_limits::rate);
  allowance.last = now;
  if (allowance.left < 1) return Verdict::too_many;
  allowance.left -= 1;
  return Verdict::admitted;
}

}  // namespace hb::readers
