// release: stops everything that the ledger names, when no master is left to order it
#pragma once

#include "status/actions.hpp"
#include "status/ledger.hpp"
#include "status/surroundings.hpp"

#include <cstdint>
#include <list>
#include <string>

namespace hb::status {

/// Groups are released side by side, each one's resources backwards, as in a shutdown. A stop that
/// fails is repeated as usual (resources §6.4); one that hangs is ended and not repeated. What
/// will not stop stays in the ledger and is left to the peer's fencing: nobody here may reboot.
class Release {
 public:
  Release(Surroundings& surroundings, Ledger& ledger, Actions& actions);

  /// Gives the next orders; starts that still run are ended first. Call each turn.
  void tick(core::Instant now);
  [[nodiscard]] core::Instant next_deadline() const;
  /// How an order ended.
  void ended(const ActionRequest& request, const ActionReport& report);
  /// Nothing is left to try.
  [[nodiscard]] bool is_done() const;

  static constexpr core::Duration retry_pause = std::chrono::seconds{1};
  static constexpr core::Duration patience = std::chrono::seconds{60};  ///< with one stop script
  static constexpr unsigned attempts = 11;

 private:
  struct Group {
    std::string key;
    std::uint16_t next = 0xffff;  ///< resources from here on are done with
    std::uint64_t ticket = 0;     ///< of the stop that runs; 0: none
    unsigned failures = 0;        ///< of the present resource
    core::Instant retry_at{};
    bool is_finished = false;
  };
  void find_groups();
  void order_next(Group& group);

  Surroundings& surroundings_;
  Ledger& ledger_;
  Actions& actions_;
  std::list<Group> groups_;
  std::uint64_t last_ticket_ = std::uint64_t{1} << 63;  ///< far from any of the master's
};

}  // namespace hb::status
