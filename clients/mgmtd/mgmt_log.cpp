// mgmt_log: what mgmtd's processes tell the administrator, on stderr and to syslog
#include "clients/mgmtd/mgmt_log.hpp"

#include "os/clock.hpp"
#include "os/log.hpp"

#include <syslog.h>
#include <unistd.h>

#include <string>

namespace hb::clients::mgmtd {

namespace {

constexpr const char* program = "mgmtd";

}  // namespace

void open_log() {
  ::openlog(program, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void log(core::LogLevel level, std::string_view text) {
  os::LogSource source = os::log_source();
  source.entity = program;
  const std::string line =
      os::file_line(os::LineFormat::syslog_like, source, os::now().wall, level, text);
  // Nowhere to tell that stderr is gone.
  (void)!::write(STDERR_FILENO, line.data(), line.size());
  std::string clean(text);
  for (char& c : clean)
    if ((c >= '\0' && c < ' ') || c == '\x7f') c = ' ';
  ::syslog(static_cast<int>(level), "%s", clean.c_str());  // the levels are syslog's
}

}  // namespace hb::clients::mgmtd
