// master_watch: whether the master still takes turns; one that hangs is as dead as one that died
#pragma once

#include "core/types.hpp"
#include "ipc/board.hpp"

#include <cstdint>
#include <optional>
#include <string>

#include <sys/types.h>

namespace hb::status {

/// Judges a counter that grows with every turn, by the clock of somebody who may be late himself.
class TurnWatch {
 public:
  /// `patience`: without a turn for so long the master hangs. It takes one each keepalive.
  explicit TurnWatch(core::Duration patience) : patience_(patience) {}

  /// Looks often enough for the verdict to be late by an eighth of the patience at most. Time in
  /// which nobody looked is nobody's fault: a machine that stood still is no hung master.
  [[nodiscard]] bool is_hung(core::Instant now, std::uint64_t turns);
  [[nodiscard]] core::Instant next_look() const { return next_look_; }
  [[nodiscard]] core::Duration patience() const { return patience_; }

 private:
  core::Duration patience_;
  core::Instant next_look_{}, quiet_since_{};
  std::uint64_t turns_ = 0;
};

/// Watches the master that started us, by the turns that it counts on its board.
class MasterWatch {
 public:
  /// Watches from now on; nothing happens if the board cannot be read or is another master's.
  void begin(const std::string& board, core::Duration patience);
  /// Ends a master that hangs (SIGKILL, which also ends one that was stopped); true if it did.
  [[nodiscard]] bool end_if_hung(core::Instant now);
  [[nodiscard]] core::Instant next_deadline() const;
  [[nodiscard]] core::Duration patience() const;

 private:
  std::optional<ipc::BoardReader> board_;
  std::optional<TurnWatch> watch_;
  pid_t master_ = 0;
};

}  // namespace hb::status
