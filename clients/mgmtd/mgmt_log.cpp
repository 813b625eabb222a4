// mgmt_log: what mgmtd's processes tell the administrator, on stderr and to syslog
#include "clients/mgmtd/mgmt_log.hpp"

#include "os/clock.hpp"
#include "os/log.hpp"

#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <string>

namespace hb::clients::mgmtd {

namespace {

constexpr const char* program = "mgmtd";

/// Host and name, asked for once: the server's filter forbids uname later.
const os::LogSource& source_of_program() {
  static const os::LogSource source = [] {
    os::LogSource made = os::log_source();
    made.entity = program;
    return made;
  }();
  return source;
}

}  // namespace

void open_log() {
  ::tzset();  // reads /etc/localtime, which the server cannot do later
  static_cast<void>(source_of_program());
  ::openlog(program, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void log(core::LogLevel level, std::string_view text) {
  os::LogSource source = source_of_program();
  source.pid = ::getpid();
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
