// status: the process without rights that speaks with API clients and writes the log
#include "status/status.hpp"

#include "core/frame.hpp"
#include "ipc/board.hpp"
#include "ipc/child.hpp"
#include "os/clock.hpp"
#include "os/confine.hpp"
#include "status/clients.hpp"
#include "status/log_limits.hpp"

#include <fmt/core.h>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

namespace hb::status {

namespace {

using ipc::RecordType;

/// Descriptors that are not clients: rings, board, log files, loop, syslog.
constexpr rlim_t own_descriptors = 32;

std::optional<std::uint32_t> number_of(std::string_view text) {
  std::uint32_t number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  if (end.ec != std::errc{} || end.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

core::LogLevel level_of(std::string_view name) {
  constexpr std::array names{"emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"};
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return core::LogLevel::info;
  return static_cast<core::LogLevel>(found - names.begin());
}

bool is_yes(const core::Message& message, std::string_view field) {
  return message.text_or_empty(field) != "0";
}

/// No descriptor comes for /dev/null, which 3.0.6 exports where only a facility is set.
bool is_file(std::string_view path) {
  return !path.empty() && path != "/dev/null";
}

/// The fields that repeat, in their order.
core::Result<void> read_lists(const core::Message& message, core::ApiConfig& api) {
  for (std::size_t i = 0; i < message.size(); ++i) {
    const core::Field field = message[i];
    const std::string value(field.value);
    if (field.name == "parameter") {
      const auto equals = value.find('=');
      if (equals == std::string::npos) return core::Error{"parameter '" + value + "': no ="};
      api.parameters.insert_or_assign(value.substr(0, equals), value.substr(equals + 1));
    } else if (field.name == "apiauth_name") {
      api.entries.push_back({value, {}, {}});
    } else if (field.name == "apiauth_uid" || field.name == "apiauth_gid") {
      const auto number = number_of(value);
      if (!number || api.entries.empty())
        return core::Error{std::string(field.name) + " '" + value + "': out of place or no number"};
      core::ApiEntry& entry = api.entries.back();
      (field.name == "apiauth_uid" ? entry.uids : entry.gids).push_back(*number);
    }
  }
  return {};
}

/// As many connections as the limit on open files allows; the limit is raised as far as it goes.
std::size_t room_for_clients() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return 0;
  const rlim_t wanted = limits::clients + own_descriptors;
  if (files.rlim_cur < wanted) {
    files.rlim_cur = std::min(files.rlim_max, wanted);
    if (::setrlimit(RLIMIT_NOFILE, &files) != 0) ::getrlimit(RLIMIT_NOFILE, &files);
  }
  return files.rlim_cur > own_descriptors
             ? std::min<std::size_t>(limits::clients, files.rlim_cur - own_descriptors)
             : 0;
}

/// The role's parts, and what each record of the master means to them.
class Status {
 public:
  Status(ipc::Child& child, ipc::BoardReader board, std::uint32_t own_uid)
      : child_(child),
        board_(std::move(board)),
        master_pid_(static_cast<std::uint32_t>(::getppid())),
        clients_(child.loop(), child.channel(), own_uid,
                 [this](core::Snapshot& into) { return read_snapshot(into); },
                 [this](core::LogLevel level, std::string_view text) { child_.log(level, text); }) {
    clients_.limit(room_for_clients());
  }

  int serve() {
    return child_.serve([this](const ipc::RecordView& record) { take(record); },
                        [this] { turn(); });
  }

 private:
  std::optional<core::Duration> read_snapshot(core::Snapshot& into) const {
    auto age = board_.read_snapshot(into);
    if (!age) return std::nullopt;
    return *age;
  }

  void turn() {
    while (auto received = child_.channel().take_fd()) {
      if (received->tag == log_file_tag) logger_.set_file(std::move(received->fd));
      else if (received->tag == debug_file_tag) logger_.set_debug_file(std::move(received->fd));
      else if (received->tag == syslog_tag) logger_.set_syslog(std::move(received->fd));
      else if (received->tag == ipc::log_daemon_tag) logger_.set_daemon(std::move(received->fd));
    }
    clients_.turn(os::instant_now());
    limits_.tick(os::instant_now(), [this](const LogEntry& entry) {
      logger_.write(entry, os::now().wall);
    });
    child_.loop().deadline(std::min(clients_.next_deadline(), limits_.next_deadline()));
  }

  void take(const ipc::RecordView& record) {
    switch (record.type) {
      case RecordType::client_event: return event(record.payload);
      case RecordType::client_reply: return reply(record.payload);
      case RecordType::api_open: return clients_.open(ipc::medium_fd);
      default: break;
    }
    if (!core::decode(record.payload, message_)) return;
    switch (record.type) {
      case RecordType::status_config: return configure();
      case RecordType::log_line: return write_log();
      case RecordType::client_go:
        return clients_.announced(core::ClientId{message_.decimal("client").value_or(0)},
                                  message_.decimal("gen").value_or(0));
      case RecordType::clients_pause:
        return clients_.flow(message_.text_or_empty("paused") == "1"
                                 ? core::Sessions::Flow::paused
                                 : core::Sessions::Flow::running);
      default: return;
    }
  }

  void configure() {
    auto config = read_status_config(message_);
    if (!config) return child_.log(core::LogLevel::crit, config.error().text);
    logger_.configure(std::move(config->log));
    clients_.configure(std::move(config->api));
  }

  void write_log() {
    LogEntry entry;
    entry.level = level_of(message_.text_or_empty("level"));
    entry.text = message_.text_or_empty("text");
    entry.pid = number_of(message_.text_or_empty("pid")).value_or(master_pid_);
    if (const auto entity = message_.text("entity")) entry.entity = *entity;
    core::WallTime time = os::now().wall;
    if (const auto told = message_.decimal("time"))
      time = core::WallTime{std::chrono::seconds{static_cast<std::int64_t>(*told)}};
    limits_.take(entry, os::instant_now(),
                 [&](const LogEntry& line) { logger_.write(line, time); });
  }

  void event(core::Bytes payload) {
    std::uint32_t classes = 0;
    if (payload.size() < sizeof classes + 1) return;
    std::memcpy(&classes, payload.data(), sizeof classes);
    const auto name_size = std::to_integer<std::size_t>(payload[sizeof classes]);
    const core::Bytes rest = payload.subspan(sizeof classes + 1);
    if (rest.size() < name_size) return;
    clients_.event(classes, core::as_text(rest.first(name_size)), rest.subspan(name_size));
  }

  void reply(core::Bytes payload) {
    core::ClientId client;
    if (payload.size() < sizeof client.value) return;
    std::memcpy(&client.value, payload.data(), sizeof client.value);
    clients_.reply(client, payload.subspan(sizeof client.value));
  }

  ipc::Child& child_;
  ipc::BoardReader board_;
  std::uint32_t master_pid_;
  Logger logger_;
  LogLimits limits_;
  Clients clients_;
  core::Message message_;
};

}  // namespace

core::Result<StatusConfig> read_status_config(const core::Message& message) {
  StatusConfig config;
  config.api.node_name = message.text_or_empty("node");
  if (config.api.node_name.empty()) return core::Error{"status_config: node is missing"};
  const auto deadtime = message.decimal("deadtime");
  const auto keepalive = message.decimal("keepalive");
  if (!deadtime || !keepalive)
    return core::Error{"status_config: deadtime or keepalive is missing or no number"};
  config.api.deadtime = std::chrono::milliseconds{*deadtime};
  config.api.keepalive = std::chrono::milliseconds{*keepalive};
  if (message.text_or_empty("msgfmt") == "netstring")
    config.api.framing = core::Framing::netstring;
  if (const auto pacemaker = message.text("pacemaker")) config.api.pacemaker = *pacemaker;
  config.api.manages_resources = is_yes(message, "manages_resources");
  if (const auto facility = number_of(message.text_or_empty("logfacility")))
    config.api.logfacility = static_cast<int>(*facility);
  if (auto lists = read_lists(message, config.api); !lists)
    return std::move(lists).error().in("status_config");
  const auto host = message.text("hostname");
  config.log.host = host ? *host : std::string_view{config.api.node_name};
  if (!is_yes(message, "syslogmsgfmt")) config.log.lines = os::LineFormat::dated;
  config.log.facility = config.api.logfacility;
  config.log.expects_file = is_file(message.text_or_empty("logfile"));
  config.log.expects_debug_file = is_file(message.text_or_empty("debugfile"));
  return config;
}

int status_main() {
  auto child = ipc::Child::begin(ipc::Child::Rights::status);
  if (!child) return ipc::report_failed_start(child.error());
  auto board = ipc::BoardReader::adopt(os::Fd(ipc::board_fd));
  if (!board) return ipc::report_failed_start(board.error());
  const auto account = os::account("hacluster", "haclient");
  if (!account) return ipc::report_failed_start(account.error());
  return Status(*child, std::move(*board), account->user).serve();
}

}  // namespace hb::status
