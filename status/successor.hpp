// successor: a new master, started by the runner when the one it served has died
#pragma once

#include "core/result.hpp"
#include "status/script.hpp"
#include "status/surroundings.hpp"

#include <optional>

namespace hb::status {

/// One attempt at a new master (design §2 "Master dies"). It detaches itself, so that what we
/// started ends soon: with 0 once the new master serves. Under a service manager there is nothing
/// to start: it does that itself, and its main process stays the right one.
class Successor {
 public:
  explicit Successor(Surroundings& surroundings) : surroundings_(surroundings) {}
  ~Successor();
  Successor(const Successor&) = delete;
  Successor& operator=(const Successor&) = delete;

  /// Starts it, if runner_config named a program. Errors are logged, and count as failed.
  void start();
  /// No new master is wanted, or the attempt failed: waiting for one is pointless.
  [[nodiscard]] bool is_hopeless() const { return state_ == State::failed; }
  /// The master is being stopped on purpose: should it die now, nobody follows.
  void forbid() { state_ = State::failed; }

 private:
  enum class State : std::uint8_t { idle, starting, serving, failed };
  void ended();

  Surroundings& surroundings_;
  State state_ = State::idle;
  std::optional<ForeignProcess> process_;
};

}  // namespace hb::status
