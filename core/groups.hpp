// groups: runs the scripts of each resource group in order and judges what they say
#pragma once

#include "core/continuity.hpp"
#include "core/engine_io.hpp"
#include "core/ha_cf.hpp"
#include "core/haresources.hpp"
#include "core/resources_io.hpp"
#include "core/snapshot.hpp"
#include "core/types.hpp"

#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace hb::core {

/// Whether the text that a `status` printed means "running" (resources.md §6.2): only the text
/// decides, never the exit code.
[[nodiscard]] bool says_running(std::string_view output);

/// How an order to a group ended.
struct GroupOutcome {
  enum class Kind : std::uint8_t {
    started,       ///< every resource runs
    start_failed,  ///< tried twice; everything is stopped again; state failed
    stopped,       ///< every stop went through: the group may run elsewhere now
    stop_failed,   ///< a resource would not stop: state unknown, tried again every 30 s
  };
  GroupId group;
  Kind kind;
};

namespace group_limits {
/// habit: HA_STOPRETRYMAX: a failing stop is repeated ten times, one second apart (§6.4).
inline constexpr unsigned stop_retries = 10;
inline constexpr Duration stop_retry_pause = std::chrono::seconds{1};
/// After that a group that will not stop is tried again at this pace, for as long as it is to stop.
inline constexpr Duration unknown_retry_pause = std::chrono::seconds{30};
/// A failed start is repeated once at once: most failures are passing ones, and moving the service
/// costs more than one more try.
inline constexpr unsigned start_attempts = 2;
/// How long a stop waits for the start that is still running before that start is killed (W3, W7).
inline constexpr Duration start_patience = std::chrono::seconds{60};
}  // namespace group_limits

/// Every group of haresources on this node. Within a group one script runs at a time: left to right
/// `status`, then `start` if it does not run; right to left `stop`. Groups do not wait for each
/// other. An order given while another is carried out replaces it, but the script that runs is
/// waited for (W3). Pure: actions go to the sink's outputs, their ends come back by done().
class Groups {
 public:
  Groups(const Config& config, const std::vector<Group>& groups);

  /// It ran here before us; verify() makes sure.
  void adopt(Now now, GroupId group);

  /// Where a group is in its scripts, out of and into what outlives a crash. A script that ran then
  /// is told by runner_ready() to run still, or to have ended unseen.
  void save(GroupId group, Continuity::Group& row) const;
  void remember(GroupId group, const Continuity::Group& row);

  void start(Now now, GroupId group, ResourceSink& sink);
  void stop(Now now, GroupId group, ResourceSink& sink);
  /// Goes through a running group quietly: what does not run is started.
  void verify(Now now, GroupId group, ResourceSink& sink);
  /// Starts the service addresses of a running group once more, so that they are announced again.
  void refresh(Now now, GroupId group, ResourceSink& sink);

  void done(Now now, const ActionDone& action, ResourceSink& sink);
  /// Tickets that the new runner does not know have ended, nobody knows how: asked for again.
  void runner_ready(Now now, std::span<const Ticket> running, ResourceSink& sink);
  void time_passed(Now now, ResourceSink& sink);
  [[nodiscard]] Instant next_deadline() const;

  /// What ended since the last call, oldest first; none when all is told.
  [[nodiscard]] std::optional<GroupOutcome> next_outcome();
  [[nodiscard]] bool has_outcome() const { return outcomes_told_ < outcomes_.size(); }

  [[nodiscard]] GroupState state(GroupId group) const { return at(group).state; }
  /// Anything of it may be running here: everything but `stopped` and `failed`.
  [[nodiscard]] bool may_run(GroupId group) const;
  /// On its way: starting or stopping.
  [[nodiscard]] bool is_busy(GroupId group) const;
  /// No script runs for it, and none will without a new order.
  [[nodiscard]] bool is_at_rest(GroupId group) const { return at(group).step == Step::idle; }
  /// To be stopped (also when the stop waits for a script).
  [[nodiscard]] bool is_leaving(GroupId group) const;
  /// Wanted here, but not there yet; also between a failed start and the next try.
  [[nodiscard]] bool is_coming(GroupId group) const {
    return may_run(group) && at(group).goal == Goal::run && state(group) != GroupState::running;
  }
  /// Would not stop, and all that could be tried at once was tried.
  [[nodiscard]] bool is_stuck(GroupId group) const {
    return at(group).state == GroupState::unknown && at(group).told_unknown;
  }
  [[nodiscard]] std::uint32_t failures(GroupId group) const { return at(group).failures; }
  [[nodiscard]] Instant since(GroupId group) const { return at(group).since; }
  [[nodiscard]] std::size_t size() const { return runs_.size(); }

 private:
  enum class Step : std::uint8_t {
    idle,
    checking,    ///< status before a start
    starting,
    refreshing,  ///< start of an address that runs already
    stopping,
    confirming,  ///< status after the last failed stop
    pausing,     ///< until the next try of a stop
  };
  enum class Goal : std::uint8_t { rest, run };
  struct Run {
    GroupState state = GroupState::stopped;
    Step step = Step::idle;
    Goal goal = Goal::rest;
    bool giving_up = false;       ///< this stop follows a failed start
    bool told_unknown = false;    ///< stop_failed was reported for this stop
    std::uint16_t resource = 0;   ///< the one that a script runs for
    unsigned attempts = 0;        ///< failed starts of the group, failed stops of the resource
    unsigned failed_starts = 0;
    std::optional<Ticket> ticket;
    Instant deadline = never;
    std::uint32_t failures = 0;
    Instant since{};
  };

  [[nodiscard]] Run& at(GroupId group) { return runs_[group.value]; }
  [[nodiscard]] const Run& at(GroupId group) const { return runs_[group.value]; }
  [[nodiscard]] const Resource& resource(GroupId group) const;
  [[nodiscard]] std::string line(GroupId group) const;
  void enter(Now now, GroupId group, GroupState state, ResourceSink& sink);
  void tell(GroupId group, GroupOutcome::Kind kind);
  void act(GroupId group, Step step, ResourceSink& sink);
  void begin_start(Now now, GroupId group, ResourceSink& sink);
  void begin_stop(Now now, GroupId group, ResourceSink& sink);
  void next_start(Now now, GroupId group, ResourceSink& sink);
  void next_refresh(Now now, GroupId group, ResourceSink& sink);
  void next_stop(Now now, GroupId group, ResourceSink& sink);
  void start_failed(Now now, GroupId group, ResourceSink& sink);
  void stop_failed(Now now, GroupId group, ResourceSink& sink);
  void stop_unconfirmed(Now now, GroupId group, ResourceSink& sink);
  void ended(Now now, GroupId group, const ActionDone& action, ResourceSink& sink);
  void ended_start(Now now, GroupId group, const ActionDone& action, ResourceSink& sink);
  void ended_stop(Now now, GroupId group, const ActionDone& action, ResourceSink& sink);

  const Config& config_;
  const std::vector<Group>& groups_;
  std::vector<Run> runs_;
  std::vector<GroupOutcome> outcomes_;
  std::size_t outcomes_told_ = 0;
};

}  // namespace hb::core
