// login_limits: after wrong passwords an address must wait; guessing costs time
#pragma once

#include "core/types.hpp"

#include <chrono>
#include <cstddef>
#include <map>
#include <string>

namespace hb::clients::mgmtd {

/// So many wrong passwords within the window, then none is looked at until the window is over.
inline constexpr int wrong_limit = 5;
inline constexpr std::chrono::seconds wrong_window{60};
/// Addresses remembered; beyond that the one that was quiet longest is forgotten.
inline constexpr std::size_t addresses_limit = 1024;

/// Keyed by address, not by user: otherwise a stranger could lock an administrator out.
class LoginLimits {
 public:
  [[nodiscard]] bool allowed(const std::string& address, core::Instant now) const;
  void wrong(const std::string& address, core::Instant now);
  void right(const std::string& address) { entries_.erase(address); }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    int count = 0;
    core::Instant first{}, last{};
  };
  void forget_one();

  std::map<std::string, Entry> entries_;
};

}  // namespace hb::clients::mgmtd
