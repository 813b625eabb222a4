// fd: one owned file descriptor, closed when its owner goes away
#pragma once

#include <unistd.h>

#include <utility>

namespace hb::os {

/// A move-only owner of one file descriptor. Empty (`valid()` is false, `get()` is -1) after the
/// default constructor, `release()`, `reset()` or being moved from. Errors of close() are ignored:
/// on Linux the descriptor is gone whatever close() answers, so a retry could close a stranger's.
class Fd {
 public:
  static constexpr int none = -1;

  Fd() noexcept = default;
  explicit Fd(int descriptor) noexcept : descriptor_(descriptor) {}
  Fd(Fd&& other) noexcept : descriptor_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  /// The descriptor, still owned here; -1 when empty.
  [[nodiscard]] int get() const noexcept { return descriptor_; }

  [[nodiscard]] bool valid() const noexcept { return descriptor_ >= 0; }
  explicit operator bool() const noexcept { return valid(); }

  /// Give the descriptor up without closing it.
  [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, none); }

  /// Close what is held, then own `descriptor` (default: nothing).
  void reset(int descriptor = none) noexcept {
    const int old = std::exchange(descriptor_, descriptor);
    if (old >= 0 && old != descriptor) ::close(old);
  }

 private:
  int descriptor_ = none;
};

}  // namespace hb::os
