// logger: log lines to logfile, debugfile and syslog
#include "status/logger.hpp"

#include "os/clock.hpp"
#include "status/log_daemon.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include <fmt/core.h>

namespace hb::status {

namespace {

constexpr const char* syslog_path = "/dev/log";
/// Lines kept until the log file's descriptor comes; the start of a daemon writes about 40.
constexpr std::size_t waiting_lines = 1000;
/// A longer line would not be one datagram for every syslog daemon, nor readable.
constexpr std::size_t text_bytes = 4096;

/// The whole line or nothing that matters: false if it was lost.
bool write_all(int file, std::string_view line) {
  while (!line.empty()) {
    const ssize_t written = ::write(file, line.data(), line.size());
    if (written > 0)
      line.remove_prefix(static_cast<std::size_t>(written));
    else if (written == 0 || errno != EINTR)
      return false;
  }
  return true;
}

os::Fd connect_syslog() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string_view{syslog_path}.copy(address.sun_path, sizeof address.sun_path - 1);
  os::Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (!socket || ::connect(socket.get(), generic, sizeof address) != 0) return {};
  return socket;
}

}  // namespace

Logger::Logger() : syslog_(connect_syslog()) {
  ::tzset();  // reads /etc/localtime, out of reach later
}

void Logger::configure(LogFormat format) {
  format_ = std::move(format);
  file_.expected = format_.expects_file;
  debug_file_.expected = format_.expects_debug_file;
  if (!file_.expected) file_.file.reset();
  if (!debug_file_.expected) debug_file_.file.reset();
}

void Logger::set_file(os::Fd file) {
  set(file_, std::move(file));
}

void Logger::set_debug_file(os::Fd file) {
  set(debug_file_, std::move(file));
}

void Logger::set(Sink& sink, os::Fd file) {
  sink.file = std::move(file);
  const std::deque<std::string> waiting = std::exchange(sink.waiting, {});
  for (const std::string& line : waiting) put(sink, line);
}

void Logger::put(Sink& sink, const std::string& line) {
  if (!sink.file) {
    if (!sink.expected) return;
    if (sink.waiting.size() < waiting_lines) return sink.waiting.push_back(line);
    ++sink.lost;
    ++lost_;
    return;
  }
  if (sink.lost > 0) {
    const os::LogSource source{format_.host, "heartbeat", ::getpid()};
    const std::string told = os::file_line(
        format_.lines, source, os::now().wall, core::LogLevel::warn,
        fmt::format("{} log lines were lost: the log could not be written", sink.lost));
    if (write_all(sink.file.get(), told)) sink.lost = 0;
  }
  if (write_all(sink.file.get(), line)) return;
  ++sink.lost;
  ++lost_;
}

/// False: somebody else must take it.
bool Logger::give_to_daemon(const LogEntry& entry, core::WallTime now) {
  if (!daemon_) return false;
  LogEntry shorter = entry;
  shorter.text.resize(std::min(shorter.text.size(), text_bytes));
  const std::string message = log_daemon_message(shorter, format_.facility, now);
  const ssize_t sent =
      ::send(daemon_.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent == static_cast<ssize_t>(message.size())) return true;
  // It has gone, or is stuck, or has half a message, after which nothing can be sent. The end of
  // the connection is the sign for a new one.
  ::shutdown(daemon_.get(), SHUT_RDWR);
  daemon_.reset();
  return false;
}

void Logger::write(const LogEntry& entry, core::WallTime now) {
  if (give_to_daemon(entry, now)) return;
  const std::string_view text = std::string_view{entry.text}.substr(0, text_bytes);
  const os::LogSource source{format_.host, entry.entity, static_cast<pid_t>(entry.pid)};
  const std::string line = os::file_line(format_.lines, source, now, entry.level, text);
  if (entry.level != core::LogLevel::debug) put(file_, line);
  put(debug_file_, line);
  if (format_.facility < 0) return;
  const std::string datagram =
      os::syslog_datagram(format_.facility, source, now, entry.level, text);
  if (!syslog_ || ::send(syslog_.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL) < 0)
    ++lost_;
}

}  // namespace hb::status
