// log: the formats of log lines (configuration §10.2), and stderr before there is anything better
#pragma once

#include "core/engine_io.hpp"
#include "core/types.hpp"

#include <cstdint>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace hb::os {

/// EMERG ALERT CRIT ERROR WARN notice info debug
[[nodiscard]] std::string_view level_word(core::LogLevel level);

/// `syslogmsgfmt`: syslog_like `Nov 22 18:31:33 n1 heartbeat: [23]: info: text`, dated
/// `heartbeat[23]: 2026/11/22_19:24:04 info: text`.
enum class LineFormat : std::uint8_t { syslog_like, dated };

/// Who writes: uname -n (empty: left out), program, pid.
struct LogSource {
  std::string host;
  std::string entity = "heartbeat";
  pid_t pid = 0;
};
/// This process on this host.
[[nodiscard]] LogSource log_source();

/// One line for a log file or stderr, with its newline. Control bytes in `text` become blanks, so
/// that nobody can forge a second line. Local time: call tzset() before a chroot.
[[nodiscard]] std::string file_line(LineFormat format, const LogSource& source, core::WallTime time,
                                    core::LogLevel level, std::string_view text);

/// The datagram for /dev/log, with its trailing NUL. `facility` is the code of <syslog.h>, e.g.
/// LOG_LOCAL0.
[[nodiscard]] std::string syslog_datagram(int facility, const LogSource& source,
                                          core::WallTime time, core::LogLevel level,
                                          std::string_view text);

/// Straight to stderr, in one write: before the status process serves.
void log_early(core::LogLevel level, std::string_view text);

}  // namespace hb::os
