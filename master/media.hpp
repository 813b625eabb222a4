// media: the links while heartbeat runs: opened, followed when their interfaces change, opened anew
#pragma once

#include "core/engine_io.hpp"
#include "core/ha_cf.hpp"
#include "master/links.hpp"
#include "master/supervisor.hpp"
#include "os/loop.hpp"
#include "os/netlink.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hb::master {

/// Opens each medium of ha.cf and adds its writer and reader to the supervisor. A medium that
/// cannot be opened is tried again every two seconds, and when the kernel tells of a change. One
/// whose interface vanished, was renamed or lost the address that its sockets send from is closed,
/// and its two processes end: the link is down, for us and for the peers, until it can be opened
/// again.
class Media {
 public:
  using Log = std::function<void(core::LogLevel, std::string_view)>;
  using Opened = std::function<void(core::LinkId)>;

  /// `opened` is called for each link that was opened or opened again.
  Media(os::Loop& loop, Supervisor& supervisor, Log log, Opened opened);
  ~Media();
  Media(const Media&) = delete;
  Media& operator=(const Media&) = delete;

  /// Names of hosts are looked up here and never again. The echoes of ping medium i are marked
  /// `echo_id` + i.
  void start(const std::vector<core::MediumConfig>& media, std::uint16_t echo_id,
             core::Instant now);
  /// Tries again what is due, and looks at the interfaces after a change.
  void serve(core::Instant now);
  [[nodiscard]] core::Instant next_deadline() const;

  /// A process of the link could not read or write: `code` is its errno.
  void failed(core::LinkId link, int code, std::string_view text, core::Instant now);

  /// Whom a ucast medium listens to: the peers of all ucast lines of its interface and port, since
  /// the kernel gives a datagram to any one of their sockets. Empty for other media.
  [[nodiscard]] std::vector<std::string> sources(core::LinkId link) const;
  /// Whom a ping medium asks.
  [[nodiscard]] const std::optional<os::EchoTargets>& echo(core::LinkId link) const;

 private:
  struct Medium {
    core::MediumConfig config;  ///< with its peer's address, if that was a name
    OpenLink open;
    bool is_open = false, was_open = false;
    core::Instant retry = core::never;  ///< when closed
    std::string told;                   ///< the last complaint, which is not repeated at once
    core::Instant told_at{};
  };

  void try_open(std::size_t index, os::Names names, core::Instant now);
  void run_children(std::size_t index, core::Instant now);
  void close(Medium& medium, std::size_t index, const std::string& why, core::Instant now);
  /// `text` is what is wrong, and not told again at once; `more` is added to it.
  void complain(Medium& medium, core::LogLevel level, const std::string& text,
                std::string_view more, core::Instant now);
  void watch_network();
  void check(core::Instant now);

  os::Loop& loop_;
  Supervisor& supervisor_;
  Log log_;
  Opened opened_;
  std::vector<Medium> media_;
  std::uint16_t echo_id_ = 0;
  std::optional<os::NetworkWatch> watch_;
  core::Instant check_at_ = core::never;
};

}  // namespace hb::master
