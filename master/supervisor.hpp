// supervisor: which child processes should run; spawns, watches and respawns them
#pragma once

#include "core/types.hpp"
#include "ipc/channel.hpp"
#include "ipc/record.hpp"
#include "os/fd.hpp"
#include "os/loop.hpp"
#include "os/process.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hb::master {

/// What makes a child: enough to start it again.
struct ChildSpec {
  ipc::Role role;
  core::LinkId link = core::no_link;
  std::string title;        ///< "heartbeat: read: bcast eth0"
  int medium = -1;  ///< becomes fd 6; the master keeps its copy, so the kernel queues meanwhile
  int extra = -1;           ///< becomes fd 7 (the board for the status process)
};

/// refused: it said that starting it again is of no use. closed: its medium is away (close()).
enum class ChildState : std::uint8_t { waiting, starting, ready, refused, closed };

/// What is to become of a child whose process we end ourselves.
enum class Wanted : std::uint8_t { running, renewed, closed };

/// One place of the process table; its process and channel are replaced at every respawn: a ring is
/// born and dies with its child (design rule 5).
struct Child {
  ChildSpec spec;
  ChildState state = ChildState::waiting;
  Wanted wanted = Wanted::running;
  std::uint64_t incarnation = 0;
  std::uint32_t failures = 0;            ///< in a row; a long life resets it
  core::Instant started{};
  core::Instant next_start{};            ///< when waiting
  std::optional<os::Process> process;
  std::optional<ipc::Channel> channel;   ///< present unless waiting or refused
};

/// Back-off 0, 1, 2, 4 … 60 s; exit codes 64 and 77 mean no respawn (design §2).
[[nodiscard]] core::Duration back_off(std::uint32_t failures);

class Supervisor {
 public:
  /// `image` is the program held open since our start, so that an upgrade cannot mix versions.
  /// `environment` (NAME=value) is given to every child beside its role.
  Supervisor(os::Loop& loop, int image, std::vector<std::string> environment);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// Called when a child has died or misbehaved, after it was reaped; its channel is still there.
  std::function<void(Child&, const std::string& how)> on_lost;
  /// Called when a child was spawned, before it is ready: configuration records go out here.
  std::function<void(Child&)> on_spawned;

  /// Called for each descriptor that a child has sent.
  std::function<void(Child&, const ipc::ReceivedFd&)> on_fd;

  Child& add(ChildSpec spec);
  [[nodiscard]] std::vector<std::unique_ptr<Child>>& children() { return children_; }
  [[nodiscard]] Child* find(ipc::Role role, core::LinkId link = core::no_link);

  /// Its medium is away: its process ends, and none follows until open().
  void close(Child& child);
  /// Runs it on another descriptor, in a new process; also after close() or a refusal.
  void open(Child& child, int medium, core::Instant now);

  /// Spawns what is due.
  void start_due(core::Instant now);
  [[nodiscard]] core::Instant next_deadline() const;
  /// The ready record came.
  void mark_ready(Child& child);
  /// Kills (SIGKILL) a child that broke its ring; on_lost follows from its death.
  void condemn(Child& child, const std::string& why);
  /// Ends all at exit, and collects them: the log gets written, the runner ends by itself after a
  /// goodbye when nothing runs any more. Bounded; what does not end in time is killed.
  void finish();
  [[nodiscard]] bool all_ready() const;

 private:
  void end(Child& child, Wanted wanted);
  void spawn(Child& child, core::Instant now);
  void lost(Child& child);

  os::Loop& loop_;
  int image_;
  std::vector<std::string> environment_;
  bool stopping_ = false;
  std::vector<std::unique_ptr<Child>> children_;
};

}  // namespace hb::master
