// fake_master: a master without a cluster: starts the real status process and plays scenes for it
#include "core/frame.hpp"
#include "core/ha_cf.hpp"
#include "core/message.hpp"
#include "core/snapshot.hpp"
#include "ipc/board.hpp"
#include "ipc/channel.hpp"
#include "ipc/child.hpp"
#include "os/clock.hpp"
#include "os/file.hpp"
#include "os/loop.hpp"
#include "os/paths.hpp"
#include "os/process.hpp"
#include "status/status.hpp"

#include <fmt/core.h>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <string>

namespace {

using namespace hb;

[[noreturn]] void fail(const std::string& text) {
  fmt::print(stderr, "fake_master: {}\n", text);
  std::exit(1);
}

template <class T>
T must(core::Result<T> result) {
  if (!result) fail(result.error().text);
  return std::move(*result);
}

core::Config read_config(const std::string& path) {
  core::HostFacts host;
  host.node_name = "n1";
  host.interfaces = {"eth0", "eth1"};
  auto parsed = core::parse_ha_cf(must(os::read_file(path, 65536)), host);
  for (const core::Finding& finding : parsed.findings)
    if (finding.severity == core::Severity::error) fail(path + ": " + finding.text);
  return std::move(parsed.config);
}

/// What a master of the scene would have published (transcripts, README).
std::unique_ptr<core::Snapshot> play(const core::Config& config, std::string_view scene) {
  const bool dead = scene == "peer-dead", cut = scene == "link-dead";
  auto snapshot = std::make_unique<core::Snapshot>();
  snapshot->self = config.self();
  snapshot->holding = dead ? core::Holding::all : core::Holding::local;
  snapshot->node_count = static_cast<std::uint16_t>(config.nodes.size());
  snapshot->link_count = static_cast<std::uint16_t>(config.media.size());
  for (std::size_t l = 0; l < config.media.size(); ++l) {
    snapshot->links[l].name.assign(config.media[l].link_name());
    snapshot->links[l].type = config.media[l].type;
  }
  for (std::size_t n = 0; n < config.nodes.size(); ++n) {
    core::NodeRow& row = snapshot->nodes[n];
    const bool ping = config.nodes[n].type == core::NodeType::ping;
    const bool peer = !ping && n != snapshot->self.value;
    row.name.assign(config.nodes[n].name);
    row.type = config.nodes[n].type;
    row.status = ping ? core::NodeStatus::ping
                 : peer && dead ? core::NodeStatus::dead : core::NodeStatus::active;
    for (std::size_t l = 0; l < config.media.size(); ++l) {
      const core::MediumConfig& medium = config.media[l];
      const bool is_ping = medium.type == core::MediumType::ping;
      if (is_ping != ping || (ping && medium.link_name() != config.nodes[n].name)) continue;
      // A node hears itself by broadcast only; the cut cable is eth1.
      const bool silent = (peer && (dead || (cut && medium.link_name() == "eth1"))) ||
                          (!ping && !peer && medium.type != core::MediumType::bcast);
      snapshot->link_status[n][l] = silent ? core::LinkStatus::dead : core::LinkStatus::up;
    }
  }
  return snapshot;
}

std::uint32_t number(const std::string& text) {
  std::uint32_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string status_config(const core::Config& config) {
  core::Message message;
  const auto ms = [](core::Duration time) {
    return static_cast<std::uint64_t>(time / std::chrono::milliseconds{1});
  };
  message.add("node", config.node_name);
  message.add_decimal("deadtime", ms(config.deadtime));
  message.add_decimal("keepalive", ms(config.keepalive));
  const bool netstring = config.msgfmt == core::MessageFormat::netstring;
  message.add("msgfmt", netstring ? "netstring" : "classic");
  message.add("pacemaker", config.pacemaker);
  message.add("manages_resources", config.manages_resources ? "1" : "0");
  if (config.logfacility)
    message.add_decimal("logfacility", static_cast<std::uint64_t>(*config.logfacility));
  message.add("logfile", "log");
  for (const auto& [name, value] : config.parameters) message.add("parameter", name + "=" + value);
  for (const core::ApiAuth& entry : config.api_auth) {
    message.add("apiauth_name", entry.client);
    for (const std::string& user : entry.users) {
      const passwd* account = ::getpwnam(user.c_str());
      message.add_decimal("apiauth_uid", account != nullptr ? account->pw_uid : number(user));
    }
    for (const std::string& name : entry.groups) {
      const group* found = ::getgrnam(name.c_str());
      message.add_decimal("apiauth_gid", found != nullptr ? found->gr_gid : number(name));
    }
  }
  std::string text;
  core::append_netstring(message, text);
  return text;
}

os::Fd bind_register(const std::string& path) {
  os::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) fail(path + ": too long");
  path.copy(address.sun_path, path.size());
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(path.c_str(), 0777) != 0)
    fail(fmt::format("cannot bind {}: {}", path, std::strerror(errno)));
  return socket;
}

/// Plays one scene until its standard input ends. Commands, one a line: `open`, `pause`, `resume`,
/// `flood N` (events of class 1), `event NAME=VALUE...` (one such), `slow` (sign-ons are not
/// announced until `go`), `go`, `status` (prints the status process's pid). Prints what comes from
/// the status process.
class FakeMaster {
 public:
  FakeMaster(const std::string& folder, std::string_view scene, const std::string& ha_cf)
      : config_(read_config(ha_cf)),
        snapshot_(play(config_, scene)),
        board_(must(ipc::Board::create(folder + "/board"))),
        listener_(bind_register(folder + "/register")) {
    ::mkdir(os::paths::empty_dir, 0755);
    auto [channel, ends] = must(ipc::Channel::create(ipc::Role::status, core::no_link, 1));
    channel_.emplace(std::move(channel));
    const os::Fd image(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    status_ = must(os::spawn_self(image.get(), "heartbeat: status", "status",
                                  {ends.bell.get(), ends.up.get(), ends.down.get(),
                                   listener_.get(), board_.reader_fd()}));
    send(ipc::RecordType::status_config, status_config(config_));
    const os::Fd log(::open((folder + "/log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644));
    if (auto sent = channel_->send_fd(status::log_file_tag, log.get()); !sent)
      fail(sent.error().text);
    if (scene != "stopped") send(ipc::RecordType::api_open, std::string_view{});
  }

  void run() {
    loop_.watch(channel_->bell(), [this] {
      if (channel_->take_bell() == ipc::BellState::closed) loop_.stop();
    });
    loop_.watch(STDIN_FILENO, [this] { command(); });
    loop_.on_turn([this] { turn(); });
    turn();
    loop_.run();
    status_.kill(SIGKILL);
  }

 private:
  void turn() {
    do {
      channel_->awake();
      publish();
      const auto taken =
          channel_->drain(100, [this](const ipc::RecordView& record) { take(record); });
      if (!taken) fail("the status process broke the ring: " + taken.error().text);
      channel_->flush();
    } while (!channel_->prepare_to_sleep());
    loop_.deadline(os::instant_now() + std::chrono::seconds{1});
  }

  void publish() {
    snapshot_->taken_ns = os::instant_now().time_since_epoch().count();
    board_.publish(*snapshot_);
  }

  void send(ipc::RecordType type, std::string_view payload) {
    if (!channel_->push(type, 0, os::instant_now(), core::as_bytes(payload)))
      ++dropped_;
  }
  void send(ipc::RecordType type, const core::Message& message) {
    std::string text;
    core::append_netstring(message, text);
    send(type, text);
  }

  void event(std::uint32_t classes, std::string_view to_id, const core::Message& message) {
    std::string payload(reinterpret_cast<const char*>(&classes), sizeof classes);
    payload.push_back(static_cast<char>(to_id.size()));
    payload.append(to_id);
    core::append_client_body(message, core::Framing::text, payload);
    send(ipc::RecordType::client_event, payload);
  }

  void take(const ipc::RecordView& record) {
    core::Message message;
    std::uint64_t client = 0;
    core::Bytes body = record.payload;
    const bool raw = record.type == ipc::RecordType::client_message ||
                     record.type == ipc::RecordType::client_query;
    if (record.type == ipc::RecordType::clients_want) return;  // it sends all classes always
    if (raw) {
      std::memcpy(&client, body.data(), sizeof client);
      body = body.subspan(sizeof client);
    }
    if (!body.empty() && !core::decode(body, message)) fail("a record does not parse");
    switch (record.type) {
      case ipc::RecordType::ready: return say("ready");
      case ipc::RecordType::log: return say("log " + std::string(message.text_or_empty("text")));
      case ipc::RecordType::client_join: return join(message);
      case ipc::RecordType::client_leave: return leave(message);
      case ipc::RecordType::client_query: return query(message);
      case ipc::RecordType::client_message:
        say("message " + names_[client] + " " + std::string(message.type()));
        message.set("from_id", names_[client]);
        message.set("to_id", names_[client]);
        return event(1, names_[client], message);
      default: return fail("a record of an unexpected type");
    }
  }

  void clstat(std::string_view state, std::string_view name, std::string_view info,
              std::uint64_t generation) {
    core::Message message;
    message.add("t", "hbapi-clstat");
    message.add("st", state);
    message.add("from_id", name);
    message.add("to_id", name);
    message.add("src", config_.node_name);
    message.add("info", info);
    message.add_decimal("client_gen", generation);
    event(1, name, message);
  }

  void join(const core::Message& message) {
    const std::string name(message.text_or_empty("name"));
    const std::uint64_t client = message.decimal("client").value_or(0);
    names_[client] = name;
    say("join " + name);
    clstat("join", name, "signon", generation_);
    core::Message go;
    go.add_decimal("client", client);
    go.add_decimal("gen", generation_++);
    waiting_.push_back(std::move(go));
    if (!slow_) announce();
  }
  void announce() {
    for (const core::Message& go : waiting_) send(ipc::RecordType::client_go, go);
    waiting_.clear();
  }

  void leave(const core::Message& message) {
    const std::string name(message.text_or_empty("name"));
    say("leave " + name + " " + std::string(message.text_or_empty("info")));
    names_.erase(message.decimal("client").value_or(0));
    clstat("leave", name, message.text_or_empty("info"), 0);
  }

  /// The other node's daemon, where the client `ping` is online (and `ccm` with pacemaker).
  void query(const core::Message& asked) {
    const std::string name(asked.text_or_empty("cn"));
    const bool ccm = name == "ccm" && !config_.manages_resources;
    core::Message answer;
    answer.add("t", "respond-cstatus");
    answer.add("dest", config_.node_name);
    answer.add("result", "OK");
    answer.add("cn", name);
    answer.add("to_id", asked.text_or_empty("from_id"));
    answer.add("cs", name == "ping" || ccm ? "online" : "offline");
    answer.add("src", asked.text_or_empty("node"));
    event(1, asked.text_or_empty("from_id"), answer);
  }

  void command() {
    std::array<char, 256> bytes{};
    const ssize_t got = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (got == 0) return loop_.stop();
    if (got < 0) return;  // nothing there yet
    input_.append(bytes.data(), static_cast<std::size_t>(got));
    for (auto end = input_.find('\n'); end != std::string::npos; end = input_.find('\n')) {
      obey(input_.substr(0, end));
      input_.erase(0, end + 1);
    }
  }

  void obey(const std::string& line) {
    core::Message message;
    if (line == "open") {
      send(ipc::RecordType::api_open, std::string_view{});
    } else if (line == "pause" || line == "resume") {
      message.add("paused", line == "pause" ? "1" : "0");
      send(ipc::RecordType::clients_pause, message);
    } else if (line == "slow") {
      slow_ = true;
    } else if (line == "go") {
      slow_ = false;
      announce();
    } else if (line == "status") {
      return say(fmt::format("pid {}", status_.pid));
    } else if (line.starts_with("log ")) {
      message.add("level", "info");
      message.add("text", line.substr(4));
      send(ipc::RecordType::log_line, message);
    } else if (line.starts_with("flood ")) {
      message.add("t", "ifstat");
      message.add("node", "n2");
      message.add("text", std::string(200, 'x'));
      for (std::uint32_t i = 0; i < number(line.substr(6)); ++i) event(1, "", message);
    } else if (line.starts_with("event ")) {
      for (std::size_t at = 6; at < line.size();) {
        const std::size_t equals = line.find('=', at);
        const std::size_t end = std::min(line.find(' ', at), line.size());
        if (equals >= end) fail("not NAME=VALUE: " + line);
        message.add(line.substr(at, equals - at), line.substr(equals + 1, end - equals - 1));
        at = end + 1;
      }
      event(1, "", message);
    } else {
      fail("unknown command " + line);
    }
    say("done " + line);
  }

  static void say(const std::string& line) {
    fmt::print("{}\n", line);
    std::fflush(stdout);
  }

  core::Config config_;
  std::unique_ptr<core::Snapshot> snapshot_;
  ipc::Board board_;
  os::Fd listener_;
  os::Loop loop_;
  std::optional<ipc::Channel> channel_;
  os::Process status_;
  std::map<std::uint64_t, std::string> names_;
  std::vector<core::Message> waiting_;
  std::uint64_t generation_ = 0, dropped_ = 0;
  bool slow_ = false;
  std::string input_;
};

}  // namespace

int main(int argc, char** argv) {
  const char* role = std::getenv(os::role_variable);
  if (role != nullptr && std::string_view{role} == "status") return hb::status::status_main();
  if (argc != 4) fail("usage: fake_master FOLDER SCENE HA_CF");
  FakeMaster(argv[1], argv[2], argv[3]).run();
}
