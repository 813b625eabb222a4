// engine_receive: what arrives: verified, judged in its sender's stream, dispatched by type
#include "core/engine_parts.hpp"

#include "core/compress.hpp"
#include "core/uuid.hpp"

#include <cstring>

namespace hb::core {

namespace {

/// Ordered messages of one node that may wait for earlier numbers; if there are more, the oldest
/// is delivered all the same.
constexpr std::size_t most_held = 32;
/// A dead time beyond this is a mistake: `dt` is the sender's word, but it is we who wait.
constexpr Duration longest_dead_time = std::chrono::hours{24};

Counter counter_of(AuthVerdict verdict) {
  switch (verdict) {
    case AuthVerdict::no_trailer: return Counter::no_trailer;
    case AuthVerdict::unknown_key: return Counter::unknown_key;
    case AuthVerdict::bad_digest: return Counter::bad_digest;
    case AuthVerdict::good:
    case AuthVerdict::no_frame: break;
  }
  return Counter::no_frame;
}

std::optional<Duration> dead_time_in(const Message& message) {
  const auto milliseconds = message.hex("dt");
  if (!milliseconds || *milliseconds == 0) return std::nullopt;
  constexpr auto longest = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(longest_dead_time).count());
  return std::chrono::milliseconds{std::min(*milliseconds, longest)};
}

bool is_resource_type(std::string_view type) {
  return type == "resource" || type == "ask_resources" || type == "starting" ||
         type == "ip-request" || type == "ip-request-resp" || type == "hb_takeover" ||
         type == "shutdone";
}

}  // namespace

std::optional<NodeId> Engine::Parts::node_named(std::string_view wanted) const {
  for (std::size_t i = 0; i < config_.nodes.size(); ++i) {
    if (config_.nodes[i].name == wanted) return NodeId{static_cast<std::uint16_t>(i)};
  }
  return std::nullopt;
}

bool Engine::Parts::is_for_us(const Header& header) const {
  if (header.dest_uuid && !header.dest_uuid->is_nil()) {
    return *header.dest_uuid == identity_.uuid;
  }
  return header.dest.empty() || header.dest == name(self_);
}

/// With several links every frame comes several times. The same bytes as the last fresh frame of a
/// node have been verified and judged already: they only show that this link carries.
bool Engine::Parts::receive_copy(const FrameArrived& frame) {
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    const Peer& each = peers_[i];
    if (each.last_frame.size() != frame.bytes.size() || frame.bytes.empty() ||
        std::memcmp(each.last_frame.data(), frame.bytes.data(), frame.bytes.size()) != 0) {
      continue;
    }
    if (each.stream.last() != each.last_frame_seqno) return false;
    if ((wanted_classes_ & client_class::duplicate) != 0) return false;  // somebody wants to see it
    counters_.add(Counter::duplicates);
    heard_on(NodeId{static_cast<std::uint16_t>(i)}, frame.link, frame.rx_time);
    return true;
  }
  return false;
}

void Engine::Parts::receive(const FrameArrived& frame) {
  counters_.add(Counter::frames_in);
  counters_.add(Counter::bytes_in, frame.bytes.size());
  if (frame.link.value >= config_.media.size()) return counters_.add(Counter::bad_frame);
  if (receive_copy(frame)) return;
  const std::string& link = config_.media[frame.link.value].link_name();
  const KeyRing::Verified verified = keys_.verify(frame.bytes);
  if (verified.verdict != AuthVerdict::good) {
    if (verified.verdict == AuthVerdict::no_frame || !config_.log_badpack) {
      return counters_.add(counter_of(verified.verdict));
    }
    return complain(counter_of(verified.verdict), LogLevel::warn,
                    "frame on {} refused: {}; do authkeys agree on all nodes?", link,
                    name_of(verified.verdict));
  }
  const auto decoded = decode(verified.message_bytes, incoming_);
  if (!decoded) {
    return complain(Counter::bad_frame, LogLevel::error, "frame on {} refused: {}", link,
                    decoded.error().text);
  }
  if (const auto unpacked = unpack(incoming_); !unpacked) {
    return complain(Counter::bad_frame, LogLevel::error, "frame on {} refused: {}", link,
                    unpacked.error().text);
  }
  const auto header = read_header(incoming_);
  if (!header) {
    return complain(Counter::bad_header, LogLevel::error, "frame on {} refused: {}", link,
                    header.error().text);
  }
  const auto node = node_named(header->source);
  if (!node) {
    return complain(Counter::unknown_node, LogLevel::error, log_text::bad_node, header->source);
  }
  if (*node == self_) return receive_own(*header, frame);
  if (membership_.type(*node) == NodeType::ping) return receive_ping(*header, *node, frame);
  if (!accept_uuid(*header, *node)) return;
  if (header->is_sequenced()) {
    receive_sequenced(*header, *node, frame);
  } else {
    receive_unsequenced(*header, *node, frame);
  }
}

/// A broadcast of ours that came back only shows that the link carries (§4). Anything else under
/// our name is another machine, which must not be believed.
void Engine::Parts::receive_own(const Header& header, const FrameArrived& frame) {
  const bool same_uuid = !header.source_uuid || *header.source_uuid == identity_.uuid;
  const bool from_future = header.generation > identity_.generation ||
                           (header.generation == identity_.generation && header.seqno &&
                            *header.seqno >= history_.next());
  if (!same_uuid || from_future) {
    return complain(Counter::impostor, LogLevel::crit,
                    "another machine sends under our name {}: every node needs a name and an "
                    "hb_uuid of its own. Its messages are ignored.",
                    name(self_));
  }
  counters_.add(Counter::duplicates);
  heard_on(self_, frame.link, frame.rx_time);
}

void Engine::Parts::receive_ping(const Header& header, NodeId node, const FrameArrived& frame) {
  const auto answers = membership_.link_status(node, frame.link);
  const MediumType type = config_.media[frame.link.value].type;
  if (header.type != "NS_st" || answers == LinkStatus::none ||
      incoming_.text_or_empty("info") != name_of(type)) {
    return complain(Counter::bad_header, LogLevel::warn,
                    "message of type {} in the name of ping node {}: ignored", header.type,
                    name(node));
  }
  counters_.add(Counter::accepted);
  heard_on(node, frame.link, frame.rx_time);
  const auto heard = membership_.heard(node, NodeStatus::ping, std::nullopt, frame.rx_time);
  if (heard.before == NodeStatus::ping) {
    if ((wanted_classes_ & client_class::heartbeat) != 0) {
      to_clients(client_class::heartbeat, incoming_);
    }
    return;
  }
  logf(LogLevel::info, log_text::status_update, name(node), "ping");
  publish_ = true;
  to_clients(client_class::all, incoming_);
  check_start();
}

bool Engine::Parts::accept_uuid(const Header& header, NodeId node) {
  if (!header.source_uuid || header.source_uuid->is_nil()) return true;
  const Uuid& uuid = *header.source_uuid;
  if (peer(node).uuid == uuid) return true;
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    if (peers_[i].uuid != uuid) continue;
    complain(Counter::impostor, LogLevel::crit,
             "nodes {} and {} have the same uuid: remove hb_uuid on one of them (a cloned disk?) "
             "and restart it. {} is ignored until then.",
             name(node), config_.nodes[i].name, name(node));
    if (i == self_.value && header.type == "status") yield_to_clone(node);
    return false;
  }
  const bool known = !peer(node).uuid.is_nil();
  if (known && header.generation <= peer(node).stream.generation()) {
    complain(Counter::impostor, LogLevel::crit,
             "two machines use the node name {}: every node needs a name of its own. The one "
             "with the lower generation is ignored.",
             name(node));
    return false;
  }
  if (known) {
    logf(LogLevel::info, log_text::uuid_changed, name(node),
         to_text(uuid));
  }
  peer(node).uuid = uuid;
  publish_ = true;
  return true;
}

/// Two nodes with one uuid ignore each other, so each would take everything: one of them leaves.
/// Who is only starting does, else the one with the higher name.
void Engine::Parts::yield_to_clone(NodeId node) {
  const bool they_are_up = incoming_.text_or_empty("st") == name_of(NodeStatus::active);
  const bool we_go = they_are_up == is_up() ? name(self_) > name(node) : they_are_up;
  const bool is_leaving = phase_ == Phase::ending || phase_ == Phase::gone || yields_to_clone_;
  if (!we_go || is_leaving) return;
  yields_to_clone_ = true;
  logf(LogLevel::crit,
       "This node has the uuid of {}, which stays: heartbeat stops here. Remove "
       "/var/lib/heartbeat/hb_uuid on this node and start it again.", name(node));
  stop_asked();
}

void Engine::Parts::heard_on(NodeId node, LinkId medium, Instant rx_time) {
  const LinkId link = link_of_medium_[medium.value];
  if (!membership_.link_heard(node, link, rx_time)) return;
  logf(LogLevel::info, log_text::link_up, name(node), config_.media[link.value].link_name());
  tell_link(node, link, "up");
  publish_ = true;
}

void Engine::Parts::receive_unsequenced(const Header& header, NodeId node,
                                        const FrameArrived& frame) {
  if (!is_for_us(header) && header.type != "NS_nak_rexmit") {
    return counters_.add(Counter::for_others);
  }
  // Acknowledgements of an earlier life would free what the node of today still lacks.
  const Generation known = peer(node).stream.generation();
  if (known != Generation{} && header.generation != known) return counters_.add(Counter::stale);
  counters_.add(Counter::accepted);
  heard_on(node, frame.link, frame.rx_time);
  if (header.type == "NS_ackmsg") return on_ack(header, node);
  if (header.type == "NS_nak_rexmit") return on_nak(header, node);
  if (header.type == "NS_rexmit") {
    if ((wanted_classes_ & client_class::rexmit) != 0) to_clients(client_class::rexmit, incoming_);
    return on_rexmit(node);
  }
  dispatch(incoming_, header, node);
}

void Engine::Parts::receive_sequenced(const Header& header, NodeId node,
                                      const FrameArrived& frame) {
  PeerStream& stream = peer(node).stream;
  const bool is_status = header.type == "status";
  if (status(node) == NodeStatus::dead) {
    // Only a new status makes a dead node live; what it sent before that is void.
    const bool news = header.generation > stream.generation() ||
                      (header.generation == stream.generation() &&
                       stream.is_newer_status(*header.seqno));
    if (!is_status || (!news && header.generation == stream.generation())) {
      return counters_.add(Counter::stale);
    }
  }
  const Judgement judgement = stream.judge(header.generation, *header.seqno, frame.rx_time,
                                           config_.max_rexmit_delay, random_);
  report(judgement, header, node);
  if (judgement.arrival == Arrival::replay || judgement.arrival == Arrival::stale) return;
  heard_on(node, frame.link, frame.rx_time);
  if (judgement.arrival == Arrival::duplicate) {
    if ((wanted_classes_ & client_class::duplicate) != 0) {
      to_clients(client_class::duplicate, incoming_);
    }
    return;
  }
  if (judgement.arrival == Arrival::fresh) {
    peer(node).last_frame.assign(as_text(frame.bytes));
    peer(node).last_frame_seqno = *header.seqno;
  }
  if (judgement.restarted && !is_status) {
    node_returned(node, membership_.ever_heard(node) ? ReturnKind::restart : ReturnKind::first,
                  false);
  }
  if (judgement.ack) {
    send_ack(node, *judgement.ack);
  } else if (peer(node).leaves && stream.missing() == 0) {
    send_ack(node, *stream.last());
  }
  if (!is_for_us(header)) {
    counters_.add(Counter::for_others);
    if ((wanted_classes_ & client_class::dropped) != 0) {
      to_clients(client_class::dropped, incoming_);
    }
  } else if (is_status) {
    receive_status(header, node, frame.rx_time, judgement.restarted);
  } else {
    dispatch(incoming_, header, node);
  }
  if (!peer(node).held.empty()) release_held(node);
}

void Engine::Parts::report(const Judgement& judgement, const Header& header, NodeId node) {
  Peer& each = peer(node);
  switch (judgement.arrival) {
    case Arrival::replay:
      return complain(Counter::replays, LogLevel::error, log_text::replay, name(node),
                      header.generation.value, each.stream.generation().value);
    case Arrival::stale: return counters_.add(Counter::stale);
    case Arrival::duplicate: return counters_.add(Counter::duplicates);
    case Arrival::filled: counters_.add(Counter::recovered); break;
    case Arrival::fresh: break;
  }
  counters_.add(Counter::accepted);
  if (judgement.restarted) {
    counters_.add(Counter::restarts);
    logf(LogLevel::info, log_text::heartbeat_restart, name(node));
    each.acked = Seqno{};
    each.is_ours = each.leaves = false;
    release_held(node);  // what its earlier life still said, perhaps that it gave up
  }
  if (judgement.lost_a_lot) log(LogLevel::error, log_text::lost_a_lot);
  if (judgement.lost > 0) {
    counters_.add(Counter::lost, judgement.lost);
    each.lost += judgement.lost;
    logf(LogLevel::warn, log_text::lost_packets, judgement.lost, name(node),
         judgement.before.value, header.seqno->value);
  }
  if (judgement.complete) logf(LogLevel::info, log_text::none_missing, name(node));
}

void Engine::Parts::receive_status(const Header& header, NodeId node, Instant rx_time,
                                   bool restarted) {
  Peer& each = peer(node);
  if (!each.stream.is_newer_status(*header.seqno)) return;  // one that had been lost
  const auto state = node_status(incoming_.text_or_empty("st"));
  if (!state || *state == NodeStatus::dead || *state == NodeStatus::ping) {
    return complain(Counter::bad_header, LogLevel::warn, "status {} of node {}: ignored",
                    incoming_.text_or_empty("st"), name(node));
  }
  each.stream.saw_status(*header.seqno);
  if (!incoming_.text("protocol")) each.flow_control = false;
  each.is_ours = incoming_.decimal("systole").value_or(0) > 0;
  const auto heard = membership_.heard(node, *state, dead_time_in(incoming_), rx_time);
  const bool was_dead = heard.before == NodeStatus::dead;
  if (!heard.first && !restarted && !was_dead && heard.interval > config_.warntime) {
    const bool over = heard.interval > config_.deadtime;
    counters_.add(Counter::late_heartbeats);
    logf(over ? LogLevel::crit : LogLevel::warn,
         over ? log_text::late_over_deadtime : log_text::late_heartbeat, name(node),
         std::chrono::duration_cast<std::chrono::milliseconds>(heard.interval).count());
  }
  if (was_dead || restarted || heard.first) {
    // A node that is active when it comes back from the dead has been running all the while.
    const bool ran_on = was_dead && (!restarted || *state == NodeStatus::active);
    const bool known = !heard.first || *state == NodeStatus::active;
    const ReturnKind kind = ran_on && known  ? ReturnKind::partition
                            : heard.first    ? ReturnKind::first
                                             : ReturnKind::restart;
    node_returned(node, kind, was_dead);
  }
  if (heard.before != *state) {
    logf(LogLevel::info, log_text::status_update, name(node), name_of(*state));
    publish_ = true;
    to_clients(client_class::all, incoming_);
    if (is_up()) tell_resources(NodeStatusChanged{node, *state});
    update_flow();
    check_start();
  } else if ((wanted_classes_ & client_class::heartbeat) != 0) {
    to_clients(client_class::heartbeat, incoming_);
  }
}

void Engine::Parts::node_returned(NodeId node, ReturnKind kind, bool was_dead) {
  Peer& each = peer(node);
  each.counted_from = history_.highest();
  publish_ = true;
  hurry_ = true;  // it should not have to wait for our next beat
  persist_at_ = std::min(persist_at_, now_.instant + std::chrono::seconds{1});
  if (was_dead) counters_.add(Counter::returns);
  if (kind == ReturnKind::partition) {
    logf(LogLevel::crit, log_text::returning, name(node));
    log(LogLevel::warn, log_text::deadtime_too_small);
  }
  if (is_up()) tell_resources(NodeReturned{node, kind, was_dead});
}

void Engine::Parts::dispatch(const Message& message, const Header& header, NodeId node) {
  const std::string_view type = header.type;
  if (type == "status") return;
  if (type == "reqnodes") {
    if (node != self_) on_reqnodes(node);
    return;
  }
  if (type == "repnodes") {
    if (node != self_ && phase_ == Phase::asking) communication_up();
    return;
  }
  if (type == "query-cstatus") return on_query_cstatus(message, node);
  if (type == "setweight" || type == "setsite") return on_node_property(message);
  if (type == "addnode" || type == "delnode") {
    return logf(LogLevel::warn, "{} from {}: not possible with haresources; change ha.cf",
                type, name(node));
  }
  if (type == "shutdone" && node != self_) {
    peer(node).leaves = true;
    const PeerStream& stream = peer(node).stream;
    if (stream.missing() == 0 && stream.last()) send_ack(node, *stream.last());
  }
  if (node != self_ && (is_resource_type(type) || type == "hbapi-clstat")) {
    const auto missing = peer(node).stream.first_missing();
    if (missing && *missing < *header.seqno) return hold(message, *header.seqno, node);
  }
  deliver(message, node);
}

/// Client events (client-api §2.5), and with us the resource messages too, are seen in the order
/// of their numbers: a state that overtakes another would be taken for the older one.
void Engine::Parts::hold(const Message& message, Seqno seqno, NodeId node) {
  std::vector<Held>& held = peer(node).held;
  const auto place = std::ranges::upper_bound(held, seqno, {}, &Held::seqno);
  held.insert(place, {seqno, message});
  if (held.size() > most_held) {
    const Held oldest = std::move(held.front());
    held.erase(held.begin());
    deliver(oldest.message, node);
  }
}

void Engine::Parts::release_held(NodeId node) {
  const auto missing = peer(node).stream.first_missing();
  while (!peer(node).held.empty()) {
    std::vector<Held>& held = peer(node).held;
    if (missing && *missing < held.front().seqno) return;
    const Held next = std::move(held.front());
    held.erase(held.begin());
    deliver(next.message, node);
  }
}

void Engine::Parts::deliver(const Message& message, NodeId node) {
  to_clients(client_class::all, message);
  if (!is_up()) return;
  if (is_resource_type(message.type())) {
    return tell_resources(ResourceMessage{node, &message});
  }
  if (message.type() == "stonith") tell_resources(ResourceMessage{node, &message});
  run_hook(message);
}

void Engine::Parts::on_reqnodes(NodeId node) {
  body_.clear();
  for (const NodeConfig& each : config_.nodes) {
    // habit: members only; 3.0.6 takes the name of a ping node here for an error.
    if (each.type == NodeType::normal) body_.append(each.name).append(" ");
  }
  Message& message = scratch_;
  message.clear();
  message.add("t", "repnodes");
  message.add("dest", name(node));
  message.add("nodelist", body_);
  message.add("delnodelist", " ");  // habit: empty is one blank
  transmit(message, node);
}

void Engine::Parts::on_ack(const Header&, NodeId node) {
  Peer& each = peer(node);
  const auto acked = incoming_.hex("ackseq");
  if (!acked || Seqno{*acked} > history_.highest()) {
    return complain(Counter::bad_acks, LogLevel::error, log_text::corrupted_ackseq,
                    incoming_.text_or_empty("ackseq"), name(node), history_.highest().value);
  }
  counters_.add(Counter::acks_received);
  if (Seqno{*acked} <= each.acked) return;
  each.acked = Seqno{*acked};
  update_flow();
}

void Engine::Parts::on_nak(const Header& header, NodeId node) {
  const auto seqno = incoming_.hex("firstseq");
  if (!seqno) return counters_.add(Counter::bad_header);
  counters_.add(Counter::naks_received);
  if (!peer(node).stream.give_up(Seqno{*seqno})) return;
  if (is_for_us(header)) {
    logf(LogLevel::error, log_text::irretrievable, name(node), *seqno);
  }
  release_held(node);
}

}  // namespace hb::core
