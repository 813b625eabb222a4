// runner: the root process that runs every foreign program and guards what we hold
#include "status/runner.hpp"

#include "core/frame.hpp"
#include "ipc/child.hpp"
#include "os/clock.hpp"
#include "os/file.hpp"
#include "os/log.hpp"
#include "status/actions.hpp"
#include "status/address_probes.hpp"
#include "status/addresses.hpp"
#include "status/fencing.hpp"
#include "status/hooks.hpp"
#include "status/log_daemon.hpp"
#include "status/ledger.hpp"
#include "status/logger.hpp"
#include "status/master_watch.hpp"
#include "status/release.hpp"
#include "status/respawn.hpp"
#include "status/service_paths.hpp"
#include "status/state_writer.hpp"
#include "status/successor.hpp"
#include "status/surroundings.hpp"

#include <fmt/core.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syslog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <deque>
#include <optional>

namespace hb::status {

namespace {

using core::LogLevel;
using ipc::RecordType;

/// Records for a master that does not drain; beyond, log lines are dropped, reports never.
constexpr std::size_t waiting_records = 4096;
constexpr core::Duration send_again = std::chrono::milliseconds{5};
/// A log line is cut here; with its fields it stays within the permit table.
constexpr std::size_t log_text_bytes = 4000;
/// The ledger's lines in runner_state, likewise.
constexpr std::size_t state_bytes = 48 << 10;
/// For what still runs after the master said goodbye.
/// Orphaned: how often we look whether another runner has taken the ledger.
constexpr core::Duration look_pause = std::chrono::milliseconds{20};
constexpr core::Duration leaving_patience = std::chrono::seconds{60};

/// Still an ordinary process, yet one that a busy machine does not keep waiting: between a verdict
/// and the first script there is only this one. Scripts run at nice 0.
constexpr int own_nice = -15;

/// serving: there is a master. leaving: it said goodbye. orphaned: it died, and may come back.
/// releasing: it did not. ending: only respawn clients are left to be stopped.
enum class Phase : std::uint8_t { serving, leaving, orphaned, releasing, ending };

std::string_view name_of(core::ActionEnd end) {
  switch (end) {
    case core::ActionEnd::exited: return "exited";
    case core::ActionEnd::signaled: return "signaled";
    case core::ActionEnd::missing: return "missing";
    case core::ActionEnd::timed_out: return "timed_out";
    case core::ActionEnd::unknown: return "unknown";
  }
  return "";
}

/// The facility of ha.cf, which the scripts get by name, for lines that nobody else can write now.
int facility_of(const RunnerSettings& settings) {
  constexpr std::string_view variable = "HA_LOGFACILITY=";
  constexpr std::string_view local = "local";
  for (const std::string& setting : settings.environment) {
    if (!setting.starts_with(variable)) continue;
    const auto name = std::string_view(setting).substr(variable.size());
    if (name == "none" || name.empty()) return -1;
    const bool is_local = name.size() == local.size() + 1 && name.starts_with(local) &&
                          name.back() >= '0' && name.back() <= '7';
    return is_local ? LOG_LOCAL0 + ((name.back() - '0') << 3) : LOG_DAEMON;
  }
  return -1;
}

class Runner {
 public:
  explicit Runner(ipc::Child child);
  int serve();

 private:
  void take(const ipc::RecordView& record);
  void take_message(RecordType type, const core::Message& message);
  void configure(const core::Message& message);
  void report_state();
  void order(const core::Message& message);
  void action_ended(const ActionRequest& request, const ActionReport& report);
  void report_end(std::uint64_t ticket, core::ActionEnd end, int code, std::string_view output);
  void report_client(std::uint64_t ticket, const ProcessEnd& end);

  void turn();
  void master_lost();
  void go_on(core::Instant now);
  void check_logs(core::Instant now);
  void end();

  void send(RecordType type, const core::Message& message);
  void send_waiting();
  void log(LogLevel level, std::string_view text);
  void log_alone(LogLevel level, std::string_view text);
  void watch_signals();

  ipc::Child child_;
  Surroundings surroundings_;
  Phase phase_ = Phase::serving;
  struct Waiting {
    RecordType type;
    std::string payload;
  };
  std::deque<Waiting> waiting_;
  std::optional<Logger> logger_;  // only without a master
  std::optional<Ledger> ledger_;  // from the first runner_config on
  std::optional<Actions> actions_;
  Hooks hooks_;
  Fencing fencing_;
  RespawnClients clients_;
  LogDaemon log_daemon_;
  StateWriter state_writer_;
  Addresses addresses_;
  MasterWatch master_watch_;
  ServicePaths service_paths_;
  AddressProbes probes_;
  Successor successor_;
  std::optional<Release> release_;
  os::Fd signals_;
  bool hung_ = false;  ///< the master; we ended it
  core::Instant phase_end_ = core::never, next_log_check_ = core::never;
  core::Instant next_look_ = core::never;  ///< orphaned: has a new runner the ledger?
  core::Message incoming_, outgoing_;
};

Runner::Runner(ipc::Child child)
    : child_(std::move(child)),
      surroundings_{child_.loop(), {}, {},
                    [this](RecordType type, const core::Message& message) { send(type, message); },
                    [this](LogLevel level, std::string_view text) { log(level, text); }},
      hooks_(surroundings_, [this](std::uint64_t ticket, core::ActionEnd end, int code) {
        report_end(ticket, end, code, {});
      }),
      fencing_(surroundings_, [this](std::uint64_t ticket, core::ActionEnd end, int code,
                                     std::string_view output) {
        report_end(ticket, end, code, output);
      }),
      clients_(surroundings_, [this](std::uint64_t ticket, const ProcessEnd& ended) {
        report_client(ticket, ended);
      }),
      state_writer_(surroundings_),
      addresses_(surroundings_, [this](const Addresses::Loss& loss) {
        outgoing_.clear();
        outgoing_.add("group", loss.group);
        outgoing_.add("address", loss.address);
        outgoing_.add("text", loss.text);
        send(RecordType::address_lost, outgoing_);
      }),
      service_paths_(surroundings_),
      probes_(surroundings_),
      successor_(surroundings_) {}

int Runner::serve() {
  ::setpriority(PRIO_PROCESS, 0, own_nice);  // refused in some containers: slower, not wrong
  watch_signals();
  child_.on_master_lost([this] { master_lost(); });
  return child_.serve([this](const ipc::RecordView& record) { take(record); }, [this] { turn(); });
}

/// A stop of the whole service (systemd signals every process) must find us working: the master
/// orders the release. Only when it is gone does TERM mean: release now.
void Runner::watch_signals() {
  for (const int signal : {SIGINT, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM})
    ::signal(signal, SIG_IGN);
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  signals_.reset(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  ENSURE(signals_.valid());
  child_.loop().watch(signals_.get(), [this] {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == sizeof info)
      if (phase_ == Phase::orphaned) phase_end_ = os::instant_now();
  });
}

// ---- records ----------------------------------------------------------------------------------

void Runner::take(const ipc::RecordView& record) {
  if (record.type == RecordType::goodbye) {
    phase_ = Phase::leaving;
    if (ledger_) ledger_->share();  // a master that restarts itself has a new runner soon
    phase_end_ = os::instant_now() + leaving_patience;
    clients_.stop_all();
    return;
  }
  if (record.type == RecordType::no_successor) return successor_.forbid();
  if (!core::decode(record.payload, incoming_))
    return log(LogLevel::error, "A record is no message");
  take_message(record.type, incoming_);
}

void Runner::take_message(RecordType type, const core::Message& message) {
  switch (type) {
    case RecordType::runner_config: return configure(message);
    case RecordType::run_action: return order(message);
    case RecordType::kill_action: {
      const auto ticket = message.decimal("ticket").value_or(0);
      fencing_.kill(ticket);
      if (actions_) actions_->kill(ticket);
      return;
    }
    case RecordType::fence: return fencing_.run(message);
    case RecordType::run_hook: return hooks_.run(message);
    case RecordType::start_client: return clients_.start(message);
    case RecordType::stop_client: {
      const auto ticket = message.decimal("ticket").value_or(0);
      return ticket == 0 ? clients_.stop_all() : clients_.stop(ticket);
    }
    case RecordType::persist:
      return state_writer_.write(message.text_or_empty("file"), message.text_or_empty("content"));
    case RecordType::holdings: return addresses_.hold(message);
    case RecordType::service_paths: return service_paths_.configure(message);
    case RecordType::probe_addresses: return probes_.ask(message);
    default: return;  // the permit table lets nothing else through
  }
}

void Runner::configure(const core::Message& message) {
  auto settings = settings_of(message);
  if (!settings) return log(LogLevel::error, settings.error().text);
  surroundings_.settings = std::move(*settings);
  const RunnerSettings& now = surroundings_.settings;
  surroundings_.files.configure(now.logfile, now.debugfile, now.ledger + ".output");
  log_daemon_.configure(now.use_logd, now.conn_logd_time);
  check_logs(os::instant_now());
  if (ledger_) return;
  const pid_t own = ::getpid();
  ledger_.emplace(now.ledger, os::boot_id(), ProcessId{own, start_time_of(own).value_or(0)});
  actions_.emplace(surroundings_, *ledger_,
                   [this](const ActionRequest& request, const ActionReport& report) {
                     action_ended(request, report);
                   });
  const auto loaded = ledger_->load();
  if (!loaded) log(LogLevel::error, loaded.error().text);
  if (loaded && *loaded > 0)
    log(LogLevel::error, fmt::format("{} lines of {} make no sense", *loaded, now.ledger));
  report_state();
  actions_->adopt_strays();
  actions_->save();
  master_watch_.begin(now.board, now.hang_after);
}

void Runner::report_state() {
  outgoing_.clear();
  std::size_t bytes = 0;
  for (const Holding& holding : ledger_->entries()) {
    const std::string line = fmt::format("{} {} {}", holding.key, holding.resource,
                                         status::name_of(holding.state));
    bytes += line.size() + 16;
    if (bytes > state_bytes) break;
    outgoing_.add("held", line);
  }
  send(RecordType::runner_state, outgoing_);
}

void Runner::order(const core::Message& message) {
  auto request = action_of(message);
  if (!request || !actions_) {
    log(LogLevel::error, request ? "run_action before runner_config" : request.error().text);
    return report_end(message.decimal("ticket").value_or(0), core::ActionEnd::missing, 0, {});
  }
  addresses_.told(request->group, request->operation);
  actions_->run(std::move(*request));
}

// ---- reports ----------------------------------------------------------------------------------

void Runner::action_ended(const ActionRequest& request, const ActionReport& report) {
  if (release_)
    release_->ended(request, report);
  else
    report_end(report.ticket, report.end, report.code, report.output);
}

void Runner::report_end(std::uint64_t ticket, core::ActionEnd end, int code,
                        std::string_view output) {
  outgoing_.clear();
  outgoing_.add_decimal("ticket", ticket);
  outgoing_.add("end", name_of(end));
  outgoing_.add("code", std::to_string(code));
  outgoing_.add("output", output);
  send(RecordType::action_done, outgoing_);
}

void Runner::report_client(std::uint64_t ticket, const ProcessEnd& ended) {
  outgoing_.clear();
  outgoing_.add_decimal("ticket", ticket);
  outgoing_.add("end", ended.how == ProcessEnd::How::exited ? "exited" : "signaled");
  outgoing_.add("code", std::to_string(ended.code));
  send(RecordType::client_done, outgoing_);
}

void Runner::send(RecordType type, const core::Message& message) {
  if (phase_ == Phase::orphaned || logger_) return;  // nobody listens
  if (type == RecordType::log && waiting_.size() >= waiting_records) return;
  std::string payload;
  core::append_netstring(message, payload);
  ENSURE(payload.size() <= ipc::permitted_bytes(ipc::Role::runner, ipc::Direction::up, type));
  waiting_.push_back({type, std::move(payload)});
}

void Runner::send_waiting() {
  while (!waiting_.empty()) {
    const Waiting& first = waiting_.front();
    if (!child_.channel().push(first.type, 0, os::instant_now(), core::as_bytes(first.payload)))
      return;
    waiting_.pop_front();
  }
}

void Runner::log(LogLevel level, std::string_view text) {
  if (logger_) return log_alone(level, text);
  core::Message line;  // not outgoing_: a report may be in the making
  line.add("level", core::name_of(level));
  line.add("text", text.substr(0, log_text_bytes));
  send(RecordType::log, line);
}

void Runner::log_alone(LogLevel level, std::string_view text) {
  LogEntry entry;
  entry.level = level;
  entry.pid = static_cast<std::uint32_t>(::getpid());
  entry.text = text;
  logger_->write(entry, os::now().wall);
}

// ---- one turn ---------------------------------------------------------------------------------

void Runner::turn() {
  const core::Instant now = os::instant_now();
  go_on(now);
  if (actions_) {
    if (release_) release_->tick(now);
    actions_->begin(now);
    actions_->tick(now);
    actions_->save();  // before the reports leave
  }
  hooks_.tick(now);
  fencing_.tick(now);
  // A new master's runner starts clients anew; until we know, none is restarted here.
  if (phase_ != Phase::orphaned) clients_.tick(now);
  addresses_.tick(now);
  service_paths_.tick(now);
  probes_.tick(now);
  if (next_log_check_ <= now) check_logs(now);
  send_waiting();
  auto next = std::min({phase_end_, next_look_, next_log_check_, hooks_.next_deadline(),
                        addresses_.next_deadline(), service_paths_.next_deadline(),
                        probes_.next_deadline(), fencing_.next_deadline()});
  if (phase_ != Phase::orphaned) next = std::min(next, clients_.next_deadline());
  if (phase_ == Phase::serving) next = std::min(next, master_watch_.next_deadline());
  if (actions_) next = std::min(next, actions_->next_deadline());
  if (release_) next = std::min(next, release_->next_deadline());
  if (!waiting_.empty()) next = std::min(next, now + send_again);
  child_.loop().deadline(next);
}

void Runner::check_logs(core::Instant now) {
  next_log_check_ = now + LogFiles::interval;
  surroundings_.files.check(
      [this](std::uint8_t tag, int fd) { return child_.channel().send_fd(tag, fd); },
      [this](std::string_view text) { log(LogLevel::error, text); });
  log_daemon_.check(
      now, [this](int fd) { return child_.channel().send_fd(ipc::log_daemon_tag, fd); },
      [this](LogLevel level, std::string_view text) { log(level, text); });
}

// ---- when the master goes ---------------------------------------------------------------------

/// Its last records are still to be drained: a goodbye may be among them.
void Runner::master_lost() {
  if (phase_ != Phase::serving) return;
  phase_ = Phase::orphaned;
  phase_end_ = os::instant_now() + surroundings_.settings.deadtime / 2;
  if (ledger_) ledger_->share();
}

void Runner::go_on(core::Instant now) {
  next_look_ = core::never;
  if (phase_ != Phase::serving) fencing_.end_all();
  // Its end of file follows, and with it all that follows the death of a master.
  if (phase_ == Phase::serving && master_watch_.end_if_hung(now)) hung_ = true;
  if (phase_ == Phase::orphaned && !logger_) {
    logger_.emplace();
    LogFormat format;
    format.host = os::log_source().host;
    format.facility = facility_of(surroundings_.settings);
    logger_->configure(std::move(format));
    if (const int fd = surroundings_.files.logfile(); fd >= 0)
      logger_->set_file(os::Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 3)));
    if (const int fd = surroundings_.files.debugfile(); fd >= 0)
      logger_->set_debug_file(os::Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 3)));
    log(LogLevel::crit, hung_ ? "The master control process hung, and was ended."
                              : "The master control process died.");
    waiting_.clear();
    successor_.start();
  }
  if (phase_ == Phase::orphaned && ledger_ && !ledger_->is_ours()) {
    log(LogLevel::info, "A new master took over what runs here.");
    phase_ = Phase::ending;
    phase_end_ = core::never;
    clients_.stop_all();
  } else if (phase_ == Phase::orphaned && !successor_.is_hopeless() && now < phase_end_) {
    next_look_ = now + look_pause;
  }
  if (phase_ == Phase::orphaned && (now >= phase_end_ || successor_.is_hopeless())) {
    phase_end_ = core::never;
    const bool is_ours = ledger_ && ledger_->is_ours();
    phase_ = is_ours ? Phase::releasing : Phase::ending;
    if (is_ours) {
      log(LogLevel::crit, "No master came back: everything that is held here is released.");
      release_.emplace(surroundings_, *ledger_, *actions_);
    } else {
      clients_.stop_all();  // another runner holds everything now
    }
  }
  if (phase_ == Phase::releasing && !ledger_->is_ours()) {
    log(LogLevel::warn, "A new master came: the release ends here.");
    release_.reset();
    phase_ = Phase::ending;
    clients_.stop_all();
  }
  if (phase_ == Phase::releasing && release_->is_done()) {
    addresses_.drop_all();
    log(LogLevel::info, "All HA resources relinquished.");
    phase_ = Phase::ending;
    clients_.stop_all();
  }
  if (phase_ == Phase::leaving && now >= phase_end_) {
    if (actions_) actions_->kill_all_but_stops();
    hooks_.kill_all();
    phase_end_ = core::never;
    phase_ = Phase::ending;
  }
  end();
}

void Runner::end() {
  if (phase_ != Phase::leaving && phase_ != Phase::ending) return;
  const bool is_working = (actions_ && !actions_->idle() && phase_ == Phase::leaving) ||
                          !clients_.idle() || !state_writer_.idle() || !fencing_.idle();
  if (!is_working) child_.leave(ipc::exit_done);
}

}  // namespace

int runner_main() {
  auto child = ipc::Child::begin(ipc::Child::Rights::root);
  if (!child) return ipc::report_failed_start(child.error());
  return Runner(std::move(*child)).serve();
}

}  // namespace hb::status
