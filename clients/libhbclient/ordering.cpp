// ordering: received messages that carry an order number, put back into the order of their sending
#include "clients/libhbclient/ordering.hpp"

#include <algorithm>

namespace hb::clients::libhbclient {

using core::Message;

void Ordering::accept(Message message, Time now) {
  const std::string_view type = message.type(), state = message.text_or_empty("st");
  if (type == "hbapi-clstat" && state == "join") join(message);
  const bool node_died = type == "status" && state == "dead";
  if (node_died || (type == "hbapi-clstat" && state == "leave")) forget(message);
  const auto number = message.hex("oseq");
  if (number && message.text("src") && message.text("from_id"))
    accept_numbered(std::move(message), *number, now);
  else
    ready_.push_back(std::move(message));
}

void Ordering::accept_numbered(Message message, std::uint64_t number, Time now) {
  Key key{std::string(message.text_or_empty("src")), std::string(message.text_or_empty("from_id")),
          message.text("dest").has_value()};
  const auto client = message.decimal("client_gen").value_or(0);
  const auto node = message.hex("hg").value_or(0);
  auto found = streams_.find(key);
  if (found == streams_.end()) {
    if (streams_.size() >= stream_limit) return ready_.push_back(std::move(message));
    // It was sending before we listened: what comes first is where we begin.
    found = streams_.emplace(std::move(key), Stream{client, node, number, {}, now}).first;
  }
  Stream& stream = found->second;
  if (stream.client_generation != client || stream.node_generation != node) {
    release(stream);
    stream = Stream{client, node, 1, {}, now};
  }
  if (number < stream.next) return ready_.push_back(std::move(message));
  if (stream.held.empty()) stream.since = now;
  stream.held.emplace(number, std::move(message));
  if (stream.held.size() > held_limit) stream.next = stream.held.begin()->first;
  advance(stream);
}

/// A client that joins begins with 1, unless its first messages overtook the announcement.
void Ordering::join(const Message& message) {
  const auto client = message.decimal("client_gen").value_or(0);
  const auto node = message.hex("hg").value_or(0);
  for (const bool to_one_node : {false, true}) {
    const auto found = streams_.find({std::string(message.text_or_empty("src")),
                                      std::string(message.text_or_empty("from_id")), to_one_node});
    if (found == streams_.end()) continue;
    Stream& stream = found->second;
    if (stream.client_generation == client && stream.node_generation == node) continue;
    release(stream);
    stream = Stream{client, node, 1, {}, {}};
  }
}

/// Its client or all of the node is gone; nothing can fill the gaps any more.
void Ordering::forget(const Message& message) {
  const auto client = message.text("from_id");
  const bool whole_node = message.type() == "status" || !client;
  for (auto at = streams_.begin(); at != streams_.end();) {
    const bool is_its = at->first.node == message.text_or_empty("src") &&
                        (whole_node || at->first.client == *client);
    if (is_its) release(at->second);
    at = is_its ? streams_.erase(at) : std::next(at);
  }
}

void Ordering::release(Stream& stream) {
  for (auto& [number, message] : stream.held) ready_.push_back(std::move(message));
  stream.held.clear();
}

void Ordering::advance(Stream& stream) {
  while (!stream.held.empty() && stream.held.begin()->first == stream.next) {
    ready_.push_back(std::move(stream.held.begin()->second));
    stream.held.erase(stream.held.begin());
    ++stream.next;
  }
}

void Ordering::expire(Time now) {
  for (auto& [key, stream] : streams_) {
    if (stream.held.empty() || now - stream.since < patience) continue;
    stream.next = stream.held.begin()->first;
    stream.since = now;
    advance(stream);
  }
}

std::optional<Message> Ordering::take(Time now) {
  if (!is_ready(now)) return std::nullopt;
  std::optional<Message> first{std::move(ready_.front())};
  ready_.pop_front();
  return first;
}

bool Ordering::is_ready(Time now) {
  if (ready_.empty()) expire(now);
  return !ready_.empty();
}

std::optional<Ordering::Time> Ordering::deadline() const {
  std::optional<Time> earliest;
  for (const auto& [key, stream] : streams_)
    if (!stream.held.empty() && (!earliest || stream.since + patience < *earliest))
      earliest = stream.since + patience;
  return earliest;
}

}  // namespace hb::clients::libhbclient
