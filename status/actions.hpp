// actions: runs resource scripts for the master, keeps the ledger true, reports how they ended
#pragma once

#include "core/engine_io.hpp"
#include "ipc/outcomes.hpp"
#include "status/ledger.hpp"
#include "status/script.hpp"
#include "status/surroundings.hpp"

#include <deque>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <vector>

namespace hb::status {

namespace limits {
/// A script that runs this long is mentioned, and again after as long (resources W7).
inline constexpr core::Duration action_warning = std::chrono::seconds{30};
/// Between TERM and KILL.
inline constexpr core::Duration action_grace = std::chrono::seconds{5};
/// How long a stop waits for a script of the same group that an earlier runner left behind.
inline constexpr core::Duration stray_patience = std::chrono::seconds{10};
/// More actions at a time than groups can have is a mistake of the master's.
inline constexpr std::size_t actions = 1024;
/// What cannot be started for want of processes, memory or descriptors is tried again at this pace,
/// for so long; then it has failed, and another node may do better.
inline constexpr core::Duration launch_pause = std::chrono::milliseconds{100};
inline constexpr core::Duration launch_patience = std::chrono::seconds{10};
/// Status scripts that have ended while a child of theirs keeps their output open.
inline constexpr std::size_t late_pipes = 64;
}  // namespace limits

struct ActionRequest {
  std::uint64_t ticket = 0;
  std::string group;  ///< the master's number of it, as text
  std::string key;
  std::uint16_t resource = 0;
  std::string script;
  std::vector<std::string> arguments;
  core::Operation operation = core::Operation::status;
  core::Duration timeout{};  ///< zero: none
  core::Instant try_at{}, try_until{};  ///< set once it could not be started; kept by Actions
};
[[nodiscard]] core::Result<ActionRequest> action_of(const core::Message& message);

struct ActionReport {
  std::uint64_t ticket = 0;
  core::ActionEnd end = core::ActionEnd::missing;
  int code = 0;
  std::string output;  ///< at most core::limits::script_output_bytes, the last ones
  core::Duration took{};
};

/// Each action is one process group; many run at once. An action has ended when the script itself
/// has: what its background children still write or hold open delays nothing.
class Actions {
 public:
  using Done = std::function<void(const ActionRequest&, const ActionReport&)>;
  Actions(Surroundings& surroundings, Ledger& ledger, Done done);
  ~Actions();
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;

  /// Scripts that an earlier runner started and that still run: their groups wait for them.
  void adopt_strays();

  /// Takes the order; it starts at begin(). Every request is reported exactly once.
  void run(ActionRequest request);
  /// TERM to the action's group, KILL after limits::action_grace. Unknown tickets are ignored: it
  /// may just have ended.
  void kill(std::uint64_t ticket);

  /// Starts what was ordered: the ledger is written once for all, before the first starts.
  void begin(core::Instant now);
  /// Writes the ledger if it changed: before the reports of a turn leave.
  void save();
  /// Warnings, timeouts, KILL.
  void tick(core::Instant now);
  [[nodiscard]] core::Instant next_deadline() const;

  [[nodiscard]] bool idle() const { return running_.empty() && ordered_.empty(); }
  [[nodiscard]] bool is_busy(std::string_view key) const;
  /// As kill(), for everything that runs or waits, but stops: what stops goes the way we want.
  void kill_all_but_stops();

 private:
  struct Running {
    ActionRequest request;
    std::string path;
    ForeignProcess process;
    os::Fd pipe;             ///< standard output of a status script
    std::string output;
    OutputMark mark;         ///< of the others
    core::Instant started, next_warning, timeout_at = core::never, kill_at = core::never;
    bool timed_out = false;
  };
  struct Stray {
    std::string key;
    ProcessId id;
    os::Fd pidfd;
    core::Instant term_at = core::never, kill_at = core::never;
  };
  using Place = std::list<Running>::iterator;

  void start(ActionRequest request, core::Instant now);
  [[nodiscard]] bool is_put_off(const ActionRequest& request, const core::Error& error,
                                core::Instant now);
  core::Result<Running> launch(const ActionRequest& request, const std::string& path,
                               core::Instant now);
  void ended(Place place);
  void read_output(Running& running) const;
  void keep_late_pipe(os::Fd pipe);
  void finish(const ActionRequest& request, ActionReport report);
  void note_start(const ActionRequest& request);
  void note_end(const ActionRequest& request, const ActionReport& report);
  void note_outcome(const ActionRequest& request, const ActionReport& report);
  void end_softly(Running& running, core::Instant now);
  void end_softly(Stray& stray, core::Instant now);
  void stray_ended(std::list<Stray>::iterator stray);
  [[nodiscard]] bool waits_for_stray(const ActionRequest& request, core::Instant now);

  Surroundings& surroundings_;
  Ledger& ledger_;
  Done done_;
  std::deque<ActionRequest> ordered_;
  std::list<Running> running_;  // stable places: the loop's callbacks keep them
  std::list<Stray> strays_;
  std::deque<os::Fd> late_pipes_;
  bool is_unsaved_ = false;
  ipc::Outcomes outcomes_;
  bool are_outcomes_unsaved_ = false;
};

}  // namespace hb::status
