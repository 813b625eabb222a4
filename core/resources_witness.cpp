// resources_witness: while a node is silent, the witness says who takes its groups, and who lets go
#include "core/config_text.hpp"
#include "core/resources.hpp"

#include <algorithm>

namespace hb::core {

void Resources::on(const WitnessTold& event) {
  const bool had = witness_.is_held(now_.instant);
  witness_.told(event.since, event.until, now_.instant);
  const bool has = witness_.is_held(now_.instant);
  if (had != has) {
    log(LogLevel::info, "{}", has ? "This node has the witness." : "The witness is lost.");
  }
}

/// A cut in one direction: who hears the other must know that he is held for dead, and goes by the
/// witness from the same moment.
void Resources::read_silent(NodeId node, const Message& message) {
  auto& who = peer(node);
  bool we_are = false;
  for (const Word& word : words_of(message.text_or_empty("sys_silent"))) {
    we_are = we_are || word.text == name(self_);
  }
  if (we_are && !who.hears_us_not) who.silent_since = now_.instant;
  if (!we_are && who.hears_us_not) who.silent_since = never;
  who.hears_us_not = we_are;
}

/// Who is held for dead and hears us cannot ask for what he missed: it is said again, soon at
/// first, and rarely when the silence is old.
Duration Resources::silent_pause() const {
  constexpr Duration shortest = std::chrono::milliseconds{200}, longest = std::chrono::seconds{10};
  Duration pause = longest;
  each_silent([&](NodeId node) {
    const Duration silence = now_.instant - peer(node).silent_since;
    pause = std::min(pause, std::max(shortest, silence / 4));
  });
  return pause;
}

std::string Resources::names_of(const NodeSet& nodes) const {
  std::string list;
  for (const NodeId node : placement_.nodes()) {
    if (!nodes.test(node.value)) continue;
    if (!list.empty()) list.push_back(' ');
    list.append(name(node));
  }
  return list;
}

/// Nothing is taken before every silent node is fenced, or the witness allows it.
bool Resources::is_forbidden_to_take() {
  if (fencing_.is_pending()) return true;
  if (!witness_.is_configured()) return false;
  NodeId silent = no_node;
  each_silent([&](NodeId node) {
    const Instant at = witness_.may_take_at(peer(node).silent_since);
    if (!witness_.is_held(now_.instant) || now_.instant < at) silent = node;
  });
  if (silent != no_node && !witness_.is_held(now_.instant) && !told_forbidden_) {
    log(LogLevel::warn, "Node {} is silent and this node does not have the witness: nothing is "
                        "taken over.", name(silent));
    told_forbidden_ = true;
  }
  if (silent == no_node) told_forbidden_ = false;
  return silent != no_node;
}

/// The other side may take everything as soon as it has the witness.
void Resources::check_witness() {
  if (!witness_.is_configured()) return;
  NodeId silent = no_node;
  each_silent([&](NodeId node) {
    if (now_.instant >= witness_.must_release_at(peer(node).silent_since)) silent = node;
  });
  if (silent == no_node) return;
  each(held(), [&](GroupId group) {
    if (runs_.is_leaving(group)) return;
    log(LogLevel::crit, "{}: node {} is silent and this node does not have the witness; "
                        "releasing it", key(group), name(silent));
    runs_.stop(now_, group, *sink_);
  });
}

Instant Resources::witness_deadline() const {
  Instant first = never;
  if (!witness_.is_configured()) return first;
  each_silent([&](NodeId node) {
    for (const Instant at : {witness_.may_take_at(peer(node).silent_since),
                             witness_.must_release_at(peer(node).silent_since)}) {
      if (at > now_.instant) first = std::min(first, at);
    }
  });
  return first;
}

}  // namespace hb::core
