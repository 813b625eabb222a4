// login_limits: after wrong passwords an address must wait; guessing costs time
#include "clients/mgmtd/login_limits.hpp"

#include <algorithm>

namespace hb::clients::mgmtd {

bool LoginLimits::allowed(const std::string& address, core::Instant now) const {
  const auto found = entries_.find(address);
  if (found == entries_.end()) return true;
  return found->second.count < wrong_limit || now - found->second.last >= wrong_window;
}

void LoginLimits::wrong(const std::string& address, core::Instant now) {
  if (!entries_.contains(address) && entries_.size() >= addresses_limit) forget_one();
  Entry& entry = entries_[address];
  if (entry.count == 0 || now - entry.first >= wrong_window) entry = {0, now, now};
  ++entry.count;
  entry.last = now;
}

void LoginLimits::forget_one() {
  entries_.erase(std::min_element(entries_.begin(), entries_.end(), [](auto& one, auto& other) {
    return one.second.last < other.second.last;
  }));
}

}  // namespace hb::clients::mgmtd
