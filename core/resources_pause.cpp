// resources_pause: a node that did not run for a while doubts that it still holds what runs here
#include "core/resource_log_text.hpp"
#include "core/resources.hpp"

namespace hb::core {

namespace {

/// What no peer has confirmed by then is released: an address is down again within 200 ms after the
/// pause, and a peer that lives answers within one or two.
constexpr Duration confirmation_patience = std::chrono::milliseconds{100};
/// Then they are asked again.
constexpr Duration ask_pause = std::chrono::seconds{1};

}  // namespace

/// The others may have declared us dead and taken what runs here. Until they have told, it is shown
/// as doubtful: whoever has it as well keeps it, and we release it.
void Resources::on(const WasAway& event) {
  if (event.consequence == WasAway::Consequence::begin_anew) {
    anew_ = true;
    if (phase_ == Phase::releasing || phase_ == Phase::released) return;
    log(LogLevel::warn, "A 3.0.6 node may have taken what runs here: releasing all, and "
                        "beginning anew.");
    return begin_release();
  }
  if (phase_ != Phase::stable) return;
  // A move that was only agreed upon is off: its giver may have been given up for it long ago.
  using enum StandbyState;
  if (standby_.state == granted || standby_.state == asking) {
    log(LogLevel::info, resource_text::cancelling);
    standby_ = {};
  }
  doubt_ = {};
  each(held(), [&](GroupId group) {
    if (!runs_.is_leaving(group)) doubt_.groups.set(group.value);
  });
  for (const NodeId node : placement_.nodes()) {
    const bool could_take = is_live(node) && !peer(node).gone && !peer(node).leaving;
    if (could_take) doubt_.awaited.set(node.value);
  }
  // Who was dead before cannot have taken anything, or will tell of it when it comes.
  if (doubt_.awaited.none()) return end_doubt();
  doubt_.number = static_cast<std::uint64_t>(now_.instant.time_since_epoch().count());
  doubt_.until = now_.instant + confirmation_patience;
  // Who holds nothing asks too: what it was about to take may be somebody's by now.
  if (doubt_.groups.none()) return announce({}, true);
  log(LogLevel::warn, "Did another node take over what runs here? Asking, for {} ms: {}",
      confirmation_patience / std::chrono::milliseconds{1}, key_list(doubt_.groups));
  announce({}, true);
}

/// A view that was sent after our question. What it holds has been compared with ours already.
void Resources::on_confirmation(NodeId node, const Message& message) {
  const auto number = message.decimal("sys_answer");
  if (doubt_.number == 0 || number != doubt_.number) return;
  if (message.text_or_empty("sys_answered") != name(self_)) return;
  doubt_.awaited.reset(node.value);
  if (doubt_.awaited.any()) return;
  GroupSet kept;
  each(doubt_.groups & held(), [&](GroupId group) {
    kept.set(group.value, !runs_.is_leaving(group));
  });
  if (kept.any()) log(LogLevel::info, "No other node took over; kept: {}", key_list(kept));
  end_doubt();
}

/// Nobody who could have taken them has told that he did not.
void Resources::check_doubt() {
  if (doubt_.awaited.any()) {
    for (const NodeId node : placement_.nodes()) {
      if (!is_live(node) || peer(node).gone) doubt_.awaited.reset(node.value);
    }
    if (doubt_.awaited.none()) return end_doubt();
  }
  if (now_.instant < doubt_.until) return;
  doubt_.until = now_.instant + ask_pause;
  each(doubt_.groups & held(), [&](GroupId group) {
    if (runs_.is_leaving(group)) return;
    log(LogLevel::warn, "{}: no answer whether it was taken over; releasing it here", key(group));
    runs_.stop(now_, group, *sink_);
  });
  announce({}, true);  // nothing is taken before they have answered
}

void Resources::end_doubt() { doubt_ = {}; }

}  // namespace hb::core
