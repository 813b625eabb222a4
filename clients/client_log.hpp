// client_log: log lines of a client program where the daemon's own go: its files, and syslog
#pragma once

#include "core/engine_io.hpp"
#include "os/log.hpp"

#include <string>
#include <string_view>

namespace hb::clients {

class HbClient;

/// Lines to stderr until follow() was called; then as ha.cf says. Errors in logging are ignored:
/// nobody could be told.
class ClientLog {
 public:
  /// `program` is the name in every line; text that lives as long as the program.
  explicit ClientLog(const char* program);

  /// Asks the daemon for logfile, logfacility and syslogmsgfmt.
  void follow(HbClient& client);
  void write(core::LogLevel level, std::string_view text);
  void info(std::string_view text) { write(core::LogLevel::info, text); }

 private:
  os::LogSource source_;
  const char* program_;
  std::string file_;
  int facility_ = -1;
  os::LineFormat format_ = os::LineFormat::syslog_like;
  bool to_stderr_ = true;
};

}  // namespace hb::clients
