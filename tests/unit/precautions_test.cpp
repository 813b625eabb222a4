// precautions_test: watchdog, core dumps and reserved memory of the master
#include "master/precautions.hpp"

#include "os/core_dumps.hpp"
#include "os/realtime.hpp"

#include <doctest/doctest.h>

#include <array>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace hb;
using namespace std::chrono_literals;
using core::LogLevel;

namespace {

/// A FIFO in place of the device, with its other end.
struct FakeDevice {
  FakeDevice() {
    std::string name = std::filesystem::temp_directory_path() / "watchdog_XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder = name;
    path = folder + "/device";
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    end = os::Fd{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
    REQUIRE(end.valid());
  }
  ~FakeDevice() { std::filesystem::remove_all(folder); }
  FakeDevice(const FakeDevice&) = delete;
  FakeDevice& operator=(const FakeDevice&) = delete;
  [[nodiscard]] std::string got() const {
    std::array<char, 100> bytes{};
    const ssize_t size = ::read(end.get(), bytes.data(), bytes.size());
    return {bytes.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
  }
  std::string folder, path;
  os::Fd end;
};

struct Bench {
  std::vector<std::pair<LogLevel, std::string>> lines;
  core::Config config;
  master::Precautions precautions{[this](LogLevel level, std::string_view text) {
    lines.emplace_back(level, text);
  }};
  Bench() { config.realtime = false; }
};

core::Instant at(std::chrono::milliseconds time) { return core::Instant{time}; }

const std::string pat(1, '\0');

/// What `check` says in a process of its own, whose limits and folder may be spoilt.
template <class Check>
bool apart(const Check& check) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(check() ? 0 : 1);
  int status = -1;
  return ::waitpid(child, &status, 0) == child && status == 0;
}

rlim_t core_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_CORE, &limit);
  return limit.rlim_cur;
}

}  // namespace

TEST_CASE("the watchdog's timeout is deadtime and 10 ms in whole seconds") {
  using master::Precautions;
  CHECK(Precautions::watchdog_timeout(30s) == 31s);
  CHECK(Precautions::watchdog_timeout(500ms) == 1s);
  CHECK(Precautions::watchdog_timeout(990ms) == 1s);
  CHECK(Precautions::watchdog_timeout(991ms) == 2s);
}

TEST_CASE("the watchdog is patted by turns that sent something, and disarmed at the end") {
  const FakeDevice device;
  Bench bench;
  bench.config.watchdog = device.path;
  bench.config.keepalive = 1s;
  bench.precautions.arm(bench.config);
  REQUIRE(bench.lines.size() == 1);  // it is no device that knows timeouts, and that is said
  CHECK(bench.lines[0].first == LogLevel::warn);
  CHECK(bench.lines[0].second.find("tells no timeout; see to it that it waits 31 s or more") !=
        std::string::npos);
  bench.precautions.turn_done(at(10s));
  CHECK(device.got().empty());  // turns alone prove nothing
  bench.precautions.message_sent();
  CHECK(device.got().empty());  // nor does a message whose turn does not end
  bench.precautions.turn_done(at(11s));
  CHECK(device.got() == pat);
  bench.precautions.message_sent();
  bench.precautions.turn_done(at(11s + 100ms));
  CHECK(device.got().empty());
  bench.precautions.turn_done(at(12s));
  CHECK(device.got() == pat);
  bench.precautions.end();
  CHECK(device.got() == "V");
}

TEST_CASE("a master that dies leaves the watchdog armed") {
  const FakeDevice device;
  {
    Bench bench;
    bench.config.watchdog = device.path;
    bench.precautions.arm(bench.config);
    bench.precautions.message_sent();
    bench.precautions.turn_done(at(1s));
  }
  CHECK(device.got() == pat);
}

TEST_CASE("a watchdog that cannot be opened, or takes nothing, is told once") {
  Bench bench;
  bench.config.watchdog = "/dev/no-such-watchdog";
  bench.precautions.arm(bench.config);
  REQUIRE(bench.lines.size() == 2);
  CHECK(bench.lines[0] == std::pair{LogLevel::error, std::string{
      "Cannot open watchdog device: /dev/no-such-watchdog"}});
  CHECK(bench.lines[1].second.find("load its module") != std::string::npos);
  bench.precautions.message_sent();
  bench.precautions.turn_done(at(1s));
  bench.precautions.end();
  CHECK(bench.lines.size() == 2);

  Bench full;
  full.config.watchdog = "/dev/full";
  full.precautions.arm(full.config);
  full.lines.clear();
  for (int i = 1; i < 4; ++i) {
    full.precautions.message_sent();
    full.precautions.turn_done(at(i * 1s));
  }
  REQUIRE(full.lines.size() == 1);
  CHECK(full.lines[0].first == LogLevel::error);
}

TEST_CASE("core dumps are switched by the soft limit") {
  CHECK(apart([] { return os::permit_core_dumps(false) && core_limit() == 0; }));
  CHECK(apart([] {
    const bool switched = os::permit_core_dumps(false) && os::permit_core_dumps(true);
    rlimit limit{};
    ::getrlimit(RLIMIT_CORE, &limit);
    return switched && limit.rlim_cur == limit.rlim_max;
  }));
}

TEST_CASE("coreroot: the user's folder is made and entered, or it is said why not") {
  const FakeDevice any;
  CHECK(apart([&] {
    const auto entered = os::enter_core_folder(any.folder, "root");
    struct stat about {};
    return entered && *entered == any.folder + "/root" &&
           ::stat((any.folder + "/root").c_str(), &about) == 0 &&
           (about.st_mode & 07777) == 0700 &&
           std::filesystem::current_path() == std::filesystem::canonical(*entered);
  }));
  const auto failed = os::enter_core_folder("/no/such/folder", "root");
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().text.find("install -d -m 0700 /no/such/folder/root") != std::string::npos);
}

TEST_CASE("reserved memory stays with the heap") {
  CHECK(apart([] {
    os::tune_heap();
    constexpr std::size_t size = 8 << 20;
    const auto faults = [] {
      rusage usage{};
      ::getrusage(RUSAGE_SELF, &usage);
      return usage.ru_minflt;
    };
    if (!os::reserve_heap(size)) return false;
    const long before = faults();
    std::vector<std::string> blocks;
    for (int i = 0; i < 60; ++i) blocks.emplace_back(100'000, 'x');
    return faults() - before < 100;  // of the 1,500 pages that were written
  }));
}
