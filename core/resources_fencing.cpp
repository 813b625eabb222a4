// resources_fencing: a dead node is reset before its groups are taken; what others did counts too
#include "core/resource_log_text.hpp"
#include "core/resources.hpp"

#include <algorithm>
#include <array>

namespace hb::core {

namespace {

/// Scripts of what two nodes must not write to at the same time.
constexpr std::array<std::string_view, 6> storage_scripts{"Filesystem", "LVM",       "Raid1",
                                                          "drbddisk",   "drbdupper", "ServeRAID"};

bool holds_storage(const Group& group) {
  return std::ranges::any_of(group.resources, [](const Resource& resource) {
    return std::ranges::find(storage_scripts, resource.script) != storage_scripts.end();
  });
}

}  // namespace

/// Whether it is to be reset first. Of several survivors the first in line does it.
bool Resources::begin_fencing(NodeId node) {
  if (!fencing_.can_fence(node)) return false;
  std::size_t rank = 0;
  for (const NodeId other : placement_.nodes()) {
    if (other == self_) break;
    if (other != node && takes_part(other)) ++rank;
  }
  fencing_.need(now_.instant, node, rank);
  return true;
}

/// Nothing of it runs any more: what it had may be taken.
void Resources::fenced(NodeId node) {
  send_stonith(node, "OK");
  release_withheld(node);
  peer(node).silent_since = never;
  log(LogLevel::info, resource_text::being_acquired, name(node));
}

/// It is here again, and was not reset: it never will be for its last absence (W8).
void Resources::cancel_fencing(NodeId node) {
  if (!fencing_.is_pending(node)) return;
  fencing_.forget(node, *sink_);
  log(LogLevel::info, resource_text::fencing_cancelled, name(node));
}

/// True if it was about fencing.
bool Resources::on_fence_end(const ActionDone& event) {
  std::optional<Fencing::Result> result;
  if (!fencing_.done(now_.instant, event, *sink_, result)) return false;
  if (!result) return true;
  if (result->fenced) fenced(result->node);
  if (result->round_failed) send_stonith(result->node, "bad");
  return true;
}

/// Another node tells what became of its fencing of a third one.
void Resources::on_stonith(NodeId source, const Message& message) {
  const auto node = config_.node(message.text_or_empty("node"));
  if (!node || *node == self_ || is_live(*node) || !fencing_.is_pending(*node)) return;
  if (message.text_or_empty("result") != "OK") return fencing_.go_ahead(now_.instant, *node);
  fencing_.forget(*node, *sink_);
  log(LogLevel::info, resource_text::fenced_elsewhere, name(*node), name(source));
  release_withheld(*node);
  peer(*node).silent_since = never;
  log(LogLevel::info, resource_text::being_acquired, name(*node));
}

/// `cl_status fenced NODE`: somebody has looked, and the node is off.
void Resources::on_fenced_order(const Message& order) {
  const auto wanted = order.text_or_empty("node");
  const auto node = config_.node(wanted);
  const auto refuse = [&](std::string_view why) {
    log(LogLevel::error, "fenced: {} {}", wanted, why);
    note_order(order, OrderResult::refused, last_line_);
  };
  if (!node || *node == self_ || config_.nodes[node->value].type != NodeType::normal) {
    return refuse("is no other node of this cluster");
  }
  if (is_live(*node)) return refuse("is alive: it is heard at this moment");
  const bool waits = fencing_.is_pending(*node) ||
                     std::ranges::any_of(books_, [&](const Book& entry) {
                       return entry.withheld_by == *node;
                     });
  if (!waits) return refuse("is waited for by nothing");
  fencing_.forget(*node, *sink_);
  log(LogLevel::warn, resource_text::declared_off, name(*node));
  note_order(order, OrderResult::begun, last_line_);
  fenced(*node);
}

/// Said once in a life, before anybody needs it.
void Resources::warn_of_partitions() {
  if (placement_.nodes().size() < 2 || groups_.empty()) return;
  const bool fences = device_count(config_) > 0;
  if (!fences && !witness_.is_configured()) {
    log(LogLevel::warn,
        "No witness is configured: nodes that cannot hear each other will all run the same "
        "resources. A line `witness ping ADDRESS` or `witness etcd URL` in ha.cf helps.");
  }
  if (fences) return;
  for (const Group& group : groups_) {
    if (!holds_storage(group)) continue;
    log(LogLevel::crit,
        "{}: this group holds a disk or a file system and no fencing is configured: two nodes that "
        "cannot hear each other may destroy its data. A line `stonith_host` or `fence_agent` in "
        "ha.cf helps.", group.key());
  }
}

}  // namespace hb::core
