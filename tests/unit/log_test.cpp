// log_test: lines look as 3.0.6 wrote them, and nobody can forge a second line
#include "os/log.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <ctime>
#include <string>

#include <syslog.h>

using namespace hb::os;
using hb::core::LogLevel;
using hb::core::WallTime;

namespace {

/// Times in UTC for the length of a test.
struct Utc {
  Utc() {
    if (const char* zone = std::getenv("TZ")) before = zone;
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }
  ~Utc() {
    if (before.empty()) {
      ::unsetenv("TZ");
    } else {
      ::setenv("TZ", before.c_str(), 1);
    }
    ::tzset();
  }
  std::string before;
};

constexpr WallTime november{std::chrono::seconds{1795372293}};  // 2026-11-22 18:31:33 UTC
constexpr WallTime early_march{std::chrono::seconds{1772589844}};  // 2026-03-04 02:04:04 UTC

}  // namespace

TEST_CASE("the lines of configuration.md, section 10.2") {
  const Utc utc;
  const LogSource source{"n1", "heartbeat", 23};
  CHECK(file_line(LineFormat::syslog_like, source, november, LogLevel::info, "text") ==
        "Nov 22 18:31:33 n1 heartbeat: [23]: info: text\n");
  CHECK(file_line(LineFormat::dated, source, november, LogLevel::info, "text") ==
        "heartbeat[23]: 2026/11/22_18:31:33 info: text\n");
  CHECK(syslog_datagram(LOG_LOCAL3, source, november, LogLevel::info, "text") ==
        std::string{"<158>Nov 22 18:31:33 heartbeat: [23]: info: text\0", 49});
}

TEST_CASE("days below ten: a zero in files, a blank in syslog") {
  const Utc utc;
  const LogSource source{"n1", "heartbeat", 23};
  CHECK(file_line(LineFormat::syslog_like, source, early_march, LogLevel::warn, "x") ==
        "Mar 04 02:04:04 n1 heartbeat: [23]: WARN: x\n");
  CHECK(syslog_datagram(LOG_DAEMON, source, early_march, LogLevel::error, "x").substr(0, 19) ==
        "<27>Mar  4 02:04:04");
}

TEST_CASE("level words") {
  const char* const words[] = {"EMERG", "ALERT",  "CRIT", "ERROR",
                               "WARN",  "notice", "info", "debug"};
  for (int i = 0; i < 8; ++i) CHECK(level_word(static_cast<LogLevel>(i)) == words[i]);
}

TEST_CASE("control bytes become blanks, the rest stays") {
  const Utc utc;
  const LogSource source{"", "heartbeat", 1};
  CHECK(file_line(LineFormat::syslog_like, source, november, LogLevel::info,
                  "one\nNov 22 two\r\x1b[2J\tthree \xc3\xa4\n") ==
        "Nov 22 18:31:33 heartbeat: [1]: info: one Nov 22 two  [2J\tthree \xc3\xa4\n");
}

TEST_CASE("this process on this host") {
  const LogSource source = log_source();
  CHECK_FALSE(source.host.empty());
  CHECK(source.entity == "heartbeat");
  CHECK(source.pid > 0);
}
