// invariants: what must hold in every run, checked while it happens and after quiet
#pragma once

#include "tests/sim/host.hpp"

#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <vector>

namespace hb::sim {

/// - No group runs on two hosts that could talk all the while; after a cut, not beyond a bound.
/// - Nobody is declared dead before a dead time of silence, and no later than 5 ms after it.
/// - A message is delivered at most once, and no number is ever given to two messages, also when
///   the master crashes.
/// - What would not stop on a host whose daemon has ended is started nowhere else by who knew.
/// - In maintenance nothing begins to start.
/// - Where nothing fails but masters, nobody sees a death or a restart, and no group moves.
/// - A node that did not run for its dead time gives up within 200 ms what another one took.
/// - Where nothing fails but one host's service link, again and again, no group goes to and fro.
/// - With `address_conflict hold` nobody takes at a death what the dead one's kernel still serves.
/// - After quiet no group is on a host whose service link is dead while another one could have it.
/// - With a witness no group ever runs on two hosts, whatever the network does.
/// - With fencing no group ever runs on two hosts, nothing of a dead node is started before it was
///   reset, and nobody resets a node that it hears.
/// - After quiet each group runs completely on exactly one host, and all views agree.
class Invariants final : public Watcher {
 public:
  Invariants(World& world, const Site& site, Network& network,
             const std::vector<std::unique_ptr<Host>>& hosts);

  void changed() override;
  void declared_dead(NodeId judge, NodeId node) override;
  void delivered(NodeId to, const core::Message& message) override;
  void sent(NodeId from, core::Bytes bytes) override;
  void restart_seen(NodeId judge, NodeId node) override;
  void judged_itself(NodeId node, const std::vector<NodeId>& others) override;
  void shot(NodeId shooter, NodeId target) override;
  [[nodiscard]] bool answers_elsewhere(NodeId asker, core::GroupId group) const override;

  void check_after_quiet();
  /// No host sends more than the protocol needs (no storms).
  void check_rates(Instant since);

 private:
  struct Pair {
    bool talking = false;
    Instant talking_since{}, talked_until{};
    bool was_shared = false;
    std::map<std::uint16_t, Instant> shared_since;  // group
    std::map<std::uint16_t, Instant> parted;        // group: no longer shared
  };
  void check_calm();
  void check_flapping();
  void check_hold(const Host& older, const Host& newer, core::GroupId group);
  void check_lame(core::GroupId group);
  void note_runs();
  void check_pair(const Host& a, const Host& b);
  void check_left(const Pair& pair, const Host& gone, const Host& other, core::GroupId group);
  [[nodiscard]] bool runs_freely(const Host& host) const;
  [[nodiscard]] bool can_talk(const Host& a, const Host& b) const;

  World& world_;
  const Site& site_;
  Network& network_;
  const std::vector<std::unique_ptr<Host>>& hosts_;
  std::map<std::pair<std::uint16_t, std::uint16_t>, Pair> pairs_;
  /// Sender, generation, number: what was sent under it.
  std::map<std::tuple<std::uint16_t, std::uint64_t, std::uint64_t>, std::size_t> numbers_;
  std::map<std::uint16_t, NodeId> owners_;  ///< of the groups of a calm run
  std::map<std::uint16_t, unsigned> moves_; ///< of the groups of a flapping run
  std::map<std::pair<std::uint16_t, std::uint16_t>, Instant> runs_since_;   ///< host, group
  std::map<std::pair<std::uint16_t, std::uint16_t>, Instant> dead_since_;   ///< judge, node
  /// Receiver, its life, sender, sender's generation, number.
  std::set<std::tuple<std::uint16_t, std::int64_t, std::string, std::uint64_t, std::uint64_t>>
      seen_;
};

}  // namespace hb::sim
