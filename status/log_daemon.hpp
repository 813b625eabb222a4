// log_daemon: cluster-glue's ha_logd: the way to its socket, and messages in its form
#pragma once

#include "core/engine_io.hpp"
#include "core/result.hpp"
#include "core/types.hpp"
#include "os/fd.hpp"
#include "status/logger.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace hb::status {

/// One message as ha_logd of cluster-glue 1.0.12 takes it from a stream socket (found by looking at
/// what its own ha_logger sends). `facility`: code of <syslog.h>, -1: LOG_DAEMON.
[[nodiscard]] std::string log_daemon_message(const LogEntry& entry, int facility,
                                             core::WallTime now);

/// The runner's half of `use_logd`: connects, which the process that writes the log may not, hands
/// the connection on, and connects anew when ha_logd has gone. Never waits.
class LogDaemon {
 public:
  /// Sends a descriptor of the connection to who writes the log.
  using Pass = std::function<core::Result<void>(int fd)>;
  using Log = std::function<void(core::LogLevel level, std::string_view text)>;

  /// `retry`: `conn_logd_time`. `path`: for tests, else the usual place.
  void configure(bool is_wanted, core::Duration retry, std::string path = usual_path);
  /// Every few seconds. The first failure is told, and the first success after one.
  void check(core::Instant now, const Pass& pass, const Log& log);

  static constexpr const char* usual_path = "/var/lib/heartbeat/log_daemon";

 private:
  [[nodiscard]] bool is_alive() const;

  std::string path_;
  os::Fd connection_;
  core::Duration retry_{};
  core::Instant next_try_{};
  bool is_wanted_ = false, complained_ = false;
};

}  // namespace hb::status
