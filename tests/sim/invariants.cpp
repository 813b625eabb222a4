// invariants: what must hold in every run, checked while it happens and after quiet
#include "tests/sim/invariants.hpp"

#include <algorithm>

namespace hb::sim {

namespace {

using namespace std::chrono_literals;
using core::NodeStatus;

/// Two hosts that have been talking for so long know everything of each other: from here on a
/// group must not begin to run on both.
constexpr Duration settled = 3s;
/// When two hosts that ran the same group can talk again, one must have released it within this:
/// detection, then slow, failing or hanging stops of the model.
constexpr Duration release_bound = 35s;
constexpr Duration jam_bound = 15s;
/// A stop and a start in its place.
constexpr Duration restarting = 1s;
/// In a calm run the cold start, with its initdead, is over.
constexpr Duration settled_start = 12s;
/// A flapping service link moves a group away, and home when it has been well for long enough: in
/// one pause of the flapping, and at its end.
constexpr unsigned most_moves = 4;
/// What had an address for so long before a verdict has answered the questions before it; a new
/// owner at a death begins within the other.
constexpr Duration answering = 1500ms, taking = 1s;
/// The bound for the lateness of a verdict, and what the model itself adds to it.
constexpr Duration verdict_bound = 5ms;
constexpr Duration scheduler_bound = 21ms;

}  // namespace

Invariants::Invariants(World& world, const Site& site, Network& network,
                       const std::vector<std::unique_ptr<Host>>& hosts)
    : world_(world), site_(site), network_(network), hosts_(hosts) {}

bool Invariants::can_talk(const Host& a, const Host& b) const {
  return a.has_daemon() && b.has_daemon() && !a.is_paused() && !b.is_paused() && a.is_active() &&
         b.is_active() && network_.connected(a.id(), b.id());
}

/// Who did not run could not let go; and needs some time afterwards.
bool Invariants::runs_freely(const Host& host) const {
  return !host.is_paused() && world_.now - host.last_pause_end() > settled;
}

void Invariants::changed() {
  check_calm();
  check_flapping();
  note_runs();
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    for (std::size_t j = i + 1; j < hosts_.size(); ++j) {
      if (hosts_[i] && hosts_[j]) check_pair(*hosts_[i], *hosts_[j]);
    }
  }
}

void Invariants::check_pair(const Host& a, const Host& b) {
  Pair& pair = pairs_[{a.id().value, b.id().value}];
  const bool talking = can_talk(a, b);
  if (talking && !pair.talking) pair.talking_since = world_.now;
  if (talking) pair.talked_until = world_.now;
  if (pair.talking && !talking) {  // what both had when they last talked is no new start
    pair.talked_until = world_.now;
    pair.was_shared = !pair.shared_since.empty();
  }
  pair.talking = talking;
  for (std::size_t g = 0; g < site_.groups.size(); ++g) {
    const core::GroupId group{static_cast<std::uint16_t>(g)};
    const auto known = pair.shared_since.find(group.value);
    check_left(pair, a, b, group);
    check_left(pair, b, a, group);
    // Nobody can release what does not stop; afterwards it is tried again every 30 s.
    const bool jammed = a.is_jammed(group) || b.is_jammed(group);
    if (jammed && known != pair.shared_since.end()) known->second = world_.now + jam_bound;
    if (a.runs(group) && b.runs(group) && site_.config.witness.kind != core::WitnessKind::none &&
        runs_freely(a) && runs_freely(b)) {
      return world_.fail("group {} runs on hosts {} and {}, which have a witness", g,
                         a.id().value, b.id().value);
    }
    if (a.runs(group) && b.runs(group) && site_.fencing) {
      return world_.fail("group {} runs on hosts {} and {}, which have fencing", g, a.id().value,
                         b.id().value);
    }
    if (!a.runs(group) || !b.runs(group)) {
      if (known != pair.shared_since.end()) {
        pair.parted[group.value] = world_.now;
        pair.shared_since.erase(known);
      }
      continue;
    }
    // One of the two restarted in its place what its monitor found dead: nothing new.
    const auto parted = pair.parted.find(group.value);
    const bool again = parted != pair.parted.end() && world_.now - parted->second < restarting;
    if (known == pair.shared_since.end() && again) {
      pair.shared_since[group.value] = parted->second;
      continue;
    }
    if (known == pair.shared_since.end()) {
      pair.shared_since[group.value] = world_.now;
      const Instant began_a = runs_since_[{a.id().value, group.value}];
      const Instant began_b = runs_since_[{b.id().value, group.value}];
      began_a < began_b ? check_hold(a, b, group) : check_hold(b, a, group);
      if (talking && world_.now - pair.talking_since > settled) {
        return world_.fail("group {} began to run on hosts {} and {}, which were talking", g,
                           a.id().value, b.id().value);
      }
      continue;
    }
    const Instant since = std::max(known->second, pair.talking_since);
    if (talking && world_.now - since > release_bound) {
      return world_.fail("group {} runs on hosts {} and {} for {} ms although they can talk", g,
                         a.id().value, b.id().value, (world_.now - since) / 1ms);
    }
  }
}

void Invariants::note_runs() {
  for (const auto& host : hosts_) {
    for (std::size_t g = 0; host && g < site_.groups.size(); ++g) {
      const core::GroupId group{static_cast<std::uint16_t>(g)};
      const std::pair key{host->id().value, group.value};
      if (host->has_address(group)) {
        runs_since_.try_emplace(key, world_.now);
      } else {
        runs_since_.erase(key);
      }
    }
  }
}

void Invariants::shot(NodeId shooter, NodeId target) {
  Host& host = *hosts_[target.value];
  const core::Engine* const engine = hosts_[shooter.value]->engine();
  world_.trace("{} resets {}", shooter.value, target.value);
  world_.probes.hit(host.is_on() ? "shot-alive" : "shot-dead");
  if (engine != nullptr && engine->snapshot().nodes[target.value].status != NodeStatus::dead) {
    return world_.fail("host {} resets {}, which it hears", shooter.value, target.value);
  }
  host.power_off();
  world_.after(world_.between(100ms, 8s), [&host] { host.power_on(); });
}

bool Invariants::answers_elsewhere(NodeId asker, core::GroupId group) const {
  return std::ranges::any_of(hosts_, [&](const auto& host) {
    return host->id() != asker && host->is_reachable() && host->has_address(group);
  });
}

/// `newer` has just begun to run what `older` has.
void Invariants::check_hold(const Host& older, const Host& newer, core::GroupId group) {
  if (site_.config.address_conflict != core::AddressConflict::hold) return;
  const auto dead = dead_since_.find({newer.id().value, older.id().value});
  const bool at_a_death = dead != dead_since_.end() && world_.now - dead->second < taking;
  if (!at_a_death || site_.config.nodes.size() != 2) return;
  const Instant begun = dead->second - answering;
  const auto runs = runs_since_.find({older.id().value, group.value});
  const bool answered = runs != runs_since_.end() && runs->second < begun &&
                        older.is_reachable() && older.reachable_since() < begun;
  const bool listened = newer.is_reachable() && newer.reachable_since() < begun &&
                        newer.runner_since() < begun && newer.last_pause_end() < begun;
  if (answered && listened) {
    world_.fail("host {} took group {} at the death of {}, which still answers for it",
                newer.id().value, group.value, older.id().value);
  }
}

/// A link that goes up and down takes a group away once, and is not trusted so soon again.
void Invariants::check_flapping() {
  if (!site_.flapping || world_.now < World::start + settled_start) return;
  for (std::size_t g = 0; g < site_.groups.size(); ++g) {
    const core::GroupId group{static_cast<std::uint16_t>(g)};
    const auto owner =
        std::ranges::find_if(hosts_, [&](const auto& host) { return host->serves(group); });
    if (owner == hosts_.end()) continue;  // on its way
    const auto [known, added] = owners_.try_emplace(group.value, (*owner)->id());
    if (known->second == (*owner)->id()) continue;
    known->second = (*owner)->id();
    if (++moves_[group.value] > most_moves) {
      return world_.fail("group {} moved {} times for a flapping link", g, moves_[group.value]);
    }
  }
}

void Invariants::check_lame(core::GroupId group) {
  const bool moves = site_.config.service_link_failover && site_.lame != core::no_node;
  if (!moves || !hosts_[site_.lame.value]->runs(group)) return;
  // Another one may have failed to start it before quiet, and waits to be asked again.
  const bool failed = std::ranges::any_of(hosts_, [&](const auto& host) {
    return host->engine()->snapshot().groups[group.value].state == core::GroupState::failed;
  });
  if (!failed) {
    world_.fail("after quiet group {} is still on host {}, whose service link is dead",
                group.value, site_.lame.value);
  }
}

/// What would not stop before its daemon ended, and said so, is started nowhere else.
void Invariants::check_left(const Pair& pair, const Host& gone, const Host& other,
                            core::GroupId group) {
  const bool knew = pair.talked_until >= gone.left_at() &&
                    pair.talked_until - pair.talking_since > settled &&
                    other.daemon_started() < pair.talking_since;
  if (!gone.was_left(group) || !other.runs(group) || !knew || pair.was_shared) return;
  world_.fail("group {} was started on host {} though it would not stop on {}", group.value,
              other.id().value, gone.id().value);
}

void Invariants::declared_dead(NodeId judge, NodeId node) {
  const Host& host = *hosts_[judge.value];
  dead_since_[{judge.value, node.value}] = world_.now;
  if (site_.calm && hosts_[node.value]->active_since() != Instant{}) {
    return world_.fail("host {} declared {} dead, whose masters only crashed", judge.value,
                       node.value);
  }
  const bool up = host.was_active();
  const Duration limit = up ? site_.config.deadtime : site_.config.initdead;
  const Instant heard = host.last_status(node);
  const Duration silence = host.local_span(heard, world_.now);
  if (silence + 2us < limit) {  // rounding of two clocks
    return world_.fail("host {} declared {} dead after only {} us of silence", judge.value,
                       node.value, silence / 1us);
  }
  // The verdict is right: whatever the network was capable of, these two did not talk. With one
  // link that loses a quarter of all frames, all beats of a dead time are lost now and then.
  const auto [low, high] = std::minmax(judge.value, node.value);
  pairs_[{low, high}].talking_since = world_.now;
  // Late only if it was not running. Until communication was up it waited for the longer initdead:
  // who had been silent for a dead time by then is due at that moment.
  const bool was_away = world_.now - host.last_pause_end() < 2 * limit;
  const Duration since_up = host.local_span(host.active_since(), world_.now);
  // A recording of its present life, played back to a node that started anew, still counts as news.
  const Duration believed = host.local_span(host.last_believed(node), world_.now) - limit;
  const Duration late = up ? std::min(believed, since_up) : believed;
  if (!was_away && late > verdict_bound + scheduler_bound) {
    world_.fail("host {} declared {} dead {} us too late", judge.value, node.value, late / 1us);
  }
}

/// Retransmissions are the same bytes again.
void Invariants::sent(NodeId from, core::Bytes bytes) {
  const std::string_view text = core::as_text(bytes);
  const auto generation = hex_after(text, ")hg="), seqno = hex_after(text, ")seq=");
  if (!generation || !seqno) return;
  const std::size_t content = std::hash<std::string_view>{}(text);
  const auto [known, added] =
      numbers_.try_emplace({from.value, *generation, *seqno}, content);
  if (!added && known->second != content) {
    world_.fail("host {} gave number {:x} of generation {:x} to two messages", from.value, *seqno,
                *generation);
  }
}

void Invariants::restart_seen(NodeId judge, NodeId node) {
  if (!site_.calm) return;
  world_.fail("host {} saw a restart of {}, whose masters only crashed", judge.value, node.value);
}

/// Whoever else runs a group took it while the node was away: that one is releasing it by now.
void Invariants::judged_itself(NodeId node, const std::vector<NodeId>& others) {
  const Host& host = *hosts_[node.value];
  for (const NodeId id : others) {
    const Host& other = *hosts_[id.value];
    if (!can_talk(host, other) || world_.now - other.last_pause_end() < settled) continue;
    for (std::size_t g = 0; g < site_.groups.size(); ++g) {
      const core::GroupId group{static_cast<std::uint16_t>(g)};
      if (!host.serves(group) || !other.serves(group) || other.is_jammed(group)) continue;
      world_.probes.hit("taken-in-a-pause");
      const core::Snapshot& view = host.engine()->snapshot();
      // The other one may be about to give it up again, after a start that failed.
      const bool stays = view.groups[g].state == core::GroupState::running &&
                         other.engine()->snapshot().groups[g].state == core::GroupState::running;
      if (!stays || host.has_script(group) || other.has_script(group)) continue;
      world_.fail("host {} still serves group {}, which {} took while it was paused", node.value, g,
                  id.value);
    }
  }
}

/// Where only masters crash, what is served after the cold start is served there to the end.
void Invariants::check_calm() {
  if (!site_.calm || world_.now < World::start + settled_start) return;
  for (std::size_t g = 0; g < site_.groups.size(); ++g) {
    const core::GroupId group{static_cast<std::uint16_t>(g)};
    const auto owner =
        std::ranges::find_if(hosts_, [&](const auto& host) { return host->serves(group); });
    if (owner == hosts_.end()) return world_.fail("nobody serves group {} any more", g);
    const auto [known, added] = owners_.try_emplace(group.value, (*owner)->id());
    if (known->second != (*owner)->id()) {
      return world_.fail("group {} moved from host {} to {} without need", g, known->second.value,
                         (*owner)->id().value);
    }
  }
}

void Invariants::delivered(NodeId to, const core::Message& message) {
  const auto number = message.decimal("number");
  const auto generation = message.hex("hg");
  if (!number || !generation) return world_.fail("a client message lost its fields");
  const auto life = hosts_[to.value]->daemon_started().time_since_epoch().count();
  if (!seen_.emplace(to.value, life, message.text_or_empty("src"), *generation, *number).second) {
    world_.fail("host {} delivered message {} of {} twice", to.value, *number,
                message.text_or_empty("src"));
  }
}

void Invariants::check_after_quiet() {
  for (const auto& host : hosts_) {
    if (!host->is_active())
      return world_.fail("host {} is not active after quiet", host->id().value);
    const core::Snapshot& view = host->engine()->snapshot();
    for (std::size_t n = 0; n < view.node_count; ++n) {
      if (view.nodes[n].status != core::NodeStatus::active) {
        return world_.fail("host {} holds node {} for {} after quiet", host->id().value, n,
                           core::name_of(view.nodes[n].status));
      }
    }
    for (std::size_t n = 0; n < view.node_count; ++n) {
      if (view.nodes[n].fencing != core::FenceState::none) {
        return world_.fail("host {} still wants to reset {} after quiet", host->id().value, n);
      }
    }
    if (view.holding == core::Holding::transition) {
      return world_.fail("host {} is still in transition after quiet", host->id().value);
    }
  }
  for (std::size_t g = 0; g < site_.groups.size(); ++g) {
    const core::GroupId group{static_cast<std::uint16_t>(g)};
    const auto running =
        std::ranges::count_if(hosts_, [&](const auto& host) { return host->runs(group); });
    const auto serving =
        std::ranges::count_if(hosts_, [&](const auto& host) { return host->serves(group); });
    check_lame(group);
    if (running != 1 || serving != 1) {
      return world_.fail("after quiet group {} runs on {} hosts, completely on {}", g, running,
                         serving);
    }
  }
}

void Invariants::check_rates(Instant since) {
  const double seconds = World::seconds(world_.now) - World::seconds(since);
  const auto beats = static_cast<double>(1s / site_.config.keepalive);
  for (const auto& host : hosts_) {
    if (!host->engine() || host->daemon_started() > since) continue;
    const auto sent = static_cast<double>(host->engine()->counters()[core::Counter::frames_out]);
    const double life = World::seconds(world_.now) - World::seconds(host->daemon_started());
    if (seconds > 5 && sent > (2 * beats + 20) * life + 2000) {
      return world_.fail("host {} sent {} frames in {} s", host->id().value, sent, life);
    }
  }
}

}  // namespace hb::sim
