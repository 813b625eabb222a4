// log: the formats of log lines (configuration §10.2), and stderr before there is anything better
#include "os/log.hpp"

#include "os/clock.hpp"

#include <fmt/core.h>

#include <array>
#include <ctime>

#include <sys/utsname.h>
#include <unistd.h>

namespace hb::os {
namespace {

/// English whatever the locale (configuration §10.2).
constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

std::tm local(core::WallTime time) {
  const std::time_t seconds = time.time_since_epoch().count();
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  return parts;
}

std::string_view month(const std::tm& parts) {
  return months[static_cast<std::size_t>(parts.tm_mon)];
}

/// Without control bytes; UTF-8 and tabs pass.
void append_clean(std::string& line, std::string_view text) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  for (const char byte : text) {
    const auto value = static_cast<unsigned char>(byte);
    const bool control = (value < 0x20 && byte != '\t') || value == 0x7f;
    line.push_back(control ? ' ' : byte);
  }
}

}  // namespace

std::string_view level_word(core::LogLevel level) {
  switch (level) {
    case core::LogLevel::emerg: return "EMERG";
    case core::LogLevel::alert: return "ALERT";
    case core::LogLevel::crit: return "CRIT";
    case core::LogLevel::error: return "ERROR";
    case core::LogLevel::warn: return "WARN";
    case core::LogLevel::notice: return "notice";
    case core::LogLevel::info: return "info";
    case core::LogLevel::debug: return "debug";
  }
  return "info";
}

LogSource log_source() {
  utsname names{};
  ::uname(&names);
  return {names.nodename, "heartbeat", ::getpid()};
}

std::string file_line(LineFormat format, const LogSource& source, core::WallTime time,
                      core::LogLevel level, std::string_view text) {
  const std::tm at = local(time);
  std::string line;
  if (format == LineFormat::syslog_like) {
    line = fmt::format("{} {:02} {:02}:{:02}:{:02} {}{}{}: [{}]: {}: ", month(at), at.tm_mday,
                       at.tm_hour, at.tm_min, at.tm_sec, source.host,
                       source.host.empty() ? "" : " ", source.entity, source.pid,
                       level_word(level));
  } else {
    line = fmt::format("{}[{}]: {:04}/{:02}/{:02}_{:02}:{:02}:{:02} {}: ", source.entity,
                       source.pid, at.tm_year + 1900, at.tm_mon + 1, at.tm_mday, at.tm_hour,
                       at.tm_min, at.tm_sec, level_word(level));
  }
  append_clean(line, text);
  line.push_back('\n');
  return line;
}

std::string syslog_datagram(int facility, const LogSource& source, core::WallTime time,
                            core::LogLevel level, std::string_view text) {
  const std::tm at = local(time);
  const int priority = facility | static_cast<int>(level);  // the levels are syslog's
  std::string line = fmt::format("<{}>{} {:>2} {:02}:{:02}:{:02} {}: [{}]: {}: ", priority,
                                 month(at), at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec,
                                 source.entity, source.pid, level_word(level));
  append_clean(line, text);
  line.push_back('\0');
  return line;
}

void log_early(core::LogLevel level, std::string_view text) {
  static const LogSource source = log_source();
  LogSource here = source;
  here.pid = ::getpid();
  const std::string line = file_line(LineFormat::syslog_like, here, now().wall, level, text);
  // Nowhere to tell that stderr is gone.
  (void)!::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace hb::os
