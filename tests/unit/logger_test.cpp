// logger_test: the places that log lines go to, and what happens when they fail
#include "status/logger.hpp"

#include "status/log_limits.hpp"

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

namespace {

using namespace hb::status;
using hb::core::LogLevel;
using hb::core::WallTime;

/// 2026-11-02 18:31:33 UTC, as a local time of a host that runs on UTC.
const WallTime noon{std::chrono::seconds{1793644293}};

LogFormat format() {
  ::setenv("TZ", "UTC0", 1);
  ::tzset();
  LogFormat made;
  made.host = "n1";
  made.facility = 128;
  return made;
}

LogEntry entry(LogLevel level, std::string text) {
  return {level, 23, "heartbeat", std::move(text)};
}

/// A file in memory that can be read back.
struct Sheet {
  Sheet() : file(::memfd_create("log", MFD_CLOEXEC)) { REQUIRE(file >= 0); }
  ~Sheet() { ::close(file); }
  Sheet(const Sheet&) = delete;
  Sheet& operator=(const Sheet&) = delete;
  [[nodiscard]] hb::os::Fd handle() const { return hb::os::Fd(::dup(file)); }
  [[nodiscard]] std::string text() const {
    std::array<char, 65536> bytes{};
    const ssize_t size = ::pread(file, bytes.data(), bytes.size(), 0);
    return {bytes.data(), static_cast<std::size_t>(size)};
  }
  int file;
};

}  // namespace

TEST_CASE("the log file gets all but debug, the debug file everything") {
  Sheet log, debug;
  Logger logger;
  LogFormat both = format();
  both.facility = -1;
  both.expects_file = both.expects_debug_file = true;
  logger.configure(both);
  logger.set_file(log.handle());
  logger.set_debug_file(debug.handle());
  logger.write(entry(LogLevel::info, "one"), noon);
  logger.write(entry(LogLevel::debug, "two"), noon);
  CHECK(log.text() == "Nov 02 18:31:33 n1 heartbeat: [23]: info: one\n");
  CHECK(debug.text() ==
        "Nov 02 18:31:33 n1 heartbeat: [23]: info: one\n"
        "Nov 02 18:31:33 n1 heartbeat: [23]: debug: two\n");
  CHECK(logger.lost() == 0);
}

TEST_CASE("lines from before the descriptor came are written when it comes, and bounded") {
  Sheet log;
  Logger logger;
  LogFormat expecting = format();
  expecting.facility = -1;
  expecting.expects_file = true;
  logger.configure(expecting);
  for (int i = 0; i < 1003; ++i) logger.write(entry(LogLevel::info, "early"), noon);
  CHECK(logger.lost() == 3);
  logger.set_file(log.handle());
  logger.write(entry(LogLevel::info, "late"), noon);
  const std::string text = log.text();
  CHECK(text.find("early") != std::string::npos);
  CHECK(text.find("3 log lines were lost") != std::string::npos);
  CHECK(text.ends_with("late\n"));
}

TEST_CASE("the logging daemon gets everything until it takes no more") {
  Sheet log;
  Logger logger;
  LogFormat both = format();
  both.facility = -1;
  both.expects_file = true;
  logger.configure(both);
  logger.set_file(log.handle());
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  logger.set_daemon(hb::os::Fd(ends[0]));
  logger.write(entry(LogLevel::info, "one"), noon);
  std::array<char, 256> bytes{};
  const ssize_t size = ::recv(ends[1], bytes.data(), bytes.size(), 0);
  // 8 bytes of frame, 6 numbers, entity, time, text with NUL: what ha_logger sends
  REQUIRE(size == 8 + 24 + 64 + 8 + 4);
  const auto number = [&](std::size_t at) {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
  };
  CHECK(number(0) == 24 + 64 + 8 + 4);
  CHECK(number(4) == 0xabcd);
  CHECK(number(8) == 2);
  CHECK(number(12) == 24);
  CHECK(number(16) == 6);
  CHECK(number(20) == 4);
  CHECK(number(28) == 23);
  CHECK(std::string{bytes.data() + 32} == "heartbeat");
  CHECK(number(96) == 1793644293);
  CHECK(std::string{bytes.data() + 104} == "one");
  CHECK(log.text().empty());
  ::close(ends[1]);
  logger.write(entry(LogLevel::info, "two"), noon);
  CHECK(log.text().ends_with("info: two\n"));
}

TEST_CASE("repeats are counted, and told when something else comes or time has passed") {
  LogLimits limits;
  std::vector<std::string> lines;
  const auto write = [&](const LogEntry& line) { lines.push_back(line.text); };
  const auto at = [](int ms) { return hb::core::Instant{std::chrono::milliseconds{1000 + ms}}; };
  for (int i = 0; i < 7; ++i) limits.take(entry(LogLevel::info, "same"), at(i), write);
  CHECK(lines == std::vector<std::string>{"same", "same", "same"});
  limits.take(entry(LogLevel::info, "other"), at(10), write);
  REQUIRE(lines.size() == 5);
  CHECK(lines[3] == "last message repeated 4 times");
  CHECK(lines[4] == "other");
  lines.clear();
  for (int i = 0; i < 5; ++i) limits.take(entry(LogLevel::crit, "bad"), at(20 + i), write);
  CHECK(limits.next_deadline() > at(20));
  limits.tick(at(1000), write);
  CHECK(lines.size() == 3);
  limits.tick(limits.next_deadline(), write);
  REQUIRE(lines.size() == 4);
  CHECK(lines[3] == "last message repeated 2 times");
  CHECK(limits.next_deadline() == hb::core::never);
  CHECK(limits.left_out() == 6);
}

TEST_CASE("a flood of one kind costs a few lines, and hides no other line") {
  LogLimits limits;
  std::vector<std::string> lines;
  const auto write = [&](const LogEntry& line) { lines.push_back(line.text); };
  const auto at = [](int ms) { return hb::core::Instant{std::chrono::milliseconds{1000 + ms}}; };
  for (int i = 0; i < 100'000; ++i) {
    limits.take(entry(LogLevel::warn, fmt::format("packet {} of n2 is bad", i)), at(i), write);
  }
  // 100 s of flood: the burst, a line each 5 s, and a note each 10 s
  CHECK(lines.size() >= LogLimits::kind_burst + 19 + 9);
  CHECK(lines.size() <= LogLimits::kind_burst + 21 + 11);
  CHECK(std::ranges::count_if(lines, [](const std::string& line) {
          return line.find("more messages of this kind were left out: packet ") != line.npos;
        }) >= 9);
  limits.take(entry(LogLevel::info, "node n2: is dead"), at(100'001), write);
  CHECK(lines.back() == "node n2: is dead");
  CHECK(limits.left_out() + lines.size() >= 100'001);
}

TEST_CASE("a flood of many kinds is bounded too; crit passes, debug takes nothing from others") {
  LogLimits limits;
  std::size_t written = 0, critical = 0;
  const auto write = [&](const LogEntry& line) {
    ++written;
    if (line.level == LogLevel::crit) ++critical;
  };
  const auto at = hb::core::Instant{std::chrono::seconds{5}};
  for (int i = 0; i < 50'000; ++i) {
    const std::string word(1 + static_cast<std::size_t>(i % 1000), 'x');
    limits.take(entry(LogLevel::debug, word), at, write);
  }
  CHECK(written == LogLimits::total_burst);
  written = 0;
  for (int i = 0; i < 50'000; ++i) {
    const std::string word(1 + static_cast<std::size_t>(i % 1000), 'y');
    limits.take(entry(LogLevel::info, word), at, write);
    if (i % 1000 == 0) limits.take(entry(LogLevel::crit, fmt::format("end {}", i)), at, write);
  }
  CHECK(written == LogLimits::total_burst + 50);
  CHECK(critical == 50);
  limits.tick(limits.next_deadline(), write);
  CHECK(written <= LogLimits::total_burst + 50 + LogLimits::kinds + 1);
}

TEST_CASE("a disk that takes nothing loses lines, tells how many, and goes on afterwards") {
  Logger logger;
  LogFormat expecting = format();
  expecting.facility = -1;
  expecting.expects_file = true;
  logger.configure(expecting);
  logger.set_file(hb::os::Fd(::open("/dev/full", O_WRONLY | O_CLOEXEC)));
  logger.write(entry(LogLevel::info, "lost"), noon);
  logger.write(entry(LogLevel::info, "lost"), noon);
  CHECK(logger.lost() == 2);
  Sheet log;
  logger.set_file(log.handle());
  logger.write(entry(LogLevel::info, "found"), noon);
  CHECK(log.text().find("2 log lines were lost") != std::string::npos);
  CHECK(log.text().ends_with("found\n"));
}
