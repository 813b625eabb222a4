// master: the master control process: drains rings, steps the engine, carries out its outputs
#include "master/master.hpp"

#include "core/config_text.hpp"
#include "core/frame.hpp"
#include "core/log_text.hpp"
#include "core/version.hpp"
#include "core/witness.hpp"
#include "master/fence_command.hpp"
#include "master/state_files.hpp"
#include "master/script_environment.hpp"
#include "os/clock.hpp"
#include "os/confine.hpp"
#include "os/file.hpp"
#include "os/log.hpp"
#include "os/paths.hpp"
#include "os/process.hpp"
#include "os/realtime.hpp"
#include "os/reboot.hpp"
#include "os/watchdog.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/capability.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace hb::master {
namespace {

/// Records taken from one child before the next has its turn: a flooding link must not starve
/// others.
constexpr std::size_t records_a_turn = 256;
/// Rounds before the loop looks at signals and deaths again, however much is waiting.
constexpr int rounds_a_turn = 16;
/// Log lines kept while the status process is away.
constexpr std::size_t early_log_lines = 1000;
/// As the `debug` directive takes it.
constexpr unsigned highest_debug_level = 255;
/// The board's copy is never older than this, so that its age tells whether the master hangs.
constexpr core::Duration publish_interval = std::chrono::seconds{1};
/// Scripts whose first argument begins with a service address.
constexpr std::array<std::string_view, 3> address_scripts = {"IPaddr", "IPaddr2", "IPv6addr"};

/// Bytes of `value` in native order, for raw records between processes of one host.
template <class Rep>
core::Bytes raw(const Rep& value) {
  return core::Bytes{reinterpret_cast<const std::byte*>(&value), sizeof value};
}

core::LogLevel level_of(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(core::LogLevel::debug); ++i) {
    const auto level = static_cast<core::LogLevel>(i);
    if (core::name_of(level) == name) return level;
  }
  return core::LogLevel::info;
}

/// Users and groups as numbers; a name that this host does not know is left out, and grants
/// nothing.
void add_api_auth(const core::ApiAuth& entry, core::Message& message) {
  const auto number = [](std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() ? std::optional{value}
                                                                    : std::nullopt;
  };
  message.add("apiauth_name", entry.client);
  for (const std::string& user : entry.users) {
    const passwd* account = ::getpwnam(user.c_str());
    const auto uid = account != nullptr ? std::optional<std::uint32_t>{account->pw_uid}
                                        : number(user);
    if (uid) message.add_decimal("apiauth_uid", *uid);
  }
  for (const std::string& name : entry.groups) {
    const group* found = ::getgrnam(name.c_str());
    const auto gid = found != nullptr ? std::optional<std::uint32_t>{found->gr_gid}
                                      : number(name);
    if (gid) message.add_decimal("apiauth_gid", *gid);
  }
}

/// Opened before real time begins; later rotations come from the runner. habit: owned by hacluster.
os::Fd open_log(const std::string& path) {
  if (path.empty() || path == "/dev/null") return {};
  os::Fd fd{::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644)};
  const passwd* cluster = ::getpwnam("hacluster");
  if (fd.valid() && cluster != nullptr) {
    (void)!::fchown(fd.get(), cluster->pw_uid, cluster->pw_gid);
  }
  return fd;
}

/// The service addresses of a group, as its resources name them.
std::vector<std::string_view> addresses_of(const core::Group& group) {
  std::vector<std::string_view> addresses;
  for (const core::Resource& resource : group.resources) {
    const bool is_address =
        std::ranges::find(address_scripts, resource.script) != address_scripts.end();
    if (is_address && !resource.arguments.empty()) addresses.push_back(resource.arguments.front());
  }
  return addresses;
}

/// What brings the machine down when a failfast client died. HA_REBOOT_WITH (`env REBOOT_WITH=...`
/// in ha.cf) names a program that is run instead, for tests and for people who want to be called.
std::string reboot_program(const core::Config& config) {
  for (const auto& [name, value] : config.environment) {
    if (name == "REBOOT_WITH") return value;
  }
  return os::reboot_by_kernel;
}

core::ActionEnd action_end(std::string_view name) {
  if (name == "exited") return core::ActionEnd::exited;
  if (name == "signaled") return core::ActionEnd::signaled;
  if (name == "missing") return core::ActionEnd::missing;
  if (name == "timed_out") return core::ActionEnd::timed_out;
  return core::ActionEnd::unknown;
}

}  // namespace

Master::Master(MasterSetup setup) : setup_{std::move(setup)} {
  std::vector<std::string> environment;
  if (setup_.loaded.config.realtime) {
    // One below the master, which must be able to judge while its readers are busy.
    const unsigned priority = std::max(1U, setup_.loaded.config.rtprio - 1);
    environment.push_back(fmt::format("{}={}", os::priority_variable, priority));
  }
  if (os::filter_mode() == os::FilterMode::log) {
    environment.push_back(std::string{os::filter_variable} + "=log");
  }
  supervisor_ = std::make_unique<Supervisor>(loop_, setup_.image.get(), std::move(environment));
  supervisor_->on_spawned = [this](Child& child) { spawned(child); };
  supervisor_->on_fd = [this](Child& child, const ipc::ReceivedFd& received) {
    // A log file opened anew after a rotation: the runner may open, only the status process writes.
    Child* status = supervisor_->find(ipc::Role::status);
    if (child.spec.role != ipc::Role::runner || status == nullptr || !status->channel) return;
    (void)!status->channel->send_fd(received.tag, received.fd.get());
  };
  supervisor_->on_lost = [this](Child& child, const std::string& how) { lost(child, how); };
  media_ = std::make_unique<Media>(
      loop_, *supervisor_,
      [this](core::LogLevel level, std::string_view text) { log(level, text); },
      [this](core::LinkId link) {
        if (started_) step(os::now(), core::LinkOpened{link});
      });
}

Master::~Master() = default;

core::Result<MasterEnd> Master::run() {
  if (auto prepared = prepare(); !prepared) return std::move(prepared).error();
  const core::Now now = os::now();
  last_turn_ = now.instant;
  supervisor_->start_due(now.instant);
  board_->publish(engine_->snapshot());
  apply(engine_->start());
  started_ = true;
  precautions_.arm(setup_.loaded.config);
  if (setup_.loaded.config.realtime) {
    for (const std::string& warning :
         os::go_realtime(setup_.loaded.config.rtprio, os::TextLock::all)) {
      log(core::LogLevel::warn, warning);
    }
  }
  // From here on a right is raised for the one call that needs it (CapScope).
  if (auto lowered = os::lower_capabilities(); !lowered) {
    log(core::LogLevel::warn, lowered.error().text);
  }
  loop_.on_turn([this] { turn(); });
  turn();
  if (!end_) loop_.run();
  precautions_.end();
  if (*end_ != MasterEnd::stopped) log(core::LogLevel::info, "Performing heartbeat restart exec.");
  for (const auto& child : supervisor_->children()) {
    if (child->channel) child->channel->flush();
  }
  os::notify_service_manager(*end_ == MasterEnd::stopped ? "STOPPING=1" : "RELOADING=1");
  supervisor_->finish();
  return *end_;
}

std::string_view Master::held() const { return core::name_of(engine_->snapshot().holding); }

std::string Master::running() const { return engine_->running_keys(); }

// ---- start ------------------------------------------------------------------------------------

core::Result<void> Master::prepare() {
  const core::Now now = os::now();
  if (auto made = make_folders(); !made) return made;
  if (auto opened = open_fifo(); !opened) return opened;
  if (auto opened = open_register_socket(); !opened) return opened;
  if (auto followed = succeed(now); !followed) return followed;
  log_file_ = open_log(setup_.loaded.config.logfile);
  debug_file_ = open_log(setup_.loaded.config.debugfile);
  precautions_.prepare(setup_.loaded.config);
  log(core::LogLevel::info, "**************************");
  log(core::LogLevel::info, fmt::format("Configuration validated. Starting heartbeat {}",
                                        core::heartbeat_version));
  log_findings();
  if (auto made = make_engine(now); !made) return made;
  if (auto written = os::write_pid_file(os::paths::pid_file, ::getpid()); !written) return written;

  times_ = file_times();
  add_children();
  media_->start(engine_->config().media, static_cast<std::uint16_t>(::getpid()), now.instant);
  watch_signals();
  return {};
}

/// What was found in the files at start: stderr has seen it, the log must have it too.
void Master::log_findings() {
  for (const core::Finding& finding : setup_.loaded.findings) {
    log(finding.severity == core::Severity::error ? core::LogLevel::error : core::LogLevel::warn,
        text_of(finding));
    for (const LegacyLine& line : legacy_lines(finding)) log(line.level, line.text);
  }
}

/// Looks at the board of the master before us, then makes our own in its place.
core::Result<void> Master::succeed(const core::Now& now) {
  const std::string boot = os::boot_id();
  Estate estate;
  switch (find_estate(os::paths::board, boot, now.instant, setup_.loaded.config.deadtime, estate)) {
    case Succession::none: break;
    case Succession::go_on: estate_ = std::move(estate); break;
    case Succession::too_often:
      return core::Error{fmt::format(
          "the master control process died {} times within ten dead times: what runs here is "
          "released, and the other nodes take it. Look at {} for the cause, then start heartbeat",
          ipc::remembered_crashes, setup_.loaded.config.logfile)};
  }
  if (setup_.resumed) past_ = last_memory(os::paths::board, boot, now.instant);
  const std::vector<ipc::LogLine> lines = last_lines(os::paths::board);
  auto board = ipc::Board::create(os::paths::board);
  if (!board) return std::move(board).error();
  board_ = std::move(*board);
  for (const ipc::LogLine& line : lines)
    board_->black_box().write(line.level, core::WallTime{std::chrono::seconds{line.wall_seconds}},
                              line.text);
  if (estate_) {
    board_->begin_testament(boot, estate_->crashes);
  } else {
    board_->begin_testament(boot, {});
  }
  return {};
}

core::Result<void> Master::make_engine(const core::Now& now) {
  auto state = load_state(setup_.loaded.config, now.wall, os::paths::state_dir,
                          estate_ ? std::optional{estate_->memory->generation} : std::nullopt);
  if (!state) return std::move(state).error();
  for (const core::Log& line : state->log) log(line.level, line.text);
  core::EngineSetup engine;
  engine.config = setup_.loaded.config;
  engine.groups = setup_.loaded.groups;
  engine.keys = std::move(setup_.loaded.keys);
  engine.identity = state->identity;
  engine.seed = random_seed();
  engine.peers = std::move(state->peers);
  engine.hooks = hook_names(os::paths::rc_dir);
  if (!setup_.held.empty()) engine.inheritance.held = core::holding(setup_.held);
  engine.inheritance.running_keys = setup_.running;
  engine.inheritance.past = past_;
  if (estate_) {
    engine.identity.first_seqno = estate_->memory->next_seqno;
    engine.inheritance.memory = estate_->memory;
  }
  engine_ = std::make_unique<core::Engine>(std::move(engine), now);
  return {};
}

core::Result<void> Master::make_folders() {
  const passwd* cluster = ::getpwnam("hacluster");
  const group* clients = ::getgrnam("haclient");
  if (cluster == nullptr || clients == nullptr) {
    return core::Error{
        "user hacluster or group haclient is missing; create them: addgroup --system "
        "haclient; adduser --system --no-create-home --ingroup haclient hacluster"};
  }
  struct Folder {
    const char* path;
    mode_t mode;
    uid_t user;
    gid_t group;
  };
  const std::array folders = {
      Folder{os::paths::run_dir, 0750, cluster->pw_uid, clients->gr_gid},
      Folder{os::paths::resource_temp, 01755, 0, 0},
      Folder{os::paths::empty_dir, 0755, 0, 0},
      Folder{os::paths::state_dir, 0755, 0, 0},
      Folder{"/var/lib/heartbeat/cores", 0755, 0, 0},
      Folder{os::paths::workdir, 0700, 0, 0},
  };
  for (const Folder& folder : folders) {
    if (::mkdir(folder.path, 0700) != 0 && errno != EEXIST) {
      return core::Error{fmt::format("cannot make folder {}: {}", folder.path,
                                     std::strerror(errno)), errno};
    }
    if (::lchown(folder.path, folder.user, folder.group) != 0 ||
        ::chmod(folder.path, folder.mode) != 0) {
      return core::Error{fmt::format("cannot set the owner of folder {}: {}", folder.path,
                                     std::strerror(errno)), errno};
    }
  }
  return {};
}

core::Result<void> Master::open_fifo() {
  struct stat info {};
  if (::lstat(os::paths::fifo, &info) == 0 && !S_ISFIFO(info.st_mode)) ::unlink(os::paths::fifo);
  if (::mkfifo(os::paths::fifo, 0600) != 0 && errno != EEXIST) {
    return core::Error{fmt::format("cannot make FIFO {}: {}", os::paths::fifo,
                                   std::strerror(errno)), errno};
  }
  // Read and write: with a writer of our own the FIFO never reports end of file.
  fifo_ = os::Fd{::open(os::paths::fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)};
  if (!fifo_.valid() || ::fchmod(fifo_.get(), 0600) != 0) {
    return core::Error{fmt::format("cannot open FIFO {}: {}", os::paths::fifo,
                                   std::strerror(errno)), errno};
  }
  return {};
}

core::Result<void> Master::open_register_socket() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, os::paths::register_socket, sizeof address.sun_path - 1);
  ::unlink(os::paths::register_socket);
  register_socket_ = os::Fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  // Bound now, listened to by the status process once the node is active: until then a client is
  // refused, as it is with 3.0.6 (client-api §1.1).
  if (!register_socket_.valid() ||
      ::bind(register_socket_.get(), reinterpret_cast<const sockaddr*>(&address),
             sizeof address) != 0 ||
      ::chmod(os::paths::register_socket, 0777) != 0) {
    return core::Error{fmt::format("cannot bind the client socket {}: {}",
                                   os::paths::register_socket, std::strerror(errno)), errno};
  }
  return {};
}

void Master::add_children() {
  supervisor_->add({ipc::Role::runner, core::no_link, "heartbeat: runner", -1, -1});
  supervisor_->add({ipc::Role::status, core::no_link, "heartbeat: status",
                    register_socket_.get(), board_->reader_fd()});
  supervisor_->add({ipc::Role::fifo, core::no_link, "heartbeat: FIFO reader", fifo_.get(), -1});
}

void Master::watch_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM}) ::sigaddset(&set, signal);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGINT, SIG_IGN);   // habit: only TERM stops it
  std::signal(SIGPIPE, SIG_IGN);
  signals_ = os::Fd{::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)};
  ENSURE(signals_.valid());
  loop_.watch(signals_.get(), [this] {
    signalfd_siginfo info{};
    // What comes after the end stays pending: the next image, which has the same pid, must see it.
    while (!end_ && ::read(signals_.get(), &info, sizeof info) == sizeof info) {
      on_signal(static_cast<int>(info.ssi_signo));
    }
  });
}

// ---- one turn ---------------------------------------------------------------------------------

void Master::turn() {
  bool drained = false;
  for (int round = 0; round < rounds_a_turn && !drained && !end_; ++round) {
    const core::Now now = os::now();
    drained = drain(now);
    if (drained && engine_->next_deadline() <= now.instant) {
      // Only now, with nothing unread, may silence be judged (design rule 7).
      step(now, core::Tick{now.instant - std::min(engine_->next_deadline(), asked_for_)});
    }
    last_turn_ = now.instant;
    finish_turn(now);
    if (drained) precautions_.turn_done(now.instant);
    for (const auto& child : supervisor_->children()) {
      if (child->channel && !child->channel->prepare_to_sleep()) drained = false;
    }
  }
  if (end_) {
    loop_.stop();
    return;
  }
  asked_for_ = std::min({engine_->next_deadline(), supervisor_->next_deadline(),
                         media_->next_deadline()});
  if (!drained) asked_for_ = last_turn_;
  loop_.deadline(asked_for_);
}

bool Master::drain(core::Now now) {
  bool drained = true;
  // By index: taking a record may add a link's children.
  auto& children = supervisor_->children();
  for (std::size_t i = 0; i < children.size(); ++i) {
    Child* child = children[i].get();
    if (!child->channel) continue;
    child->channel->awake();
    const auto taken = child->channel->drain(records_a_turn, [&](const ipc::RecordView& record) {
      take(*child, record, now);
    });
    if (!taken) {
      supervisor_->condemn(*child, taken.error().text);
    } else if (*taken == records_a_turn) {
      drained = false;
    }
  }
  return drained;
}

void Master::take(Child& child, const ipc::RecordView& record, core::Now now) {
  using ipc::RecordType;
  switch (record.type) {
    case RecordType::frame_in:
      // A reader cannot claim to have heard something earlier than we last looked, nor later than
      // now.
      step(now, core::FrameArrived{child.spec.link, record.payload,
                                   std::clamp(record.time, last_turn_, now.instant)});
      return;
    case RecordType::fifo_message:
      step(now, core::FifoMessage{record.payload});
      return;
    case RecordType::ready:
      supervisor_->mark_ready(child);
      if (!ready_told_ && supervisor_->all_ready()) tell_ready();
      return;
    case RecordType::client_message:
    case RecordType::client_query: {
      std::uint64_t id = 0;
      if (record.payload.size() < sizeof id) break;
      std::memcpy(&id, record.payload.data(), sizeof id);
      const auto body = record.payload.subspan(sizeof id);
      const auto client = clients_.find(core::ClientId{id});
      const std::string_view name = client == clients_.end() ? "" : client->second;
      if (record.type == RecordType::client_query) {
        step(now, core::ClientQuery{core::ClientId{id}, name, body});
      } else if (!name.empty()) {
        step(now, core::ClientMessage{core::ClientId{id}, name, body});
      }
      return;
    }
    case RecordType::clients_want: {
      std::uint32_t classes = 0;
      if (record.payload.size() != sizeof classes) break;
      std::memcpy(&classes, record.payload.data(), sizeof classes);
      step(now, core::ClientsWant{classes});
      return;
    }
    default: break;
  }
  if (!core::decode(record.payload, incoming_)) {
    supervisor_->condemn(child, "sent a record that is no message");
    return;
  }
  take_message(child, record.type, incoming_, now);
}

void Master::take_message(Child& child, ipc::RecordType type, const core::Message& message,
                          core::Now now) {
  using ipc::RecordType;
  switch (type) {
    case RecordType::log:
      log(level_of(message.text_or_empty("level")), message.text_or_empty("text"));
      return;
    case RecordType::link_error:
      media_->failed(child.spec.link, static_cast<int>(message.decimal("errno").value_or(0)),
                     message.text_or_empty("text"), now.instant);
      step(now, core::LinkFailed{child.spec.link, message.text_or_empty("text")});
      return;
    case RecordType::client_join: {
      const core::ClientId id{message.decimal("client").value_or(0)};
      const auto [client, fresh] =
          clients_.insert_or_assign(id, std::string{message.text_or_empty("name")});
      step(now, core::ClientJoined{id, client->second});
      return;
    }
    case RecordType::client_leave: {
      const auto client = clients_.find(core::ClientId{message.decimal("client").value_or(0)});
      if (client == clients_.end()) return;
      step(now, core::ClientLeft{client->first, client->second, message.text_or_empty("info")});
      clients_.erase(client);
      return;
    }
    case RecordType::action_done: {
      const auto code = message.text_or_empty("code");
      int value = 0;
      std::from_chars(code.data(), code.data() + code.size(), value);
      auto output = message.text_or_empty("output");
      output = output.substr(0, core::limits::script_output_bytes);
      step(now, core::ActionDone{core::Ticket{message.decimal("ticket").value_or(0)},
                                 action_end(message.text_or_empty("end")), value, output});
      return;
    }
    case RecordType::runner_state: {
      running_.clear();
      for (std::size_t i = 0; i < message.size(); ++i) {
        const core::Field field = message[i];
        std::uint64_t ticket = 0;
        if (field.name == "running" &&
            std::from_chars(field.value.data(), field.value.data() + field.value.size(), ticket)
                    .ec == std::errc{}) {
          running_.push_back(core::Ticket{ticket});
        }
      }
      step(now, core::RunnerReady{running_});
      return;
    }
    case RecordType::paths_seen: {
      std::vector<core::GroupId> bad;
      for (std::size_t i = 0; i < message.size(); ++i) {
        const auto value = message[i].value;
        core::GroupId group = core::no_group;
        if (message[i].name == "bad") {
          std::from_chars(value.data(), value.data() + value.size(), group.value);
          bad.push_back(group);
        }
      }
      step(now, core::ServicePathsSeen{bad});
      return;
    }
    case RecordType::address_answered:
      step(now, core::AddressAnswered{
                    core::GroupId{static_cast<std::uint16_t>(
                        message.decimal("group").value_or(core::no_group.value))},
                    message.text_or_empty("text")});
      return;
    case RecordType::address_lost:
      step(now, core::AddressLost{
                    core::GroupId{static_cast<std::uint16_t>(
                        message.decimal("group").value_or(core::no_group.value))},
                    message.text_or_empty("text")});
      return;
    default: return;
  }
}

void Master::step(core::Now now, const core::Input& input) { apply(engine_->step(now, input)); }

void Master::finish_turn(core::Now now) {
  // Before the events of this turn are flushed: a query is never older than an event delivered.
  if (publish_ || now.instant >= next_publish_) publish(now.instant);
  board_->remember([this](core::Continuity& memory) { engine_->save(memory); });
  for (const auto& child : supervisor_->children()) {
    if (child->channel) child->channel->flush();
  }
  supervisor_->start_due(now.instant);
  media_->serve(now.instant);
}

void Master::publish(core::Instant now) {
  board_->publish(engine_->snapshot());
  show_counters();
  tell_holdings();
  publish_ = false;
  next_publish_ = now + publish_interval;
}

void Master::show_counters() {
  constexpr auto each_child = static_cast<std::size_t>(ipc::ChildCounter::count_);
  const auto& children = supervisor_->children();
  if (counted_children_ != children.size()) {
    counted_children_ = children.size();
    std::vector<std::string> labels;
    for (std::size_t i = 0; i < core::counter_count; ++i) {
      labels.emplace_back(core::name_of(static_cast<core::Counter>(i)));
    }
    for (const auto& child : children) {
      const std::string_view title = child->spec.title;
      const std::string_view who = title.substr(std::min(title.find(": ") + 2, title.size()));
      for (std::size_t i = 0; i < each_child; ++i) {
        labels.push_back(fmt::format("{} {}", who, name_of(static_cast<ipc::ChildCounter>(i))));
      }
    }
    board_->name_counters(labels);
  }
  std::size_t index = 0;
  for (; index < core::counter_count; ++index) {
    board_->set_counter(index, engine_->counters()[static_cast<core::Counter>(index)]);
  }
  for (const auto& child : children) {
    for (std::size_t i = 0; i < each_child; ++i, ++index) {
      if (!child->channel) continue;
      board_->set_counter(index, child->channel->child_count(static_cast<ipc::ChildCounter>(i)));
    }
  }
}

/// The guardian watches the service addresses of the groups that run here.
void Master::tell_holdings() {
  const core::Snapshot& view = engine_->snapshot();
  scratch_.clear();
  for (std::size_t i = 0; i < engine_->groups().size(); ++i) {
    if (view.groups[i].state != core::GroupState::running) continue;
    for (const std::string_view address : addresses_of(engine_->groups()[i])) {
      scratch_.add("address", address);
      scratch_.add_decimal("group", i);
    }
  }
  encoded_.clear();
  core::append_netstring(scratch_, encoded_);
  if (encoded_ == told_holdings_) return;
  Child* runner = supervisor_->find(ipc::Role::runner);
  if (runner == nullptr || !runner->channel) return;
  if (runner->channel->push(ipc::RecordType::holdings, 0, core::Instant{},
                            core::as_bytes(encoded_))) {
    told_holdings_ = encoded_;
  }
}

// ---- outputs ----------------------------------------------------------------------------------

void Master::apply(const core::Outputs& outputs) {
  for (const core::Output& output : outputs) {
    std::visit([this](const auto& item) { carry_out(item); }, output);
  }
}

void Master::carry_out(const core::Send& send) {
  precautions_.message_sent();
  for (const auto& child : supervisor_->children()) {
    if (child->spec.role != ipc::Role::writer || !child->channel) continue;
    if ((send.links >> child->spec.link.value & 1U) == 0) continue;
    child->channel->push(ipc::RecordType::frame_out, 0, core::Instant{}, send.bytes);
  }
}

void Master::carry_out(const core::RunAction& action) {
  const core::Group& group = engine_->groups()[action.group.value];
  const core::Resource& resource = group.resources[action.resource];
  scratch_.clear();
  scratch_.add_decimal("ticket", action.ticket.value);
  scratch_.add_decimal("group", action.group.value);
  scratch_.add("key", group.key());
  scratch_.add_decimal("resource", action.resource);
  scratch_.add("script", resource.script);
  for (const std::string& argument : resource.arguments) scratch_.add("arg", argument);
  scratch_.add("op", core::name_of(action.operation));
  const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(action.timeout);
  scratch_.add_decimal("timeout", static_cast<std::uint64_t>(timeout.count()));
  push(supervisor_->find(ipc::Role::runner), ipc::RecordType::run_action, scratch_);
}

void Master::carry_out(const core::KillAction& action) {
  scratch_.clear();
  scratch_.add_decimal("ticket", action.ticket.value);
  push(supervisor_->find(ipc::Role::runner), ipc::RecordType::kill_action, scratch_);
}

void Master::carry_out(const core::FenceNode& order) {
  const FenceCommand command = fence_command(engine_->config(), order.device, order.node);
  scratch_.clear();
  scratch_.add_decimal("ticket", order.ticket.value);
  scratch_.add("program", command.program);
  for (const std::string& argument : command.arguments) scratch_.add("arg", argument);
  scratch_.add("input", command.input);
  const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(order.timeout);
  scratch_.add_decimal("timeout", static_cast<std::uint64_t>(timeout.count()));
  push(supervisor_->find(ipc::Role::runner), ipc::RecordType::fence, scratch_);
}

void Master::carry_out(const core::ProbeAddresses& probe) {
  scratch_.clear();
  scratch_.add_decimal("group", probe.group.value);
  for (const std::string_view address : addresses_of(engine_->groups()[probe.group.value])) {
    scratch_.add("address", address);
  }
  push(supervisor_->find(ipc::Role::runner), ipc::RecordType::probe_addresses, scratch_);
}

void Master::carry_out(const core::RunHook& hook) {
  scratch_.clear();
  scratch_.add_decimal("ticket", hook.ticket.value);
  scratch_.add("type", hook.type);
  if (!core::decode(hook.message, incoming_)) return;
  for (std::size_t i = 0; i < incoming_.size(); ++i) {
    const core::Field field = incoming_[i];
    if (field.type != core::FieldType::string) continue;
    scratch_.add("f_" + std::string{field.name}, field.value);
  }
  push(supervisor_->find(ipc::Role::runner), ipc::RecordType::run_hook, scratch_);
}

void Master::carry_out(const core::ToClients& event) {
  Child* status = supervisor_->find(ipc::Role::status);
  if (status == nullptr || !status->channel) return;
  head_.clear();
  head_.append(reinterpret_cast<const char*>(&event.classes), sizeof event.classes);
  head_.push_back(static_cast<char>(event.to_id.size()));
  head_.append(event.to_id);
  status->channel->push(ipc::RecordType::client_event, 0, core::Instant{}, core::as_bytes(head_),
                        event.body);
}

void Master::carry_out(const core::ToClient& reply) {
  Child* status = supervisor_->find(ipc::Role::status);
  if (status == nullptr || !status->channel) return;
  status->channel->push(ipc::RecordType::client_reply, 0, core::Instant{}, raw(reply.client.value),
                        reply.body);
}

void Master::carry_out(const core::ClientAnnounced& client) {
  scratch_.clear();
  scratch_.add_decimal("client", client.client.value);
  scratch_.add_decimal("gen", client.generation);
  push(supervisor_->find(ipc::Role::status), ipc::RecordType::client_go, scratch_);
}

void Master::carry_out(const core::CommunicationUp&) {
  api_open_ = true;
  publish_ = true;
  scratch_.clear();
  push(supervisor_->find(ipc::Role::status), ipc::RecordType::api_open, scratch_);
  start_clients();
}

void Master::carry_out(const core::PauseClients& pause) {
  scratch_.clear();
  scratch_.add_decimal("paused", pause.paused);
  push(supervisor_->find(ipc::Role::status), ipc::RecordType::clients_pause, scratch_);
}

void Master::carry_out(const core::Log& line) { log(line.level, line.text); }

void Master::carry_out(const core::Publish&) { publish_ = true; }

void Master::carry_out(const core::Persist& persist) {
  scratch_.clear();
  scratch_.add("file", persist.file);
  scratch_.add("content", persist.content);
  push(supervisor_->find(ipc::Role::runner), ipc::RecordType::persist, scratch_);
}

void Master::carry_out(const core::Exit& exit) {
  board_->settle_testament();
  scratch_.clear();
  push(supervisor_->find(ipc::Role::runner), ipc::RecordType::goodbye, scratch_);
  switch (exit.reason) {
    case core::ExitReason::stopped: end_ = MasterEnd::stopped; break;
    case core::ExitReason::restart: end_ = MasterEnd::restart; break;
    case core::ExitReason::resume: end_ = MasterEnd::resume; break;
  }
}

// ---- children ---------------------------------------------------------------------------------

void Master::push(Child* child, ipc::RecordType type, const core::Message& message) {
  if (child == nullptr || !child->channel) return;
  encoded_.clear();
  core::append_netstring(message, encoded_);
  child->channel->push(type, 0, core::Instant{}, core::as_bytes(encoded_));
}

void Master::spawned(Child& child) {
  if (child.spec.role == ipc::Role::status) configure_status(child);
  if (child.spec.role == ipc::Role::runner) configure_runner(child);
  if (child.spec.link != core::no_link && media_->echo(child.spec.link)) {
    scratch_.clear();
    os::describe(*media_->echo(child.spec.link), scratch_);
    push(&child, ipc::RecordType::echo_targets, scratch_);
  }
  const bool listens = child.spec.role == ipc::Role::reader;
  if (listens && child.spec.link != core::no_link && !engine_->config().ucast_any_source) {
    const auto sources = media_->sources(child.spec.link);
    scratch_.clear();
    for (const std::string& address : sources) scratch_.add("address", address);
    if (!sources.empty()) push(&child, ipc::RecordType::link_sources, scratch_);
  }
  child.channel->flush();
}

void Master::lost(Child& child, const std::string& how) {
  log(core::LogLevel::warn, fmt::format("{} {}; it is started again.", child.spec.title, how));
  if (child.spec.role != ipc::Role::status) return;
  // Its clients are gone with it, as at any restart of heartbeat; the cluster is told.
  const core::Now now = os::now();
  for (const auto& [id, name] : clients_) step(now, core::ClientLeft{id, name, "EOF"});
  clients_.clear();
}

void Master::log(core::LogLevel level, std::string_view text) {
  if (level == core::LogLevel::debug && setup_.loaded.config.debug == 0) return;
  if (board_) board_->black_box().write(level, os::now().wall, text);
  Child* status = supervisor_->find(ipc::Role::status);
  if (status == nullptr || !status->channel) {
    if (early_log_.size() < early_log_lines) early_log_.emplace_back(level, std::string{text});
    return;
  }
  log_line_.clear();
  log_line_.add("level", core::name_of(level));
  log_line_.add("text", text);
  push(status, ipc::RecordType::log_line, log_line_);
}

void Master::configure_status(Child& child) {
  const core::Config& config = engine_->config();
  const auto milliseconds = [](core::Duration duration) {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
  };
  scratch_.clear();
  scratch_.add("node", config.node_name);
  scratch_.add("hostname", os::log_source().host);
  scratch_.add_decimal("deadtime", milliseconds(config.deadtime));
  scratch_.add_decimal("keepalive", milliseconds(config.keepalive));
  scratch_.add("msgfmt",
               config.msgfmt == core::MessageFormat::netstring ? "netstring" : "classic");
  scratch_.add("pacemaker", config.pacemaker);
  scratch_.add("manages_resources", config.manages_resources ? "1" : "0");
  if (config.logfacility) {
    scratch_.add_decimal("logfacility", static_cast<std::uint64_t>(*config.logfacility));
  }
  scratch_.add("syslogmsgfmt", config.syslogmsgfmt ? "1" : "0");
  scratch_.add("logfile", config.logfile);
  scratch_.add("debugfile", config.debugfile);
  for (const auto& [name, value] : config.parameters) {
    scratch_.add("parameter", fmt::format("{}={}", name, value));
  }
  for (const core::ApiAuth& entry : config.api_auth) add_api_auth(entry, scratch_);
  push(&child, ipc::RecordType::status_config, scratch_);
  for (const auto& [tag, fd] : {std::pair{ipc::log_file_tag, log_file_.get()},
                                {ipc::debug_file_tag, debug_file_.get()}}) {
    if (fd >= 0) (void)!child.channel->send_fd(tag, fd);
  }
  for (const auto& [level, text] : early_log_) log(level, text);
  early_log_.clear();
  if (api_open_) {
    scratch_.clear();
    push(&child, ipc::RecordType::api_open, scratch_);
  }
}

void Master::tell_runner_settings(Child& child) {
  core::Config config = engine_->config();
  config.debug = setup_.loaded.config.debug;  // as signals have set it
  scratch_.clear();
  for (const std::string& variable : script_environment(config)) scratch_.add("env", variable);
  scratch_.add("path", os::paths::resource_dir);
  scratch_.add("path", os::paths::init_dir);
  scratch_.add("rc_dir", os::paths::rc_dir);
  scratch_.add("harc", os::paths::harc);
  scratch_.add("workdir", precautions_.folder());
  scratch_.add("reboot", reboot_program(config));
  scratch_.add("use_logd", config.use_logd.value_or(false) ? "1" : "0");
  const auto retry = config.parameters.find("conn_logd_time");
  const auto interval = retry == config.parameters.end() ? std::nullopt
                                                         : core::parse_time(retry->second);
  if (interval) {
    scratch_.add_decimal("conn_logd_time", static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(*interval).count()));
  }
  scratch_.add("state_dir", os::paths::state_dir);
  scratch_.add("ledger", os::paths::ledger);
  scratch_.add("outcomes", os::paths::outcomes);
  scratch_.add("logfile", config.logfile);
  scratch_.add("debugfile", config.debugfile);
  scratch_.add_decimal("deadtime", static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(config.deadtime).count()));
  scratch_.add_decimal("announce", static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(config.announce_interval).count()));
  scratch_.add("node", config.node_name);
  scratch_.add("board", os::paths::board);
  scratch_.add_decimal("hang_after", static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(hang_after(config)).count()));
  if (!os::has_service_manager()) {
    scratch_.add("successor", os::paths::program);
    for (const std::string& argument : setup_.arguments) scratch_.add("successor_arg", argument);
  }
  push(&child, ipc::RecordType::runner_config, scratch_);
}

void Master::configure_runner(Child& child) {
  tell_runner_settings(child);
  scratch_.clear();
  for (std::size_t i = 0; i < engine_->groups().size(); ++i) {
    for (const std::string_view address : addresses_of(engine_->groups()[i])) {
      scratch_.add("address", address);
      scratch_.add_decimal("group", i);
    }
  }
  push(&child, ipc::RecordType::service_paths, scratch_);
  if (stop_asked_) tell_no_successor();
  told_holdings_.clear();  // it knows of none
  publish_ = true;
  if (api_open_) start_clients();
}

void Master::tell_ready() {
  ready_told_ = true;
  if (setup_.detached) setup_.detached();
  if (setup_.ready.valid()) {
    const char good = 0;
    // The parent may have been killed; then nobody asks.
    (void)!::write(setup_.ready.get(), &good, 1);
    setup_.ready.reset();
  }
  os::notify_service_manager("READY=1");
}

void Master::start_clients() {
  for (std::size_t i = 0; i < engine_->config().clients.size(); ++i) {
    const core::RespawnConfig& client = engine_->config().clients[i];
    scratch_.clear();
    scratch_.add_decimal("ticket", i + 1);
    scratch_.add("user", client.user);
    scratch_.add("command", client.command);
    scratch_.add("failfast", client.failfast ? "1" : "0");
    push(supervisor_->find(ipc::Role::runner), ipc::RecordType::start_client, scratch_);
  }
  start_witness();
}

/// Like a client of a respawn line, with the last ticket.
void Master::start_witness() {
  const core::Config& config = engine_->config();
  const core::WitnessConfig& witness = config.witness;
  if (witness.kind == core::WitnessKind::none || !config.manages_resources) return;
  const auto milliseconds = [](core::Duration span) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(span).count();
  };
  std::string command;
  if (witness.kind == core::WitnessKind::ping) {
    command = fmt::format("{} ping {}", os::paths::witness, milliseconds(config.deadtime));
  } else {
    // One key for one cluster: by the names of its nodes.
    std::string key = "systole/witness";
    for (const core::NodeConfig& node : config.nodes) {
      if (node.type == core::NodeType::normal) key += "/" + node.name;
    }
    const std::string tls = fmt::format("{}", fmt::join(witness.tls_files, ","));
    command = fmt::format("{} etcd {} {} {} {} {}", os::paths::witness,
                          milliseconds(core::Witness::lease(config)),
                          milliseconds(core::Witness::release(config)), key, config.node_name,
                          tls.empty() ? "-" : tls);
  }
  for (const std::string& target : witness.targets) command += " " + target;
  scratch_.clear();
  scratch_.add_decimal("ticket", config.clients.size() + 1);
  scratch_.add("user", "root");
  scratch_.add("command", command);
  scratch_.add("failfast", "0");
  push(supervisor_->find(ipc::Role::runner), ipc::RecordType::start_client, scratch_);
}

// ---- signals ----------------------------------------------------------------------------------

void Master::on_signal(int signal) {
  const core::Now now = os::now();
  switch (signal) {
    case SIGTERM:
      stop_asked_ = true;
      tell_no_successor();
      step(now, core::StopRequested{});
      break;
    case SIGHUP: reload(); break;
    case SIGUSR1: set_debug(setup_.loaded.config.debug + 1); break;
    case SIGUSR2:
      if (setup_.loaded.config.debug > 0) set_debug(setup_.loaded.config.debug - 1);
      break;
    default:
      log(core::LogLevel::error, fmt::format("Unexpected alarm in process {}", ::getpid()));
  }
}

/// Ours, and HA_debug of the scripts that are started from now on.
void Master::set_debug(unsigned level) {
  setup_.loaded.config.debug = std::min(level, highest_debug_level);
  log(core::LogLevel::info, fmt::format("Debug level is now {}",
                                        setup_.loaded.config.debug));
  Child* runner = supervisor_->find(ipc::Role::runner);
  if (runner != nullptr && runner->channel) tell_runner_settings(*runner);
}

void Master::tell_no_successor() {
  scratch_.clear();
  push(supervisor_->find(ipc::Role::runner), ipc::RecordType::no_successor, scratch_);
}

void Master::reload() {
  const auto found = file_times();
  const bool config_changed = found.config != times_.config ||
                              found.resources != times_.resources ||
                              found.options != times_.options;
  const bool keys_changed = found.keys != times_.keys;
  times_ = found;
  if (config_changed) {
    // All or nothing: a file with errors changes nothing (the running daemon stays as it is).
    const LoadedConfig loaded = load_config(os::paths::ha_dir);
    if (!loaded.usable()) {
      for (const core::Finding& finding : loaded.findings) {
        log(core::LogLevel::error, text_of(finding));
      }
      log(core::LogLevel::error, "Config errors: heartbeat goes on with the configuration it has.");
      return;
    }
    log(core::LogLevel::info, "Restarting heartbeat.");
    step(os::now(), core::RestartRequested{});
    return;
  }
  if (!keys_changed) {
    log(core::LogLevel::info, "Configuration unchanged.");
    return;
  }
  LoadedKeys keys = load_keys(os::paths::ha_dir);
  const auto broken = std::ranges::any_of(keys.findings, [](const core::Finding& finding) {
    return finding.severity == core::Severity::error;
  });
  for (const core::Finding& finding : keys.findings) {
    log(broken ? core::LogLevel::error : core::LogLevel::warn, text_of(finding));
  }
  if (broken) {
    log(core::LogLevel::error, "authkeys was not reread: the keys in use stay in force.");
    return;
  }
  log(core::LogLevel::info, "Rereading authentication file.");
  engine_->exchange_keys(std::move(keys.keys));
  step(os::now(), core::ConfigReloaded{});
}

Master::FileTimes Master::file_times() {
  const auto changed = [](const char* name) {
    struct stat info {};
    const std::string path = std::string{os::paths::ha_dir} + "/" + name;
    if (::stat(path.c_str(), &info) != 0) return std::pair<std::int64_t, std::int64_t>{};
    return std::pair<std::int64_t, std::int64_t>{info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
  };
  return {changed("ha.cf"), changed("haresources"), changed("haresources.options"),
          changed("authkeys")};
}

}  // namespace hb::master
