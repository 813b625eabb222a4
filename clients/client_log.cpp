// client_log: log lines of a client program where the daemon's own go: its files, and syslog
#include "clients/client_log.hpp"

#include "clients/hbclient.hpp"
#include "os/clock.hpp"
#include "os/fd.hpp"

#include <fcntl.h>
#include <syslog.h>
#include <unistd.h>

namespace hb::clients {

ClientLog::ClientLog(const char* program) : source_{os::log_source()}, program_{program} {
  source_.entity = program;
}

void ClientLog::follow(HbClient& client) {
  if (const auto file = client.parameter("logfile")) file_ = *file;
  if (const auto words = client.parameter("syslogmsgfmt")) {
    const bool off = *words == "no" || *words == "off" || *words == "false" || *words == "n";
    if (off || *words == "0") format_ = os::LineFormat::dated;
  }
  facility_ = client.facts().logfacility;
  if (facility_ >= 0) ::openlog(program_, LOG_NDELAY | LOG_PID, facility_);
  to_stderr_ = file_.empty() && facility_ < 0;
}

void ClientLog::write(core::LogLevel level, std::string_view text) {
  const std::string line = os::file_line(format_, source_, os::now().wall, level, text);
  if (to_stderr_) (void)!::write(STDERR_FILENO, line.data(), line.size());
  if (facility_ >= 0) {
    const std::string_view word = os::level_word(level);
    ::syslog(facility_ | static_cast<int>(level), "%.*s: %.*s", static_cast<int>(word.size()),
             word.data(), static_cast<int>(text.size()), text.data());
  }
  if (file_.empty()) return;
  // Opened for each line: few are written, and a rotation needs no word with us. The daemon made
  // the file, for this user to write to; a new one is not ours to make.
  const os::Fd file{::open(file_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
  if (file.valid()) (void)!::write(file.get(), line.data(), line.size());
}

}  // namespace hb::clients
