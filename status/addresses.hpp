// addresses: the guardian: watches the service addresses that we hold, and announces them again
#pragma once

#include "core/engine_io.hpp"
#include "core/message.hpp"
#include "os/netlink.hpp"
#include "status/surroundings.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hb::status {

/// The address at the front of a resource's argument: `10.0.0.1/24/eth0` (resources §6.6).
[[nodiscard]] std::optional<os::IpAddress> address_of(std::string_view argument);

/// Listens to the kernel; asks it only when something happened. An address that somebody else
/// removed is reported once, after a moment in which our own stop script may turn out to be the
/// one, with all that the kernel tells of who did it; one that duplicate address detection refuses,
/// too. One whose interface changed (a cable came back) is announced to the neighbours again, at
/// most once a second, and every one that we hold at each `announce_interval`: an announcement may
/// have been lost, and some routers keep what they learnt for hours.
class Addresses {
 public:
  struct Loss {
    std::string group;    ///< as the holdings record named it
    std::string address;
    std::string text;
  };
  using Lost = std::function<void(const Loss&)>;
  Addresses(Surroundings& surroundings, Lost lost);
  ~Addresses();
  Addresses(const Addresses&) = delete;
  Addresses& operator=(const Addresses&) = delete;

  /// A holdings record: replaces what is watched.
  void hold(const core::Message& record);
  /// What our own scripts do to a group (its number as the master writes it): between a stop and
  /// the next start nothing of it is missed.
  void told(std::string_view group, core::Operation operation);

  void tick(core::Instant now);
  [[nodiscard]] core::Instant next_deadline() const;

  /// Takes every watched address off this host that is still there: the last step of a release.
  void drop_all();

  /// From the kernel's word to ours: whoever moves an address from one interface to another, or
  /// restarts a network service, is done by then.
  static constexpr core::Duration doubt = std::chrono::milliseconds{100};
  /// After the cable came back: switches need a moment to learn.
  static constexpr core::Duration repeat_pause = std::chrono::seconds{1};
  static constexpr unsigned announcements = 3;

 private:
  struct Watched {
    std::string group, text;
    os::IpAddress address;
    std::string culprit{};              ///< what is known of who removed it
    bool is_missing = false;            ///< told already
    core::Instant judge_at = core::never;
    core::Instant announce_at = core::never;
    core::Instant announced{};
    unsigned announcements_left = 0;
  };
  void read_events();
  void take(const os::NetworkEvent& event);
  void link_changed(os::InterfaceIndex index);
  void doubt_all();
  void judge(core::Instant now);
  void announce(const Watched& watched, const std::vector<os::HeldAddress>& held);
  void report_duplicate(const Watched& watched);

  Surroundings& surroundings_;
  Lost lost_;
  std::optional<os::Netlink> netlink_;
  std::optional<os::NetworkWatch> watch_;
  std::vector<Watched> watched_;
  core::Instant next_round_ = core::never;  ///< all are announced again
  std::map<std::string, core::Operation, std::less<>> told_;  ///< by group
};

}  // namespace hb::status
