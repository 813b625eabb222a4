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

/// Whether the text that a `status` printed means "running" for 3.0.6 (resources §6.2): only the
/// text decides, and parts of words count. What may run by this is never called stopped.
[[nodiscard]] bool says_running(std::string_view output);

/// Whether a `status` that ended by itself says that the resource runs: as 6.2, but whole words
/// (`NOK` and `notrunning` do not run, `not`, line end, `running` neither), and not against an exit
/// code that means dead or stopped in LSB and OCF (1, 2, 3, 7). Text alone is believed with any
/// other code, and no code stands in for text: many scripts end every status with 0 (W12).
[[nodiscard]] bool is_running(std::string_view output, int code);

/// How an order to a group ended.
struct GroupOutcome {
  enum class Kind : std::uint8_t {
    started,       ///< every resource runs
    /// Tried as often as the group's policy wants, or its monitors failed too often; everything is
    /// stopped again; state failed.
    start_failed,
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
/// How long a stop waits for the start that is still running before that start is killed (W3, W7).
inline constexpr Duration start_patience = std::chrono::seconds{60};
}  // namespace group_limits

/// Every group of haresources on this node. Within a group one script runs at a time: left to right
/// `status`, then `start` if it does not run; right to left `stop`. Groups do not wait for each
/// other. An order given while another is carried out replaces it, but the script that runs is
/// waited for (W3). What runs and is monitored is asked for its `status`, when no other script of
/// the group runs; a resource that failed is stopped and started in its place, with all to its
/// right, as often as its policy allows. Pure: actions go to the sink's outputs, their ends come
/// back by done().
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
  /// While they rest nothing is monitored; afterwards everything is looked at anew.
  void rest_monitors(Now now, bool rest);
  /// What was counted against the group is forgotten; a stop that waits is tried again at once.
  void forget_failures(Now now, GroupId group, ResourceSink& sink);

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
  /// A stop has failed or took too long, and none has gone well since: nobody knows what runs.
  [[nodiscard]] bool is_unknown(GroupId group) const {
    const Run& run = at(group);
    return run.state == GroupState::unknown ||
           (run.state == GroupState::stopping && run.attempts > 0);
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
    monitoring,  ///< status of what runs
  };
  enum class Goal : std::uint8_t { rest, run };
  struct Run {
    GroupState state = GroupState::stopped;
    Step step = Step::idle;
    Goal goal = Goal::rest;
    bool giving_up = false;       ///< this stop follows a failed start
    bool told_unknown = false;    ///< stop_failed was reported for this stop
    bool recovering = false;      ///< this stop and start leave what is left of `floor` as it is
    bool verify_due = false, refresh_due = false;  ///< asked for while a script ran
    std::uint16_t floor = 0;
    unsigned recoveries = 0;      ///< within the failure window
    Instant failed_at{};          ///< the last failed monitor
    std::uint16_t resource = 0;   ///< the one that a script runs for
    unsigned attempts = 0;        ///< failed starts of the group, failed stops of the resource
    unsigned failed_starts = 0;
    std::optional<Ticket> ticket;
    Instant deadline = never;
    std::uint32_t failures = 0;
    Instant since{};
    std::vector<Instant> monitor_at;  ///< by resource
  };

  [[nodiscard]] Run& at(GroupId group) { return runs_[group.value]; }
  [[nodiscard]] const Run& at(GroupId group) const { return runs_[group.value]; }
  [[nodiscard]] const Resource& resource(GroupId group) const;
  [[nodiscard]] std::string line(GroupId group) const;
  void enter(Now now, GroupId group, GroupState state, ResourceSink& sink);
  void tell(GroupId group, GroupOutcome::Kind kind);
  void act(GroupId group, Step step, ResourceSink& sink);
  [[nodiscard]] Duration timeout(GroupId group, Step step) const;
  void rest(Now now, GroupId group, ResourceSink& sink);
  void arm_monitors(Now now, GroupId group);
  [[nodiscard]] bool is_monitored(GroupId group) const;
  [[nodiscard]] Instant next_monitor(GroupId group) const;
  void monitor(Now now, GroupId group, ResourceSink& sink);
  void monitor_failed(Now now, GroupId group, const ActionDone& action, ResourceSink& sink);
  void begin_recovery(Now now, GroupId group, ResourceSink& sink);
  void begin_start(Now now, GroupId group, ResourceSink& sink);
  void begin_stop(Now now, GroupId group, ResourceSink& sink);
  void next_start(Now now, GroupId group, ResourceSink& sink);
  void next_refresh(Now now, GroupId group, ResourceSink& sink);
  void next_stop(Now now, GroupId group, ResourceSink& sink);
  void start_failed(Now now, GroupId group, ResourceSink& sink);
  void stop_failed(Now now, GroupId group, const ActionDone& action, ResourceSink& sink);
  void stop_unconfirmed(Now now, GroupId group, ResourceSink& sink);
  void ended(Now now, GroupId group, const ActionDone& action, ResourceSink& sink);
  void ended_start(Now now, GroupId group, const ActionDone& action, ResourceSink& sink);
  void ended_stop(Now now, GroupId group, const ActionDone& action, ResourceSink& sink);
  void ended_monitor(Now now, GroupId group, const ActionDone& action, ResourceSink& sink);

  const Config& config_;
  const std::vector<Group>& groups_;
  std::vector<Run> runs_;
  bool monitors_rest_ = false;
  std::vector<GroupOutcome> outcomes_;
  std::size_t outcomes_told_ = 0;
};

}  // namespace hb::core
