// process_test: our own image executed anew: descriptors, environment, signals, title, end
#include "os/process.hpp"
#include "tests/unit/child_roles.hpp"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

using namespace hb::os;

namespace {

void say(int fd, const std::string& line) {
  (void)!::write(fd, (line + "\n").data(), line.size() + 1);
}

/// Tells on descriptor 4 what it is, then waits for the end of descriptor 3 and exits with 42.
int teller() {
  for (int fd = 0; fd < 256; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) say(4, "fd " + std::to_string(fd));
  }
  for (char** entry = environ; *entry != nullptr; ++entry) say(4, std::string{"env "} + *entry);
  sigset_t blocked;
  ::sigprocmask(SIG_SETMASK, nullptr, &blocked);
  for (const int signal : {SIGTERM, SIGPIPE, SIGUSR1}) {
    struct sigaction action {};
    ::sigaction(signal, nullptr, &action);
    if (::sigismember(&blocked, signal) == 1) say(4, "blocked " + std::to_string(signal));
    if (action.sa_handler != SIG_DFL) say(4, "handled " + std::to_string(signal));
  }
  begin_child(5);
  char name[16] = {};
  ::prctl(PR_GET_NAME, name);
  say(4, std::string{"name "} + name);
  say(4, "priority " + std::to_string(given_priority()));
  say(4, "ready");
  char byte = 0;
  (void)!::read(3, &byte, 1);
  return 42;
}
const bool teller_role = hb::test::serve_role("unit-teller", teller);

std::string command_line_of(pid_t pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/cmdline"};
  return {std::istreambuf_iterator<char>{file}, {}};
}

bool wait_readable(int fd) {
  pollfd waiting{fd, POLLIN, 0};
  return ::poll(&waiting, 1, 20'000) == 1;
}

struct Teller {
  explicit Teller(std::span<const std::string> extra = {}) {
    const Fd image = hb::test::own_image();
    std::array<int, 2> life{}, told{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, life.data()) == 0);
    REQUIRE(::pipe2(told.data(), O_CLOEXEC) == 0);
    lifeline.reset(life[0]);
    const Fd theirs{life[1]}, write_end{told[1]};
    read_end.reset(told[0]);
    auto spawned = spawn_self(image.get(), "heartbeat: read: bcast eth0", "unit-teller",
                              {theirs.get(), write_end.get(), -1}, extra);
    REQUIRE(spawned.has_value());
    process = std::move(*spawned);
    std::string text;
    while (text.find("ready\n") == std::string::npos) {
      char part[1024];
      const ssize_t got = ::read(read_end.get(), part, sizeof part);
      REQUIRE(got > 0);
      text.append(part, static_cast<std::size_t>(got));
    }
    for (std::size_t at = 0; at < text.size();) {
      const auto end = text.find('\n', at);
      lines.insert(text.substr(at, end - at));
      at = end + 1;
    }
  }
  Process process;
  Fd lifeline, read_end;
  std::multiset<std::string> lines;
};

}  // namespace

TEST_CASE("a child gets the descriptors it is given, and no other") {
  const Fd leak{::dup(0)};  // as a careless parent of ours leaves them
  REQUIRE(::fcntl(leak.get(), F_GETFD) == 0);
  const Teller teller;
  CHECK(teller.lines.contains("fd 3"));
  CHECK(teller.lines.contains("fd 4"));
  for (int fd = 5; fd < 256; ++fd) CHECK_FALSE(teller.lines.contains("fd " + std::to_string(fd)));
}

TEST_CASE("a child's environment is its role and what it is given") {
  ::setenv("SECRET_OF_THE_MASTER", "x", 1);
  const std::array<std::string, 2> extra{"SYSTOLE_PRIORITY=17", "ANSWER=42"};
  const Teller teller{extra};
  ::unsetenv("SECRET_OF_THE_MASTER");
  CHECK(teller.lines.contains("env ANSWER=42"));
  CHECK(teller.lines.contains("env SYSTOLE_ROLE=unit-teller"));
  CHECK(teller.lines.contains("priority 17"));
  for (const auto& line : teller.lines) CHECK(line.find("SECRET") == std::string::npos);
}

TEST_CASE("a child's signals are default and unblocked, whatever ours are") {
  sigset_t set, before;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &set, &before);
  const auto pipe_before = std::signal(SIGPIPE, SIG_IGN);
  const Teller teller;
  std::signal(SIGPIPE, pipe_before);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  for (const auto& line : teller.lines) {
    CHECK_FALSE(line.starts_with("blocked"));
    CHECK_FALSE(line.starts_with("handled"));
  }
}

TEST_CASE("title and name are those of heartbeat") {
  const Teller teller;
  CHECK(command_line_of(teller.process.pid) == std::string{"heartbeat: read: bcast eth0\0", 28});
  CHECK(teller.lines.contains("name heartbeat"));
}

TEST_CASE("an exit code is told") {
  Teller teller;
  CHECK_FALSE(teller.process.reap().has_value());
  teller.lifeline.reset();
  REQUIRE(wait_readable(teller.process.pidfd.get()));
  const auto end = teller.process.reap();
  REQUIRE(end.has_value());
  CHECK_FALSE(end->signaled);
  CHECK(end->code == 42);
  CHECK_FALSE(teller.process.reap().has_value());
  teller.process.kill(SIGKILL);  // nobody there: nothing happens
}

TEST_CASE("a signal is told") {
  Teller teller;
  teller.process.kill(SIGKILL);
  REQUIRE(wait_readable(teller.process.pidfd.get()));
  const auto end = teller.process.reap();
  REQUIRE(end.has_value());
  CHECK(end->signaled);
  CHECK(end->code == SIGKILL);
}

TEST_CASE("an image that is no program is an error, not a child") {
  const Fd text{::open("/etc/passwd", O_RDONLY | O_CLOEXEC)};
  const auto process = spawn_self(text.get(), "heartbeat: nothing", "unit-teller", {});
  REQUIRE(process.has_error());
  CHECK(process.error().text.starts_with("cannot execute our own program: "));
}

TEST_CASE("set_title changes what ps shows, and keeps the environment") {
  // In a child of its own: the title is written over the arguments and the environment.
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    // Where the kernel says that our arguments lie: fields 48 and 49 of /proc/self/stat.
    std::ifstream stat{"/proc/self/stat"};
    std::string all{std::istreambuf_iterator<char>{stat}, {}};
    std::size_t at = all.rfind(')') + 2;
    for (int field = 3; field < 48; ++field) at = all.find(' ', at) + 1;
    char* next = nullptr;
    char* text = reinterpret_cast<char*>(std::strtoull(all.c_str() + at, &next, 10));
    char* const end = reinterpret_cast<char*>(std::strtoull(next, nullptr, 10));
    std::vector<char*> argv;
    for (; text < end; text += std::strlen(text) + 1) argv.push_back(text);
    argv.push_back(nullptr);
    ::setenv("KEPT", "yes", 1);
    const std::string path = std::getenv("PATH") != nullptr ? std::getenv("PATH") : "";
    set_title(argv.data(), "heartbeat: master");
    const bool shown = command_line_of(::getpid()).starts_with("heartbeat: master");
    const bool kept = std::getenv("KEPT") != nullptr &&
                      (path.empty() || std::string{std::getenv("PATH")} == path);
    ::_exit((shown ? 0 : 1) + (kept ? 0 : 2));
  }
  Process process{child, Fd{}};
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
