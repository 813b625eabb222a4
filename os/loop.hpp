// loop: readiness of descriptors, one absolute deadline, and a hook after each batch (Asio inside)
#pragma once

#include "core/types.hpp"

#include <functional>
#include <memory>

namespace hb::os {

/// A single-threaded event loop. One turn: wait until something is ready, call the callback of one
/// ready descriptor, then the turn hook; others that were ready have the next turns, without
/// waiting anew. A descriptor that is still readable comes again after them, so no flood keeps the
/// hook or another descriptor away. No allocation in a turn.
/// Descriptors stay owned by the caller and become non-blocking; unwatch() before closing one.
/// Everything that a filter forbids later (epoll_create, ioctl) happens in the constructor and in
/// the first watch() of a descriptor.
class Loop {
 public:
  using Callback = std::function<void()>;

  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Calls `ready` whenever `descriptor` is readable, at end of file, or broken. Not twice for one.
  void watch(int descriptor, Callback ready);
  /// Stops and goes on calling `ready` of a watched descriptor; what comes meanwhile is not lost.
  void pause(int descriptor);
  void resume(int descriptor);
  /// Calls `ready` once when `descriptor`, which is watched, can be written; replaces an earlier
  /// one.
  void when_writable(int descriptor, Callback ready);
  /// Forgets `descriptor`; may be called from any callback, also its own. Unknown ones are ignored.
  void unwatch(int descriptor);

  /// Wakes the loop at `at` (core::never: not at all); replaces the earlier deadline. The timer is
  /// moved only if it must fire earlier, so an early turn may happen: look at the clock in the
  /// hook.
  void deadline(core::Instant at);

  /// Called at the end of each turn: the place where inputs are drained before timers are judged.
  void on_turn(Callback hook);

  /// Until stop(). Callbacks may throw nothing.
  void run();
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hb::os
