// log_daemon: cluster-glue's ha_logd: the way to its socket, and messages in its form
#include "status/log_daemon.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>

namespace hb::status {

namespace {

constexpr std::uint32_t frame_mark = 0xabcd;
constexpr std::uint32_t log_message = 2;
constexpr std::uint32_t show_level = 1;  ///< ha_logd writes "info: " before the text
constexpr std::size_t entity_bytes = 64;

template <class Number>
void append(std::string& frame, Number number) {
  std::array<char, sizeof number> bytes{};
  std::memcpy(bytes.data(), &number, sizeof number);  // native order: the socket is local
  frame.append(bytes.data(), bytes.size());
}

core::Result<os::Fd> connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  os::Fd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (!socket || ::connect(socket.get(), generic, sizeof address) != 0) {
    const int code = errno;
    return core::Error{std::strerror(code), code};
  }
  return socket;
}

}  // namespace

std::string log_daemon_message(const LogEntry& entry, int facility, core::WallTime now) {
  std::string body;
  append(body, log_message);
  append(body, static_cast<std::uint32_t>(facility < 0 ? LOG_DAEMON : facility));
  append(body, static_cast<std::uint32_t>(entry.level));  // the levels are syslog's
  append(body, static_cast<std::uint32_t>(entry.text.size() + 1));
  append(body, show_level);
  append(body, entry.pid);
  std::string entity = entry.entity;
  entity.resize(entity_bytes - 1);
  body += entity;
  body.push_back('\0');
  append(body, static_cast<std::uint64_t>(now.time_since_epoch().count()));
  for (const char byte : entry.text) {
    // ha_logd writes them as they are; nobody shall forge a second line.
    const auto value = static_cast<unsigned char>(byte);
    body.push_back((value < 0x20 && byte != '\t') || value == 0x7f ? ' ' : byte);
  }
  body.push_back('\0');
  std::string frame;
  append(frame, static_cast<std::uint32_t>(body.size()));
  append(frame, frame_mark);
  return frame + body;
}

void LogDaemon::configure(bool is_wanted, core::Duration retry, std::string path) {
  if (is_wanted == is_wanted_ && path == path_) return;
  is_wanted_ = is_wanted;
  retry_ = retry;
  path_ = std::move(path);
  connection_.reset();
  next_try_ = core::Instant{};
  complained_ = false;
}

/// The other side never writes; end of file: it has gone, or our reader has given it up.
bool LogDaemon::is_alive() const {
  char byte = 0;
  const ssize_t got = ::recv(connection_.get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK);
  return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

void LogDaemon::check(core::Instant now, const Pass& pass, const Log& log) {
  if (!is_wanted_) return;
  if (connection_ && is_alive()) return;
  connection_.reset();
  if (now < next_try_) return;
  next_try_ = now + retry_;
  auto connected = connect_to(path_);
  if (connected) {
    if (complained_) log(core::LogLevel::info, "The logging daemon answers: it gets the messages");
    complained_ = false;
    if (pass(connected->get())) connection_ = std::move(*connected);
    else next_try_ = now;
    return;
  }
  if (complained_) return;
  complained_ = true;
  log(core::LogLevel::warn,
      fmt::format("Initializing connection to logging daemon failed. {}: {}; start ha_logd "
                  "(service logd). Until then messages go to logfile, debugfile and logfacility",
                  path_, connected.error().text));
}

}  // namespace hb::status
