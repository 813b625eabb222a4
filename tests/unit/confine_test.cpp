// confine_test: confined children keep what their work needs, and die of anything else
#include "ipc/channel.hpp"
#include "os/clock.hpp"
#include "os/confine.hpp"
#include "os/loop.hpp"
#include "os/process.hpp"
#include "os/realtime.hpp"
#include "os/socket.hpp"
#include "tests/unit/child_roles.hpp"

#include <doctest/doctest.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <string>

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace hb::os;

namespace {

constexpr const char* root_variable = "SYSTOLE_TEST_ROOT";

/// What the child tries after it was confined.
int attempt(const std::string& what) {
  if (what == "open") return ::open("/etc/passwd", O_RDONLY) >= 0 ? 1 : 2;
  if (what == "socket") return ::socket(AF_INET, SOCK_DGRAM, 0) >= 0 ? 1 : 2;
  if (what == "exec") return ::execl("/bin/true", "true", nullptr);
  if (what == "fork") return ::fork() >= 0 ? 1 : 2;
  if (what == "kill") return ::kill(1, 0) == 0 ? 1 : 2;
  if (what == "mmap") {
    return ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                   MAP_FAILED ? 2 : 1;
  }
  if (what == "exec-memory") {
    return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                   MAP_FAILED ? 2 : 1;
  }
  return 3;
}

int confined(Profile profile) {
  begin_child(6);
  // ATTEMPT is read before the filter; nothing is allocated after it.
  const std::string what = std::getenv("ATTEMPT") != nullptr ? std::getenv("ATTEMPT") : "";
  const char* root = std::getenv(root_variable);
  const auto who = profile == Profile::medium ? account("nobody") : account("daemon");
  if (!who) return 10;
  const auto done = confine({profile, *who, root != nullptr ? root : "", 3});
  if (!done) {
    std::fprintf(stderr, "%s\n", done.error().text.c_str());
    return 11;
  }
  (void)!::write(3, "r", 1);
  if (what == "wait") {
    char byte = 0;
    return static_cast<int>(::recv(3, &byte, 1, 0));  // 0: the other end closed
  }
  return attempt(what);
}
int confined_medium() { return confined(Profile::medium); }
int confined_status() { return confined(Profile::status); }

/// A reader and writer in one: 1,000 turns of loop, timer, sockets, ring and bell under the filter.
int confined_turns() {
  begin_child(8);
  tune_heap();
  auto channel = hb::ipc::Channel::adopt();
  const auto who = account("nobody");
  if (!channel || !who) return 10;
  Loop loop;
  ReceiveBatch in;
  SendBatch out;
  int turns = 0;
  loop.watch(channel->bell(), [&] { (void)channel->take_bell(); });
  loop.watch(6, [&] {
    const auto count = in.receive(6);
    for (std::size_t i = 0; count && i < *count; ++i) {
      channel->push(hb::ipc::RecordType::log, 0, in[i].time, in[i].bytes);
    }
  });
  loop.on_turn([&] {
    channel->awake();
    (void)channel->drain(64, [&](const hb::ipc::RecordView& record) {
      (void)out.add(record.payload);
    });
    if (!out.empty()) (void)out.flush(6);
    channel->flush();
    (void)channel->prepare_to_sleep();
    loop.deadline(instant_now() + std::chrono::microseconds{200});
    if (++turns == 1000) loop.stop();
  });
  const char* root = std::getenv(root_variable);
  if (!confine({Profile::medium, *who, root != nullptr ? root : "", 3})) return 11;
  channel->push(hb::ipc::RecordType::ready, 0, instant_now(), {});
  channel->flush();
  loop.deadline(instant_now());
  loop.run();
  ::_exit(turns == 1000 ? 0 : 12);  // a return would unmap, which the filter forbids
}

/// Says what round-robin scheduling and locked memory came to.
int realtime_child() {
  begin_child(5);
  const auto warnings = go_realtime(given_priority(), TextLock::all);
  for (const auto& warning : warnings) (void)!::write(3, warning.data(), warning.size());
  if (warnings.empty()) (void)!::write(3, "granted", 7);
  char byte = 0;
  (void)!::recv(3, &byte, 1, 0);
  leave_realtime();
  (void)!::write(3, "left", 4);
  (void)!::recv(3, &byte, 1, 0);
  return 0;
}

const bool roles = hb::test::serve_role("unit-medium", confined_medium) &&
                   hb::test::serve_role("unit-strangers", confined_status) &&
                   hb::test::serve_role("unit-turns", confined_turns) &&
                   hb::test::serve_role("unit-realtime", realtime_child);

struct Confined {
  explicit Confined(const char* role, const std::string& what, const std::string& extra = "A=1") {
    REQUIRE(::mkdtemp(root.data()) != nullptr);
    ::chmod(root.c_str(), 0755);
    const Fd image = hb::test::own_image();
    std::array<int, 2> life{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, life.data()) == 0);
    lifeline.reset(life[0]);
    const Fd theirs{life[1]};
    const std::array<std::string, 3> environment{"ATTEMPT=" + what,
                                                 std::string{root_variable} + "=" + root, extra};
    auto spawned = spawn_self(image.get(), "heartbeat: test", role, {theirs.get()}, environment);
    REQUIRE(spawned.has_value());
    process = std::move(*spawned);
  }
  ~Confined() {
    process.kill(SIGKILL);
    if (process.pidfd.valid()) (void)end();
    ::rmdir(root.c_str());
  }
  std::string hear() {
    pollfd waiting{lifeline.get(), POLLIN, 0};
    if (::poll(&waiting, 1, 20'000) != 1) return "nothing";
    char text[1024];
    const ssize_t got = ::recv(lifeline.get(), text, sizeof text, 0);
    return {text, static_cast<std::size_t>(got > 0 ? got : 0)};
  }
  ProcessEnd end() {
    pollfd waiting{process.pidfd.get(), POLLIN, 0};
    ::poll(&waiting, 1, 20'000);
    return process.reap().value_or(ProcessEnd{true, 0});
  }
  std::string root = "/tmp/confine_test.XXXXXX";
  Fd lifeline;
  Process process;
};

std::map<std::string, std::string> status_of(pid_t pid) {
  std::map<std::string, std::string> result;
  std::ifstream file{"/proc/" + std::to_string(pid) + "/status"};
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    const auto begin = line.find_first_not_of("\t ", colon + 1);
    result[line.substr(0, colon)] = begin == std::string::npos ? "" : line.substr(begin);
  }
  return result;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool filter_kills = false;  // the sanitizers need calls of their own
#else
constexpr bool filter_kills = true;
#endif

}  // namespace

TEST_CASE("a confined child is nobody, in an empty root, without a single right") {
  if (::geteuid() != 0) return;
  for (const char* role : {"unit-medium", "unit-strangers"}) {
    CAPTURE(role);
    Confined child{role, "wait"};
    REQUIRE(child.hear() == "r");
    auto status = status_of(child.process.pid);
    const auto who = account(role == std::string{"unit-medium"} ? "nobody" : "daemon");
    const std::string uid = std::to_string(who->user), gid = std::to_string(who->group);
    CHECK(status["Uid"] == uid + "\t" + uid + "\t" + uid + "\t" + uid);
    CHECK(status["Gid"] == gid + "\t" + gid + "\t" + gid + "\t" + gid);
    CHECK(status["Groups"].empty());
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
      CAPTURE(set);
      CHECK(status[set] == "0000000000000000");
    }
    CHECK(status["NoNewPrivs"] == "1");
    CHECK(status["Seccomp"] == "2");
    const std::string root = "/proc/" + std::to_string(child.process.pid) + "/root";
    char target[256] = {};
    CHECK(::readlink(root.c_str(), target, sizeof target - 1) > 0);
    CHECK(std::string{target} == child.root);
    child.lifeline.reset();
    const auto end = child.end();
    CHECK_FALSE(end.signaled);
    CHECK(end.code == 0);
  }
}

TEST_CASE("a reader does a thousand turns under its filter") {
  if (::geteuid() != 0) return;
  std::string root = "/tmp/confine_test.XXXXXX";
  REQUIRE(::mkdtemp(root.data()) != nullptr);
  ::chmod(root.c_str(), 0755);
  std::array<int, 2> medium{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, medium.data()) == 0);
  const Fd ours{medium[0]}, theirs{medium[1]};
  auto made = hb::ipc::Channel::create(hb::ipc::Role::status, hb::core::no_link, 1);
  REQUIRE(made.has_value());
  auto& [master, ends] = *made;
  const Fd image = hb::test::own_image();
  const std::array<std::string, 1> extra{std::string{root_variable} + "=" + root};
  auto process = spawn_self(image.get(), "heartbeat: read: test", "unit-turns",
                            {ends.bell.get(), ends.up.get(), ends.down.get(), theirs.get()}, extra);
  REQUIRE(process.has_value());
  std::size_t heard = 0, answers = 0;
  std::optional<ProcessEnd> end;
  const auto late = instant_now() + std::chrono::seconds{30};
  while (!end && instant_now() < late) {
    (void)::send(ours.get(), "frame", 5, MSG_DONTWAIT);
    master.push(hb::ipc::RecordType::log_line, 0, instant_now(), hb::core::as_bytes("out"));
    master.flush();
    REQUIRE(master.drain(100, [&](const hb::ipc::RecordView&) { ++heard; }).has_value());
    char text[64];
    while (::recv(ours.get(), text, sizeof text, MSG_DONTWAIT) > 0) ++answers;
    pollfd waiting{process->pidfd.get(), POLLIN, 0};
    ::poll(&waiting, 1, 1);
    end = process->reap();
  }
  ::rmdir(root.c_str());
  REQUIRE(end.has_value());
  CHECK_FALSE(end->signaled);
  CHECK(end->code == 0);
  CHECK(heard > 1);
  CHECK(answers > 0);
}

TEST_CASE("what a reader must not do kills it") {
  if (::geteuid() != 0 || !filter_kills) return;
  for (const char* what : {"open", "socket", "exec", "fork", "kill", "mmap"}) {
    CAPTURE(std::string{what});
    Confined child{"unit-medium", what};
    CHECK(child.hear() == "r");
    const auto end = child.end();
    CHECK(end.signaled);
    CHECK(end.code == SIGSYS);
  }
}

TEST_CASE("what the status process must not do kills it; what it needs it may") {
  if (::geteuid() != 0 || !filter_kills) return;
  for (const char* what : {"open", "socket", "exec", "fork", "exec-memory"}) {
    CAPTURE(std::string{what});
    Confined child{"unit-strangers", what};
    CHECK(child.hear() == "r");
    const auto end = child.end();
    CHECK(end.signaled);
    CHECK(end.code == SIGSYS);
  }
  const std::map<std::string, int> permitted{{"mmap", 1}, {"kill", 2}};  // 2: not its own process
  for (const auto& [name, code] : permitted) {
    const std::string& what = name;  // CAPTURE is a lambda, which takes no structured binding
    CAPTURE(what);
    Confined child{"unit-strangers", what};
    CHECK(child.hear() == "r");
    const auto end = child.end();
    CHECK_FALSE(end.signaled);
    CHECK(end.code == code);
  }
}

TEST_CASE("in log mode a forbidden call fails by its own rules, and the child lives") {
  if (::geteuid() != 0) return;
  Confined child{"unit-medium", "open", "SYSTOLE_FILTER=log"};
  CHECK(child.hear() == "r");
  const auto end = child.end();
  CHECK_FALSE(end.signaled);
  CHECK(end.code == 2);  // the root is empty
}

TEST_CASE("a child whose master has gone meanwhile does not serve") {
  if (::geteuid() != 0) return;
  Confined child{"unit-medium", "wait"};
  child.lifeline.reset();  // before or after its look: it ends either way
  const auto end = child.end();
  CHECK_FALSE(end.signaled);
  CHECK((end.code == 11 || end.code == 0));
}

TEST_CASE("unknown users and groups are named with the cure") {
  CHECK(account("no-such-user").error().text ==
        "there is no user no-such-user; create it: adduser --system no-such-user");
  CHECK(account("root", "no-such-group").error().text ==
        "there is no group no-such-group; create it: addgroup --system no-such-group");
  CHECK(account("root")->user == 0);
}

TEST_CASE("capabilities are there only within a scope") {
  if (::geteuid() != 0) return;
  const pid_t child = ::fork();  // the test program itself keeps its own
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto effective = [](cap_value_t capability) {
      cap_t now = cap_get_proc();
      cap_flag_value_t value = CAP_CLEAR;
      cap_get_flag(now, capability, CAP_EFFECTIVE, &value);
      cap_free(now);
      return value == CAP_SET;
    };
    if (!lower_capabilities() || effective(CAP_NET_RAW) || effective(CAP_KILL)) ::_exit(1);
    {
      const CapScope scope{CAP_NET_RAW};
      if (!effective(CAP_NET_RAW) || effective(CAP_KILL)) ::_exit(2);
      {
        const CapScope inner{CAP_NET_RAW, CAP_KILL};
        if (!effective(CAP_KILL)) ::_exit(3);
      }
      if (!effective(CAP_NET_RAW) || effective(CAP_KILL)) ::_exit(4);  // the outer one still holds
    }
    ::_exit(effective(CAP_NET_RAW) ? 5 : 0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("real time is taken or warned about, and given back") {
  Confined child{"unit-realtime", "", "SYSTOLE_PRIORITY=3"};
  const std::string said = child.hear();
  sched_param parameters{};
  if (said == "granted") {
    CHECK(::sched_getscheduler(child.process.pid) == SCHED_RR);
    CHECK(::sched_getparam(child.process.pid, &parameters) == 0);
    CHECK(parameters.sched_priority == 3);
    if (filter_kills) CHECK(status_of(child.process.pid)["VmLck"] != "0 kB");  // ASan: no mlock
  } else {
    CHECK((said.find("CAP_SYS_NICE") != std::string::npos ||
           said.find("CAP_IPC_LOCK") != std::string::npos));
  }
  REQUIRE(::send(child.lifeline.get(), "x", 1, 0) == 1);
  CHECK(child.hear() == "left");
  CHECK(::sched_getscheduler(child.process.pid) == SCHED_OTHER);
  CHECK(status_of(child.process.pid)["VmLck"] == "0 kB");
  child.lifeline.reset();
  CHECK(child.end().code == 0);
}
