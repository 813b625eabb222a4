// engine_continuity: a master that comes after a crash goes on in the same generation
#include "core/engine_parts.hpp"

#include <chrono>

namespace hb::core {

void Engine::Parts::save(Continuity& into) const {
  into.saved_at = now_.instant;
  into.generation = identity_.generation;
  into.next_seqno = history_.next();
  into.last_ticket = last_ticket_;
  into.last_hook = last_hook_;
  into.next_client_generation = next_client_generation_;
  // Also in the turn that hands over to the next image: it may be the last one of this master.
  const bool hands_over = phase_ == Phase::gone && exit_reason_ == ExitReason::resume;
  into.active = is_up() || hands_over ? 1 : 0;
  into.stop_asked = stop_asked_ ? 1 : 0;
  into.manages_resources = resources_ ? 1 : 0;
  into.node_count = static_cast<std::uint16_t>(config_.nodes.size());
  into.group_count = resources_ ? static_cast<std::uint16_t>(groups_.size()) : 0;
  for (std::size_t i = 0; i < config_.nodes.size(); ++i) {
    const NodeId node{static_cast<std::uint16_t>(i)};
    const Peer& each = peers_[i];
    Continuity::Node& row = into.nodes[i];
    if (row.name.view() != name(node)) row.name.assign(name(node));
    row.uuid = each.uuid;
    row.generation = each.stream.generation();
    row.last = each.stream.whole().value_or(Seqno{});
    row.last_status = each.stream.last_status();
    const Duration dead_time =
        std::min<Duration>(membership_.dead_time(node),
                           std::chrono::milliseconds{continuity_limits::dead_time_ms});
    row.dead_time_ms = static_cast<std::uint32_t>(dead_time / std::chrono::milliseconds{1});
    row.status = membership_.status(node);
    row.ever_heard = membership_.ever_heard(node) ? 1 : 0;
    row.is_ours = each.is_ours ? 1 : 0;
    row.flow_control = each.flow_control ? 1 : 0;
    row.leaves = each.leaves ? 1 : 0;
  }
  const std::uint64_t last = history_.highest().value;
  for (std::uint64_t value = last; value > 0 && last - value < into.frames.size(); --value) {
    if (Seqno{value} < history_.lowest()) break;
    Continuity::Frame& frame = into.frames[value % into.frames.size()];
    if (frame.seqno == Seqno{value} && frame.generation == identity_.generation) continue;
    const std::string_view bytes = history_.frame(Seqno{value});
    frame.generation = identity_.generation;
    frame.seqno = Seqno{value};
    frame.size = bytes.size() <= frame.bytes.size() ? static_cast<std::uint32_t>(bytes.size()) : 0;
    bytes.substr(0, frame.size).copy(frame.bytes.data(), frame.size);
  }
  if (resources_) resources_->save(into);
}

/// Before anything is sent: how the others were judged, and where their streams are.
void Engine::Parts::remember(const Continuity& memory) {
  ENSURE(check(memory, now_.instant) && memory.active != 0);
  ENSURE(identity_.generation == memory.generation &&
         identity_.first_seqno >= memory.next_seqno);
  last_ticket_ = memory.last_ticket;
  last_hook_ = std::max(last_hook_, memory.last_hook);
  next_client_generation_ = memory.next_client_generation;
  stop_asked_ = memory.stop_asked != 0;
  const ContinuityMap map{memory, config_, groups_};
  for (std::size_t i = 0; i < map.nodes.size(); ++i) {
    const NodeId node = map.nodes[i];
    const Continuity::Node& row = memory.nodes[i];
    const bool was_ping = row.status == NodeStatus::ping;
    if (node == no_node || node == self_) continue;
    if (was_ping && membership_.type(node) != NodeType::ping) continue;
    membership_.restore(node, {row.status, row.ever_heard != 0,
                               std::chrono::milliseconds{row.dead_time_ms}});
    Peer& each = peer(node);
    each.stream = PeerStream{random_.below(10)};
    each.stream.restore(row.generation, row.last_status,
                        row.last == Seqno{} ? std::nullopt : std::optional{row.last});
    each.uuid = row.uuid;
    each.is_ours = row.is_ours != 0;
    each.flow_control = row.flow_control != 0;
    each.leaves = row.leaves != 0;
  }
  for (std::uint64_t value = history_.highest().value; value > 0; --value) {
    const Continuity::Frame& frame = memory.frames[value % memory.frames.size()];
    const bool whole = frame.generation == identity_.generation && frame.seqno == Seqno{value} &&
                       frame.size > 0 && frame.size <= frame.bytes.size();
    if (!whole) break;
    history_.prepend({frame.bytes.data(), frame.size}, now_.instant);
  }
  // Nobody is waited for to have what the last master sent: older messages are in no history.
  for (Peer& each : peers_) each.counted_from = history_.highest();
}

/// The peers have seen a short silence, nothing else.
void Engine::Parts::go_on() {
  phase_ = Phase::up;
  membership_.communication_up(now_.instant);
  membership_.set_own_status(NodeStatus::active);
  logf(LogLevel::warn,
       "The last master control process ended without a word; this one goes on in generation {}, "
       "from message {} on. What runs here stays.",
       identity_.generation.value, history_.next().value);
  const Continuity& memory = *inheritance_.memory;
  const ContinuityMap map{memory, config_, groups_};
  for (std::size_t i = 0; i < map.groups.size(); ++i) {
    const GroupState state = memory.groups[i].state;
    const bool may_run = state != GroupState::stopped && state != GroupState::failed;
    if (may_run && map.groups[i] == no_group) tell_abandoned(memory.groups[i].key.view());
  }
  outputs_.add(CommunicationUp{});
  // What left last did so at the end of a turn, or one beat before it.
  last_status_at_ = memory.saved_at - config_.keepalive;
  check_own_pause();
  send_status();
  tell_resources(CommunicationReached{});
  if (stop_asked_ && !resources_) stopped();
}

}  // namespace hb::core
