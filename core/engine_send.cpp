// engine_send: what leaves: stamped, signed once for all links, kept, and looped back
#include "core/engine_parts.hpp"

#include "core/compress.hpp"
#include "core/serial_line.hpp"

namespace hb::core {

namespace {
/// A request for retransmission that came over several links is answered once: 3.0.6 ignores a
/// repeat within max_rexmit_delay less this (wire-protocol §5.3).
constexpr Duration repeat_slack = std::chrono::milliseconds{10};
/// Answers to one request (§9).
constexpr std::uint64_t resend_batch = 50;
/// Added to dt before another image takes over (§6.3).
constexpr Duration restart_patience = std::chrono::seconds{30};
}  // namespace

Stamp Engine::Parts::stamp(NodeId dest) const {
  Stamp result{name(self_), identity_.uuid,
               history_.next(), identity_.generation,
               now_.wall, config_.hopfudge + config_.nodes.size(), std::nullopt};
  // habit: all zero while the node's UUID is not learnt yet
  if (dest != no_node) result.dest_uuid = peers_[dest.value].uuid;
  return result;
}

bool Engine::Parts::encode(Message& message, std::string& out) {
  const bool inner = config_.msgfmt == MessageFormat::classic;
  keys_.sign_netstring(message, inner ? KeyRing::Inner::with : KeyRing::Inner::without, out);
  const bool too_big = out.size() > limits::message_bytes;
  const bool wants_packing =
      config_.traditional_compression && out.size() > config_.compression_threshold;
  if (too_big || wants_packing) {
    body_.clear();
    append_client_body(message, inner ? Framing::text : Framing::netstring, body_);
    Message packed;
    if (pack(config_.compression, as_bytes(body_), packed)) {
      out.clear();
      keys_.sign_netstring(packed, KeyRing::Inner::without, out);
    }
  }
  if (out.size() <= limits::datagram_bytes) return true;
  complain(Counter::refused_size, LogLevel::error,
           "message of type {} has {} bytes, more than a datagram holds ({}): not sent",
           message.type(), out.size(), limits::datagram_bytes);
  return false;
}

void Engine::Parts::transmit(Message& message, NodeId dest, Loop loop) {
  if (dest != no_node && !message.find("dest")) message.add("dest", name(dest));
  if (message.type().starts_with("NS_")) return transmit_unsequenced(message, dest);
  if (muted_) return;
  stamp_sequenced(message, stamp(dest));
  std::string& buffer = history_.prepare();
  if (!encode(message, buffer)) return buffer.clear();
  history_.commit(now_.instant);
  const Bytes bytes = as_bytes(buffer);
  counters_.add(Counter::frames_out);
  counters_.add(Counter::bytes_out, bytes.size());
  send_frame(message, bytes);
  // A message is processed by its sender too, after it has left: order on the wire is order of
  // numbers (3.0.6 does it the other way round, wire-protocol §5.5).
  if (loop == Loop::back) {
    if (looped_count_ == looped_.size()) looped_.emplace_back();
    looped_[looped_count_++] = message;
  }
  update_flow();
}

void Engine::Parts::transmit_unsequenced(Message& message, NodeId dest) {
  if (muted_) return;
  stamp_unsequenced(message, stamp(dest));
  encoded_.clear();
  if (!encode(message, encoded_)) return;
  counters_.add(Counter::frames_out);
  counters_.add(Counter::bytes_out, encoded_.size());
  send_frame(message, outputs_.keep(as_bytes(encoded_)));
}

/// On every link between nodes, in the framing that it speaks.
void Engine::Parts::send_frame(const Message& message, Bytes frame) {
  if (cluster_links_ != 0) outputs_.add(Send{cluster_links_, frame});
  if (serial_links_ == 0) return;
  text_message_ = message;  // it gains an `auth`, which others must not see
  text_frame_.clear();
  keys_.sign_text(text_message_, text_frame_);
  if (text_frame_.size() > serial_line::message_bytes) {
    return complain(Counter::refused_size, LogLevel::warn,
                    "message of type {} has {} bytes, more than a serial line carries ({}): not "
                    "sent there",
                    message.type(), text_frame_.size(), serial_line::message_bytes);
  }
  outputs_.add(Send{serial_links_, outputs_.keep(as_bytes(text_frame_))});
}

/// What was sent before, as it was.
void Engine::Parts::send_frame_again(Bytes frame) {
  if (serial_links_ == 0) return outputs_.add(Send{cluster_links_, frame});
  Message message;
  if (decode(frame, message)) send_frame(message, frame);
}

void Engine::Parts::send_status() {
  Message& message = outgoing_;
  message.clear();
  message.add("t", "status");
  message.add("st", name_of(membership_.status(self_)));
  const Duration patience = exit_reason_ == ExitReason::resume
                                ? config_.deadtime + restart_patience
                                : config_.deadtime;
  message.add_hex("dt", static_cast<std::uint64_t>(
                            std::chrono::duration_cast<std::chrono::milliseconds>(patience)
                                .count()));
  message.add("protocol", "1");
  // 3.0.6 ignores it; a Systole knows by it that it need not wait as 3.0.6 does.
  message.add("systole", "1");
  transmit(message, no_node, Loop::not_back);  // a status of our own tells us nothing
  last_status_at_ = now_.instant;
  history_.release(acknowledged(), now_.instant);
  if ((wanted_classes_ & client_class::heartbeat) != 0) {
    to_clients(client_class::heartbeat, message);
  }
  ask_ping_nodes();
}

/// Each status of ours also asks every ping node: what its host echoes is the message that it would
/// send, so that an answer is believed by its signature alone (§4, vectors 62-64).
void Engine::Parts::ask_ping_nodes() {
  if (muted_) return;
  for (std::size_t i = 0; i < config_.media.size(); ++i) {
    const MediumConfig& medium = config_.media[i];
    if (!is_ping(medium.type)) continue;
    Message& message = scratch_;
    message.clear();
    message.add("t", "NS_st");
    message.add("st", "ping");
    message.add("info", name_of(medium.type));
    message.add("src", medium.link_name());
    message.add_hex("ts", static_cast<std::uint64_t>(now_.wall.time_since_epoch().count()));
    encoded_.clear();
    if (!encode(message, encoded_)) continue;
    counters_.add(Counter::frames_out);
    counters_.add(Counter::bytes_out, encoded_.size());
    outputs_.add(Send{std::uint64_t{1} << i, outputs_.keep(as_bytes(encoded_))});
  }
}

void Engine::Parts::loop_back() {
  for (std::size_t i = 0; i < looped_count_; ++i) {
    // Dispatching may append, and so move, the messages that follow.
    const Message message = std::move(looped_[i]);
    const auto header = read_header(message);
    ENSURE(header.has_value());
    if (is_for_us(*header)) {
      dispatch(message, *header, self_);
    } else if ((wanted_classes_ & client_class::dropped) != 0) {
      to_clients(client_class::dropped, message);
    }
  }
  looped_count_ = 0;
}

void Engine::Parts::send_ack(NodeId node, Seqno seqno) {
  if (!peer(node).flow_control) return;
  Message& message = scratch_;
  message.clear();
  message.add("t", "NS_ackmsg");
  message.add("dest", name(node));
  message.add_hex("ackseq", seqno.value);
  counters_.add(Counter::acks_sent);
  transmit_unsequenced(message, node);
}

void Engine::Parts::send_nak(NodeId node, Seqno seqno, std::string_view info) {
  Message& message = scratch_;
  message.clear();
  message.add("t", "NS_nak_rexmit");
  message.add_hex("firstseq", seqno.value);
  message.add("dest", name(node));
  message.add("info", info);
  counters_.add(Counter::naks_sent);
  transmit_unsequenced(message, node);
}

void Engine::Parts::ask_again() {
  each_other([&](NodeId node) {
    PeerStream& stream = peer(node).stream;
    if (now_.instant < stream.next_request()) return;
    ranges_.clear();
    stream.due(now_.instant, config_.max_rexmit_delay, ranges_);
    if (!is_live(node)) return;  // asked again when it is back (§5.3)
    for (const PeerStream::Range& range : ranges_) {
      Message& message = scratch_;
      message.clear();
      message.add("t", "NS_rexmit");
      message.add("dest", name(node));
      message.add_decimal("firstseq", range.first.value);
      message.add_decimal("lastseq", range.last.value);
      counters_.add(Counter::rexmit_asked);
      transmit_unsequenced(message, node);
    }
  });
}

void Engine::Parts::on_rexmit(NodeId node) {
  if (muted_) return;
  const auto first = incoming_.decimal("firstseq");
  const auto last = incoming_.decimal("lastseq");
  if (!first || !last || *last < *first) {
    return complain(Counter::bad_header, LogLevel::warn,
                    "NS_rexmit from {} without a range of numbers: ignored", name(node));
  }
  const Duration quiet = std::max(config_.max_rexmit_delay - repeat_slack, Duration{});
  const std::uint64_t end = std::min(*last, *first + (resend_batch - 1));
  for (std::uint64_t value = *first; value <= end; ++value) {
    if (value == 0 || Seqno{value} <= peer(node).acked) continue;
    const History::Answer answer = history_.answer(Seqno{value}, now_.instant, quiet);
    switch (answer.found) {
      case History::Found::resend:
        counters_.add(Counter::rexmit_answered);
        counters_.add(Counter::frames_out);
        counters_.add(Counter::bytes_out, answer.bytes.size());
        send_frame_again(answer.bytes);
        break;
      case History::Found::too_low: send_nak(node, Seqno{value}, "seqno too low"); break;
      case History::Found::too_high:
        return complain(Counter::bad_header, LogLevel::warn, log_text::rexmit_too_high, value,
                        history_.highest().value);
      case History::Found::just_sent: break;
    }
  }
}

Seqno Engine::Parts::acknowledged() const {
  Seqno lowest = history_.highest();
  each_other([&](NodeId node) {
    const Peer& each = peers_[node.value];
    if (!is_live(node) || !each.flow_control) return;
    lowest = std::min(lowest, std::max(each.acked, each.counted_from));
  });
  return lowest;
}

void Engine::Parts::update_flow() {
  const bool full = history_.highest().value - acknowledged().value > limits::flow_control;
  if (full == paused_) return;
  paused_ = full;
  publish_ = true;
  log(LogLevel::warn, full ? log_text::clients_paused : log_text::clients_resumed);
  outputs_.add(PauseClients{static_cast<std::uint8_t>(full)});
}

}  // namespace hb::core
