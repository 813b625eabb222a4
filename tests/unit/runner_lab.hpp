// runner_lab: a real runner process on a real channel, with folders of its own
#pragma once

#include "core/frame.hpp"
#include "core/message.hpp"
#include "ipc/channel.hpp"
#include "os/clock.hpp"
#include "os/file.hpp"
#include "status/runner.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace hb::test {

inline std::string content_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Looks until it holds; false after `patience`.
inline bool holds_within(core::Duration patience, const std::function<bool()>& condition) {
  const auto end = os::instant_now() + patience;
  while (!condition()) {
    if (os::instant_now() > end) return false;
    ::usleep(1000);
  }
  return true;
}

/// A folder that goes away with its owner.
class Folder {
 public:
  Folder() {
    std::string name = "/tmp/runner_test.XXXXXX";
    path_ = ::mkdtemp(name.data());
    ::chmod(path_.c_str(), 0755);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + '/' + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

  std::string write(const std::string& name, const std::string& content, mode_t mode = 0644) const {
    const std::string path = *this / name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << content;
    ::chmod(path.c_str(), mode);
    return path;
  }

 private:
  std::string path_;
};

struct Received {
  ipc::RecordType type;
  core::Message message;
};

/// The master's side: starts a runner in a child process, sends records, collects the answers.
class RunnerLab {
 public:
  static constexpr core::Duration patience = std::chrono::seconds{20};

  Folder folder;
  std::vector<Received> received;
  std::vector<ipc::ReceivedFd> descriptors;
  std::vector<std::string> environment{"PATH=/usr/bin:/bin", "HA_CURHOST=n1"};
  std::string debugfile, logfile;
  std::uint64_t deadtime = 400;
  std::uint64_t announce = 0;  ///< ms between announcements of held addresses
  std::string reboot;     ///< program that stands in for a reboot; "" = none is allowed
  std::string successor;  ///< program of a new master; "" = a service manager starts it

  RunnerLab() {
    for (const char* name : {"resource.d", "init.d", "rc.d", "state", "work"})
      std::filesystem::create_directory(folder / name);
    debugfile = folder / "ha-debug";
  }
  ~RunnerLab() { kill_runner(); }

  void start() {
    auto made = ipc::Channel::create(ipc::Role::runner, core::no_link, 1);
    if (!made) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) become_runner(made->second);
    made->second = {};
    channel_.emplace(std::move(made->first));
  }
  void start_configured() {
    start();
    configure();
  }

  void configure() {
    core::Message config;
    for (const std::string& setting : environment) config.add("env", setting);
    config.add("path", folder / "resource.d");
    config.add("path", folder / "init.d");
    config.add("rc_dir", folder / "rc.d");
    config.add("harc", folder / "harc");
    config.add("workdir", folder / "work");
    config.add("state_dir", folder / "state");
    config.add("ledger", folder / "ledger");
    config.add("outcomes", folder / "outcomes");
    config.add("logfile", logfile);
    config.add("debugfile", debugfile);
    config.add_decimal("deadtime", deadtime);
    config.add("board", folder / "board");
    config.add_decimal("hang_after", 500);
    config.add_decimal("announce", announce);
    config.add("node", "n1");
    config.add("reboot", reboot);
    config.add("successor", successor);
    config.add("successor_arg", "-d");
    send(ipc::RecordType::runner_config, config);
  }

  void send(ipc::RecordType type, const core::Message& message) {
    std::string payload;
    core::append_netstring(message, payload);
    send_raw(type, payload);
  }
  void send_raw(ipc::RecordType type, std::string_view payload) {
    if (!channel_->push(type, 0, os::instant_now(), core::as_bytes(payload))) std::abort();
    channel_->flush();
  }

  struct Action {
    std::uint64_t ticket;
    std::string key = "a", script = "a", op = "start";
    std::vector<std::string> arguments{};
    std::uint64_t timeout = 0;
    std::uint64_t resource = 0;
  };
  void run(const Action& action) {
    core::Message message;
    message.add_decimal("ticket", action.ticket);
    message.add_decimal("group", 0);
    message.add("key", action.key);
    message.add_decimal("resource", action.resource);
    message.add("script", action.script);
    for (const std::string& argument : action.arguments) message.add("arg", argument);
    message.add("op", action.op);
    message.add_decimal("timeout", action.timeout);
    send(ipc::RecordType::run_action, message);
  }
  void ticket_record(ipc::RecordType type, std::uint64_t ticket) {
    core::Message message;
    message.add_decimal("ticket", ticket);
    send(type, message);
  }

  /// Takes what has come; waits at most a moment for more.
  void pump(int milliseconds = 20) {
    if (!channel_->prepare_to_sleep()) milliseconds = 0;
    pollfd waited{channel_->bell(), POLLIN, 0};
    ::poll(&waited, 1, milliseconds);
    channel_->awake();
    if (channel_->take_bell() == ipc::BellState::closed) is_closed_ = true;
    while (auto fd = channel_->take_fd()) descriptors.push_back(std::move(*fd));
    const auto taken = channel_->drain(10'000, [this](const ipc::RecordView& record) {
      Received one{record.type, {}};
      if (record.payload.empty() || core::decode(record.payload, one.message))
        received.push_back(std::move(one));
    });
    if (!taken) std::abort();  // the runner broke the ring
  }
  bool wait_for(const std::function<bool()>& condition, core::Duration limit = patience) {
    const auto end = os::instant_now() + limit;
    while (!condition()) {
      if (os::instant_now() > end) return false;
      pump();
    }
    return true;
  }

  [[nodiscard]] const core::Message* find(ipc::RecordType type, std::string_view field,
                                          std::string_view value) const {
    for (const Received& one : received)
      if (one.type == type && one.message.text_or_empty(field) == value) return &one.message;
    return nullptr;
  }
  const core::Message* await(ipc::RecordType type, std::string_view field, std::string_view value) {
    wait_for([&] { return find(type, field, value) != nullptr; });
    return find(type, field, value);
  }
  /// "exited 0", "signaled 15", "missing 0"
  std::string end_of(std::uint64_t ticket) {
    const auto* done = await(ipc::RecordType::action_done, "ticket", std::to_string(ticket));
    if (done == nullptr) return "none";
    return std::string(done->text_or_empty("end")) + ' ' + std::string(done->text_or_empty("code"));
  }
  std::string output_of(std::uint64_t ticket) {
    const auto* done = await(ipc::RecordType::action_done, "ticket", std::to_string(ticket));
    return done == nullptr ? "none" : std::string(done->text_or_empty("output"));
  }
  std::string run_to_end(const Action& action) {
    run(action);
    return end_of(action.ticket);
  }
  bool logged(std::string_view level, std::string_view text) {
    return wait_for([&] {
      for (const Received& one : received)
        if (one.type == ipc::RecordType::log && one.message.text_or_empty("level") == level &&
            one.message.text_or_empty("text") == text)
          return true;
      return false;
    }, std::chrono::seconds{5});
  }

  /// As the kernel does when the master is killed.
  void lose_master() { channel_.reset(); }
  [[nodiscard]] pid_t runner() const { return pid_; }
  /// Its exit code; -1 if a signal ended it or it did not end in time.
  int exit_code() {
    int status = 0;
    const bool ended = holds_within(patience, [&] {
      return ::waitpid(pid_, &status, WNOHANG) == pid_;
    });
    if (!ended) return -1;
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  void kill_runner() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  [[nodiscard]] std::string ledger() const { return content_of(folder / "ledger"); }

  /// In a forked process: the descriptors in their places, nothing else open, then the real main.
  [[noreturn]] static void become_runner(ipc::ChildEnds& ends) {
    const int from = 64;
    const int bell = ::fcntl(ends.bell.get(), F_DUPFD, from);
    const int up = ::fcntl(ends.up.get(), F_DUPFD, from);
    const int down = ::fcntl(ends.down.get(), F_DUPFD, from);
    ::dup2(bell, 3);
    ::dup2(up, 4);
    ::dup2(down, 5);
    ::close_range(6, ~0U, 0);
    ::_exit(status::runner_main());
  }

 private:
  std::optional<ipc::Channel> channel_;
  pid_t pid_ = -1;
  bool is_closed_ = false;
};

}  // namespace hb::test
