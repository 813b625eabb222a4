// resources_legacy: failback by ip-request and ip-request-resp (auto_failback legacy)
#include "core/resource_log_text.hpp"
#include "core/resources.hpp"

namespace hb::core {

namespace {

/// 3.0.6 never repeats a request (W17). A second one is harmless: its answer is "no" by then.
constexpr Duration request_pause = std::chrono::seconds{10};

}  // namespace

/// Our own groups, when communication is up: asked for if another node is active, else started.
void Resources::pull_own() {
  bool others_active = false;
  for (const NodeId node : placement_.nodes()) {
    if (node == self_ || !is_live(node) || peer(node).gone) continue;
    others_active = others_active || sink_->status(node) == NodeStatus::active;
  }
  if (!others_active) return;
  each(local_ & ~held(), [&](GroupId group) { pull(group); });
}

/// Asks again for what was asked for in vain; among ours, for what another node is seen to hold.
void Resources::plan_pulls() {
  if (!is_legacy() || stop_asked_) return;
  GroupSet claimed;
  for (const NodeId node : placement_.nodes()) claimed |= claims(node);
  each(local_ & ~held(), [&](GroupId group) {
    auto& entry = book(group);
    const bool asked = entry.pull_again != never;
    if (asked && now_.instant < entry.pull_again) return;
    entry.pull_again = never;
    const bool wanted = is_plain_legacy() ? asked && !is_alone()
                                          : claimed.test(group.value) && !entry.failed;
    if (wanted) pull(group);
  });
}

void Resources::pull(GroupId group) {
  book(group).pull_again = now_.instant + request_pause;
  Message message;
  message.add("t", "ip-request");
  message.add("ipaddr", key(group));
  sink_->send(message);
}

/// Another node wants a group of its own back.
void Resources::on_ip_request(NodeId node, const Message& message) {
  if (phase_ != Phase::stable) return;
  const auto group = group_of(message.text_or_empty("ipaddr"));
  if (!group) {
    return log(LogLevel::warn, "ip-request of node {} for {}: no such group in haresources here",
               name(node), message.text_or_empty("ipaddr"));
  }
  if (upkeep_.on && runs_.may_run(*group)) {
    return log(LogLevel::warn, resource_text::not_in_maintenance, "ip-request of " + name(node));
  }
  book(*group).wanted_by = node;
  if (!runs_.may_run(*group)) return answer_ip_request(*group, "no");
  book(*group).failback_due = false;
  runs_.stop(now_, *group, *sink_);
}

/// Only when it is released here, or never was: an answer means that the asker may start it.
void Resources::answer_ip_request(GroupId group, std::string_view owned) {
  const NodeId node = book(group).wanted_by;
  book(group).wanted_by = no_node;
  announce();
  Message message;
  message.add("t", "ip-request-resp");
  message.add("dest", name(node));
  message.add("ipaddr", key(group));
  message.add("weown", owned);
  message.add("ok", "OK");
  sink_->send(message, node);
}

void Resources::on_ip_request_resp(NodeId node, const Message& message) {
  const auto wanted = message.text_or_empty("ipaddr");
  const auto group = group_of(wanted);
  const auto fine = message.text_or_empty("ok");
  const auto owned = message.text_or_empty("weown");
  log(LogLevel::info, "received ip-request-resp {} {} {}", wanted, fine, owned);
  if (!group || fine != "OK" || phase_ != Phase::stable) return;
  auto& entry = book(*group);
  if (entry.pull_again == never) return;  // not asked, or answered before
  auto& who = peer(node);
  // Among several the word of one that never had it says nothing about the others.
  who.held.reset(group->value);
  for (const NodeId other : placement_.nodes()) {
    if (!is_plain_legacy() && claims(other).test(group->value)) return;
  }
  entry.pull_again = never;
  if (!runs_.may_run(*group)) take(*group);
}

}  // namespace hb::core
