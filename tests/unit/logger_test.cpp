// logger_test: the places that log lines go to, and what happens when they fail
#include "status/logger.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <ctime>
#include <string>

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
