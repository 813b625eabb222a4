// logger: log lines to logfile, debugfile and syslog
#pragma once

#include "core/engine_io.hpp"
#include "core/types.hpp"
#include "os/fd.hpp"
#include "os/log.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <utility>

namespace hb::status {

/// One message as it arrives: who says what.
struct LogEntry {
  core::LogLevel level = core::LogLevel::info;
  std::uint32_t pid = 0;                  ///< of the process that speaks
  std::string entity = "heartbeat";
  std::string text;
};

struct LogFormat {
  std::string host;             ///< `uname -n`
  os::LineFormat lines = os::LineFormat::syslog_like;  ///< `syslogmsgfmt`
  int facility = -1;            ///< syslog facility code as in LOG_LOCAL0, -1 = no syslog
  bool expects_file = false;    ///< a logfile is configured: keep lines until its descriptor comes
  bool expects_debug_file = false;
};

/// Writes each entry to all places that are configured: logfile all levels but debug, debugfile and
/// syslog all. A full disk or a dead syslog daemon loses lines, never the caller: the number lost
/// is told in the next line that gets through.
class Logger {
 public:
  /// Connects to /dev/log, which a confined process cannot reach later.
  Logger();

  void configure(LogFormat format);
  /// Descriptors opened for appending by someone who may; replace the earlier ones (rotation).
  void set_file(os::Fd file);
  void set_debug_file(os::Fd file);
  /// A datagram socket connected to a syslog daemon's new address.
  void set_syslog(os::Fd socket) { syslog_ = std::move(socket); }
  /// A connection to ha_logd, which then gets everything in place of all others, until it takes no
  /// more: then the others get it again.
  void set_daemon(os::Fd connection) { daemon_ = std::move(connection); }

  void write(const LogEntry& entry, core::WallTime now);

  [[nodiscard]] std::uint64_t lost() const { return lost_; }

 private:
  struct Sink {
    os::Fd file;
    bool expected = false;
    std::deque<std::string> waiting;  ///< lines from before the descriptor came
    std::uint64_t lost = 0;
  };
  void set(Sink& sink, os::Fd file);
  void put(Sink& sink, const std::string& line);
  bool give_to_daemon(const LogEntry& entry, core::WallTime now);

  LogFormat format_;
  Sink file_, debug_file_;
  os::Fd syslog_, daemon_;
  std::uint64_t lost_ = 0;
};

}  // namespace hb::status
