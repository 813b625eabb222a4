// child: what every child process does alike: start in the right order, serve its ring, end
#pragma once

#include "core/engine_io.hpp"
#include "core/result.hpp"
#include "ipc/channel.hpp"
#include "os/loop.hpp"

#include <functional>
#include <memory>

namespace hb::ipc {

/// Descriptors behind those of the Channel.
inline constexpr int medium_fd = 6;
inline constexpr int board_fd = 7;

/// Exit codes of children (design §2, Deaths).
inline constexpr int exit_done = 0, exit_retry = 1, exit_config = 64, exit_permission = 77;

class Child {
 public:
  /// medium: nobody, real time, 16 system calls. status: hacluster:haclient, ordinary scheduling.
  /// root: the runner; keeps its rights, ordinary scheduling, own session.
  enum class Rights : std::uint8_t { medium, status, root };

  /// Title, real time, rings, event loop and accounts; rights are given up in serve(), after the
  /// caller has watched its descriptors (the filter forbids what a first watch() does).
  [[nodiscard]] static core::Result<Child> begin(Rights rights);
  Child(Child&&) noexcept;
  ~Child();

  [[nodiscard]] Channel& channel();
  [[nodiscard]] os::Loop& loop();

  /// Gives up rights, says ready, and serves until the master is gone or leave(): calls `on_record`
  /// for each record from the master, and `on_turn` (if any) after each batch, before the flush.
  /// Returns the process's exit code.
  [[nodiscard]] int serve(const std::function<void(const RecordView&)>& on_record,
                          const std::function<void()>& on_turn = {});
  /// Makes serve() return `code` after this turn.
  void leave(int code);
  /// Called instead of leaving when the master's end is closed (the runner goes on for a while).
  void on_master_lost(std::function<void()> callback);

  /// A link_error record, the same error at most once a second.
  void report_link_error(const core::Error& error);
  void log(core::LogLevel level, std::string_view text);

 private:
  struct Parts;
  explicit Child(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

/// Prints why a child could not start and gives its exit code.
[[nodiscard]] int report_failed_start(const core::Error& error);

}  // namespace hb::ipc
