// actions: runs resource scripts for the master, keeps the ledger true, reports how they ended
#include "status/actions.hpp"

#include "core/groups.hpp"
#include "core/resource_log_text.hpp"
#include "os/clock.hpp"
#include "os/file.hpp"

#include <fmt/core.h>

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace hb::status {

namespace {

using core::ActionEnd;
using core::LogLevel;
using core::Operation;

/// The shell's answer to a program that cannot be executed; reported like one that ran and failed.
constexpr int cannot_execute = 126;
/// As the debug log, which has the whole output.
constexpr mode_t readable_by_all = 0644;

std::string command_line(const ActionRequest& request, const std::string& path) {
  std::string words;
  for (const std::string& argument : request.arguments)
    words += (words.empty() ? "" : " ") + argument;
  // habit: two blanks if there are no arguments (resources §5)
  return path + ' ' + words + ' ' + std::string(core::name_of(request.operation));
}

void keep_last(std::string& text, std::size_t limit) {
  if (text.size() > limit) text.erase(0, text.size() - limit);
}

/// NUL would end the text early for whoever reads it as a C string.
std::string without_nul(std::string text) {
  std::ranges::replace(text, '\0', ' ');
  return text;
}

/// Our own lines go to the same debug log.
std::string without_our_lines(std::string_view output) {
  std::string kept;
  while (!output.empty()) {
    const auto end = std::min(output.find('\n'), output.size());
    const std::string_view line = output.substr(0, end);
    if (line.find(" heartbeat: [") == line.npos) kept.append(line).append("\n");
    output.remove_prefix(std::min(end + 1, output.size()));
  }
  return kept;
}

std::optional<Operation> operation_of(std::string_view name) {
  for (const Operation operation : {Operation::start, Operation::stop, Operation::status})
    if (core::name_of(operation) == name) return operation;
  return {};
}

}  // namespace

core::Result<ActionRequest> action_of(const core::Message& message) {
  ActionRequest request;
  const auto ticket = message.decimal("ticket");
  const auto resource = message.decimal("resource");
  const auto operation = operation_of(message.text_or_empty("op"));
  if (!ticket) return core::Error{"run_action: no ticket"};
  if (!resource || *resource >= core::limits::resources)
    return core::Error{"run_action: no usable resource index"};
  if (!operation) return core::Error{"run_action: op is none of start, stop, status"};
  request.ticket = *ticket;
  request.group = message.text_or_empty("group");
  request.key = message.text_or_empty("key");
  request.resource = static_cast<std::uint16_t>(*resource);
  request.script = message.text_or_empty("script");
  request.operation = *operation;
  for (std::size_t i = 0; i < message.size(); ++i)
    if (message[i].name == "arg") request.arguments.emplace_back(message[i].value);
  constexpr std::uint64_t longest = 24ULL * 3600 * 1000;
  const auto timeout = std::min(message.decimal("timeout").value_or(0), longest);
  request.timeout = std::chrono::milliseconds(static_cast<std::int64_t>(timeout));
  return request;
}

Actions::Actions(Surroundings& surroundings, Ledger& ledger, Done done)
    : surroundings_(surroundings), ledger_(ledger), done_(std::move(done)) {
  // What an earlier runner saw is of interest still.
  if (auto known = ipc::read_outcomes(surroundings_.settings.outcomes)) {
    outcomes_ = std::move(*known);
  }
}

Actions::~Actions() {
  for (Running& running : running_) {
    surroundings_.loop.unwatch(running.process.pidfd());
    if (running.pipe) surroundings_.loop.unwatch(running.pipe.get());
  }
  for (Stray& stray : strays_) surroundings_.loop.unwatch(stray.pidfd.get());
  for (os::Fd& pipe : late_pipes_) surroundings_.loop.unwatch(pipe.get());
}

// ---- scripts of an earlier runner -------------------------------------------------------------

void Actions::adopt_strays() {
  const std::vector<Holding> entries = ledger_.entries();
  for (const Holding& holding : entries) {
    const ProcessId id = holding.script;
    ledger_.set(holding.key, holding.resource,
                id.pid == 0 && holding.state == HoldState::held ? HoldState::held
                                                                : HoldState::unknown, {});
    if (id.pid <= 0) continue;
    os::Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, id.pid, 0)));
    if (!pidfd || start_time_of(id.pid) != id.start_time) continue;
    surroundings_.log(LogLevel::warn,
                      fmt::format("Group {} waits for process {} of {}, which an earlier runner "
                                  "started.", holding.key, id.pid, holding.name));
    strays_.push_back({holding.key, id, std::move(pidfd)});
    const auto stray = std::prev(strays_.end());
    surroundings_.loop.watch(stray->pidfd.get(), [this, stray] { stray_ended(stray); });
    ledger_.set(holding.key, holding.resource, HoldState::unknown, id);
  }
  is_unsaved_ = true;
}

void Actions::stray_ended(std::list<Stray>::iterator stray) {
  surroundings_.loop.unwatch(stray->pidfd.get());
  for (const Holding& holding : std::vector<Holding>(ledger_.entries()))
    if (holding.script == stray->id)
      ledger_.set(holding.key, holding.resource, holding.state, {});
  strays_.erase(stray);
  is_unsaved_ = true;
}

bool Actions::waits_for_stray(const ActionRequest& request, core::Instant now) {
  bool waits = false;
  for (Stray& stray : strays_) {
    if (stray.key != request.key) continue;
    waits = true;
    if (request.operation == Operation::stop && stray.term_at == core::never)
      stray.term_at = now + limits::stray_patience;
  }
  return waits;
}

void Actions::end_softly(Stray& stray, core::Instant now) {
  if (start_time_of(stray.id.pid) == stray.id.start_time) ::kill(-stray.id.pid, SIGTERM);
  stray.term_at = core::never;
  if (stray.kill_at == core::never) stray.kill_at = now + limits::action_grace;
}

// ---- start ------------------------------------------------------------------------------------

void Actions::run(ActionRequest request) {
  ordered_.push_back(std::move(request));
}

void Actions::begin(core::Instant now) {
  std::deque<ActionRequest> waiting, ready;
  for (ActionRequest& request : ordered_) {
    const bool strays = waits_for_stray(request, now);
    if (strays) request.try_at = {};  // they end when they end
    const bool waits = strays || request.try_at > now;
    (waits ? waiting : ready).push_back(std::move(request));
  }
  ordered_ = std::move(waiting);
  for (const ActionRequest& request : ready) note_start(request);
  save();
  for (ActionRequest& request : ready) start(std::move(request), now);
  save();  // with the process ids, for a runner after us
}

void Actions::start(ActionRequest request, core::Instant now) {
  ActionReport report{request.ticket, ActionEnd::missing, 0, {}};
  const auto path = find_script(request.script, surroundings_.settings.path);
  if (!path) {
    surroundings_.log(LogLevel::error,
                      fmt::format(core::resource_text::no_script, request.script));
    return finish(request, std::move(report));
  }
  if (running_.size() >= limits::actions) {
    surroundings_.log(LogLevel::error, fmt::format("{}: too many scripts run already", *path));
    report.end = ActionEnd::exited;
    report.code = cannot_execute;
    return finish(request, std::move(report));
  }
  const auto level = request.operation == Operation::status ? LogLevel::debug : LogLevel::info;
  surroundings_.log(level, "Running " + command_line(request, *path));
  auto launched = launch(request, *path, now);
  if (!launched) {
    if (is_put_off(request, launched.error(), now)) return;
    surroundings_.log(LogLevel::error, launched.error().text);
    report.end = ActionEnd::exited;
    report.code = cannot_execute;
    return finish(request, std::move(report));
  }
  running_.push_back(std::move(*launched));
  const Place place = std::prev(running_.end());
  surroundings_.loop.watch(place->process.pidfd(), [this, place] { ended(place); });
  if (place->pipe)
    surroundings_.loop.watch(place->pipe.get(), [this, place] { read_output(*place); });
  const pid_t pid = place->process.pid();
  const Holding* holding = ledger_.find(request.key, request.resource);
  if (holding != nullptr && request.operation != Operation::status) {
    ledger_.set(request.key, request.resource, holding->state,
                {pid, start_time_of(pid).value_or(0)});
    is_unsaved_ = true;
  }
}

/// Processes, memory and descriptors come back; a service that is not started for a moment's want
/// of them would stay away for much longer.
bool Actions::is_put_off(const ActionRequest& request, const core::Error& error,
                         core::Instant now) {
  const int cause = error.os_error;
  const bool is_shortage =
      cause == EAGAIN || cause == ENOMEM || cause == EMFILE || cause == ENFILE;
  const bool is_first = request.try_at == core::Instant{};
  if (!is_shortage || (!is_first && now >= request.try_until)) return false;
  ActionRequest again = request;
  again.try_at = now + limits::launch_pause;
  if (is_first) {
    again.try_until = now + limits::launch_patience;
    surroundings_.log(LogLevel::error,
                      fmt::format("{}; tried again for {} s", error.text,
                                  limits::launch_patience / std::chrono::seconds{1}));
  }
  ordered_.push_back(std::move(again));
  return true;
}

core::Result<Actions::Running> Actions::launch(const ActionRequest& request,
                                               const std::string& path, core::Instant now) {
  LaunchPlan plan;
  plan.path = path;
  plan.arguments = request.arguments;
  plan.arguments.emplace_back(core::name_of(request.operation));
  plan.environment = surroundings_.settings.environment;
  plan.folder = surroundings_.settings.workdir;
  plan.in = surroundings_.files.null();
  plan.out = plan.error = surroundings_.files.script_output();
  os::Fd read_end, write_end;
  OutputMark mark;
  if (request.operation == Operation::status) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
      return core::Error{path + ": pipe: " + std::strerror(errno), errno};
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
    plan.out = write_end.get();
  } else {
    mark = surroundings_.files.mark();
  }
  auto process = ForeignProcess::launch(plan);
  if (!process) return process.error();
  return Running{request, path, std::move(*process), std::move(read_end), {}, std::move(mark), now,
                 now + limits::action_warning,
                 request.timeout > core::Duration::zero() ? now + request.timeout : core::never};
}

// ---- while it runs ----------------------------------------------------------------------------

void Actions::read_output(Running& running) const {
  std::array<char, 4096> buffer;
  // Bounded: a script that floods its output must not keep the runner from its work.
  for (int round = 0; round < 16; ++round) {
    const ssize_t got = ::read(running.pipe.get(), buffer.data(), buffer.size());
    if (got > 0) {
      running.output.append(buffer.data(), static_cast<std::size_t>(got));
      keep_last(running.output, core::limits::script_output_bytes);
      continue;
    }
    if (got == 0) {  // end of output, while the script runs on
      surroundings_.loop.unwatch(running.pipe.get());
      running.pipe.reset();
    }
    return;
  }
}

void Actions::kill(std::uint64_t ticket) {
  const core::Instant now = os::instant_now();
  for (Running& running : running_)
    if (running.request.ticket == ticket) return end_softly(running, now);
  const auto waiting = std::ranges::find(ordered_, ticket, &ActionRequest::ticket);
  if (waiting == ordered_.end()) return;
  for (Stray& stray : strays_)
    if (stray.key == waiting->key) end_softly(stray, now);
  const ActionRequest request = std::move(*waiting);
  ordered_.erase(waiting);
  finish(request, {request.ticket, ActionEnd::signaled, SIGTERM, {}});
}

void Actions::kill_all_but_stops() {
  std::vector<std::uint64_t> tickets;
  const auto note = [&](const ActionRequest& request) {
    if (request.operation != Operation::stop) tickets.push_back(request.ticket);
  };
  for (const Running& running : running_) note(running.request);
  for (const ActionRequest& request : ordered_) note(request);
  for (const std::uint64_t ticket : tickets) kill(ticket);
}

void Actions::end_softly(Running& running, core::Instant now) {
  running.process.signal_group(SIGTERM);
  running.timeout_at = core::never;
  if (running.kill_at == core::never) running.kill_at = now + limits::action_grace;
}

void Actions::tick(core::Instant now) {
  for (Running& running : running_) {
    if (running.next_warning <= now) {
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - running.started);
      surroundings_.log(LogLevel::warn,
                        fmt::format("{} has been running for {} s",
                                    command_line(running.request, running.path), seconds.count()));
      running.next_warning = now + limits::action_warning;
    }
    if (running.timeout_at <= now) {
      running.timed_out = true;
      surroundings_.log(LogLevel::error, fmt::format("{} took too long and is ended",
                                                     command_line(running.request, running.path)));
      end_softly(running, now);
    }
    if (running.kill_at <= now) {
      running.process.signal_group(SIGKILL);
      running.kill_at = now + limits::action_grace;  // one in the kernel's hands may need more
    }
  }
  for (Stray& stray : strays_) {
    if (stray.term_at <= now) end_softly(stray, now);
    if (stray.kill_at > now) continue;
    if (start_time_of(stray.id.pid) == stray.id.start_time) ::kill(-stray.id.pid, SIGKILL);
    stray.kill_at = now + limits::action_grace;
  }
}

core::Instant Actions::next_deadline() const {
  core::Instant next = core::never;
  for (const Running& running : running_)
    next = std::min({next, running.next_warning, running.timeout_at, running.kill_at});
  for (const ActionRequest& request : ordered_)
    if (request.try_at != core::Instant{}) next = std::min(next, request.try_at);
  for (const Stray& stray : strays_) next = std::min({next, stray.term_at, stray.kill_at});
  return next;
}

bool Actions::is_busy(std::string_view key) const {
  const auto is_of_key = [&](const ActionRequest& request) { return request.key == key; };
  return std::ranges::any_of(running_, is_of_key, &Running::request) ||
         std::ranges::any_of(ordered_, is_of_key);
}

// ---- end --------------------------------------------------------------------------------------

void Actions::ended(Place place) {
  Running& running = *place;
  // Before the leader is reaped, while its number still names the group: what an ended script left
  // behind must not work on while its group goes elsewhere.
  if (running.kill_at != core::never) running.process.signal_group(SIGKILL);
  const auto end = running.process.reap();
  if (!end) return;
  surroundings_.loop.unwatch(running.process.pidfd());
  if (running.pipe) read_output(running);
  if (running.pipe) {
    surroundings_.loop.unwatch(running.pipe.get());
    keep_late_pipe(std::move(running.pipe));
  }
  if (running.request.operation != Operation::status)
    running.output = LogFiles::since(running.mark, core::limits::script_output_bytes);
  ActionReport report{running.request.ticket, ActionEnd::exited, end->code,
                      without_nul(std::move(running.output)),
                      os::instant_now() - running.started};
  if (end->how == ProcessEnd::How::signaled) report.end = ActionEnd::signaled;
  if (running.timed_out) report.end = ActionEnd::timed_out;
  const bool is_failed = report.end != ActionEnd::exited || report.code != 0;
  if (is_failed && running.request.operation != Operation::status) {
    // habit: a shell tells a signal as 128 + its number
    const int code = end->how == ProcessEnd::How::signaled ? 128 + end->code : end->code;
    surroundings_.log(LogLevel::error,
                      fmt::format(core::resource_text::return_code, code, running.path));
  }
  const ActionRequest request = std::move(running.request);
  running_.erase(place);
  finish(request, std::move(report));
}

/// A child of a status script may still write: a closed pipe would kill it.
void Actions::keep_late_pipe(os::Fd pipe) {
  if (late_pipes_.size() >= limits::late_pipes) {
    surroundings_.loop.unwatch(late_pipes_.front().get());
    late_pipes_.pop_front();
  }
  const int fd = pipe.get();
  late_pipes_.push_back(std::move(pipe));
  surroundings_.loop.watch(fd, [this, fd] {
    std::array<char, 4096> unwanted;
    if (::read(fd, unwanted.data(), unwanted.size()) != 0) return;
    surroundings_.loop.unwatch(fd);
    std::erase_if(late_pipes_, [fd](const os::Fd& late) { return late.get() == fd; });
  });
}

void Actions::finish(const ActionRequest& request, ActionReport report) {
  note_end(request, report);
  note_outcome(request, report);
  done_(request, report);
}

// ---- ledger -----------------------------------------------------------------------------------

void Actions::note_start(const ActionRequest& request) {
  const bool is_known = ledger_.find(request.key, request.resource) != nullptr;
  if (request.operation == Operation::status) return;
  if (request.operation == Operation::stop && !is_known) return;
  const auto state = request.operation == Operation::start ? HoldState::starting
                                                           : HoldState::stopping;
  const auto noted = ledger_.note(
      {request.key, request.resource, state, {}, request.script, request.arguments});
  if (!noted) surroundings_.log(LogLevel::error, noted.error().text);
  is_unsaved_ = true;
}

void Actions::note_end(const ActionRequest& request, const ActionReport& report) {
  is_unsaved_ = true;
  const bool is_good = report.end == ActionEnd::exited && report.code == 0;
  const Holding* known = ledger_.find(request.key, request.resource);
  switch (request.operation) {
    case Operation::start:
      if (report.end == ActionEnd::missing) return ledger_.remove(request.key, request.resource);
      ledger_.set(request.key, request.resource, is_good ? HoldState::held : HoldState::unknown,
                  {});
      break;
    case Operation::stop:
      // What has no script cannot have been started by one.
      if (is_good || report.end == ActionEnd::missing)
        ledger_.remove(request.key, request.resource);
      else
        ledger_.set(request.key, request.resource, HoldState::unknown, {});
      break;
    case Operation::status: {
      if (report.end != ActionEnd::exited) return;
      const bool runs = core::says_running(report.output);
      if (runs == (known != nullptr && known->state == HoldState::held)) return;
      // It runs though we never started it: asked before a start, so it is held from now on.
      if (runs)
        (void)ledger_.note({request.key, request.resource, HoldState::held, {}, request.script,
                            request.arguments});
      else
        ledger_.remove(request.key, request.resource);
      break;
    }
  }
}

/// For people: what cl_status resources shows.
void Actions::note_outcome(const ActionRequest& request, const ActionReport& report) {
  std::string script = request.script;
  for (const std::string& argument : request.arguments) script += "::" + argument;
  outcomes_.note({request.key, request.resource, std::move(script), request.operation, report.end,
                  report.code,
                  static_cast<std::uint64_t>(report.took / std::chrono::milliseconds{1}),
                  os::now().wall.time_since_epoch().count(), without_our_lines(report.output)});
  are_outcomes_unsaved_ = !surroundings_.settings.outcomes.empty();
}

void Actions::save() {
  if (std::exchange(are_outcomes_unsaved_, false)) {
    const auto written = os::write_atomically(surroundings_.settings.outcomes, outcomes_.encode(),
                                              readable_by_all);
    if (!written) surroundings_.log(LogLevel::warn, written.error().text);
  }
  if (!is_unsaved_) return;
  is_unsaved_ = false;
  if (const auto saved = ledger_.save(); !saved)
    surroundings_.log(LogLevel::error, saved.error().text);
}

}  // namespace hb::status
