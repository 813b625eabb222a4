// engine_clients: the FIFO, API clients, their queries, and hooks of the site
#include "core/engine_parts.hpp"

#include "core/compress.hpp"

namespace hb::core {

namespace {

/// What only the protocol itself may say. Root, who writes the FIFO, may say the rest, since the
/// scripts do (mach_down, req_resource, hb_standby).
constexpr std::array<std::string_view, 11> protocol_types = {
    "status",       "reqnodes",     "repnodes",        "hbapi-req", "hbapi-resp", "hbapi-clstat",
    "NS_st",        "NS_ackmsg",    "NS_rexmit",       "NS_nak_rexmit", "respond-cstatus"};
/// What in addition no API client may say: the state of resources and of the cluster is not its.
/// It may ask for a standby, as ipfail does.
constexpr std::array<std::string_view, 10> resource_types = {
    "resource", "starting", "shutdone", "ip-request", "ip-request-resp",
    "stonith",  "addnode",  "delnode",  "setweight",  "setsite"};

template <std::size_t Size>
bool is_one_of(const std::array<std::string_view, Size>& types, std::string_view type) {
  return std::ranges::find(types, type) != types.end();
}

}  // namespace

/// habit: `dest` decides the address; with only destuuid given, dest is filled in (§2).
void Engine::Parts::route(Message& message) {
  NodeId dest = no_node;
  if (const auto named = message.text("dest"); named && !named->empty()) {
    if (const auto node = node_named(*named)) {
      dest = *node;
    } else {
      message.remove("destuuid");
    }
  } else if (const auto uuid = message.uuid("destuuid"); uuid && !uuid->is_nil()) {
    for (std::size_t i = 0; i < peers_.size(); ++i) {
      if (peers_[i].uuid == *uuid) dest = NodeId{static_cast<std::uint16_t>(i)};
    }
    if (dest != no_node) message.set("dest", name(dest));
  }
  transmit(message, dest);
}

void Engine::Parts::from_fifo(const FifoMessage& input) {
  Message message;
  if (const auto decoded = decode(input.bytes, message); !decoded) {
    return complain(Counter::refused_fifo, LogLevel::error, "control FIFO: {}; ignored",
                    decoded.error().text);
  }
  const std::string_view type = message.type();
  if (type.empty() || is_one_of(protocol_types, type)) {
    return complain(Counter::refused_fifo, LogLevel::error,
                    "control FIFO: a message of type '{}' may only come from heartbeat itself; "
                    "ignored",
                    type);
  }
  message.remove("auth");
  if (type == "witness") return on_witness(message);
  if (type == "sys_cleanup" || type == "sys_maintenance" || type == "sys_fenced") {
    return on_order(message);
  }
  route(message);
}

/// Orders of root to this node alone (cl_status cleanup, maintenance): they never leave it.
void Engine::Parts::on_order(const Message& message) {
  if (resources_ && is_up() && !is_frozen()) {
    return tell_resources(ResourceMessage{self_, &message});
  }
  logf(LogLevel::warn, "control FIFO: '{}' has no effect now: {}", message.type(),
       !resources_ ? "no resources are managed here" : "communication is not up");
}

/// From the witness program of this host; it is for nobody else.
void Engine::Parts::on_witness(const Message& message) {
  if (const auto remark = message.text("remark")) {
    return logf(LogLevel::warn, "witness: {}", *remark);
  }
  const auto moment = [&](std::string_view field) {
    constexpr std::uint64_t latest = std::numeric_limits<std::int64_t>::max();
    const auto value = message.decimal(field);
    return value && *value <= latest ? Instant{Duration{static_cast<std::int64_t>(*value)}}
                                     : Instant{};
  };
  tell_resources(WitnessTold{moment("since_ns"), moment("until_ns")});
}

void Engine::Parts::from_client(const ClientMessage& input) {
  const auto client = std::ranges::find(clients_, input.client, &Client::id);
  if (client == clients_.end()) return counters_.add(Counter::refused_client);
  Message message;
  if (const auto decoded = decode(input.bytes, message); !decoded) {
    return complain(Counter::refused_client, LogLevel::error, "client {}: {}; ignored",
                    client->name, decoded.error().text);
  }
  const std::string_view type = message.type();
  const bool reserved = type.empty() || type == "witness" || type.starts_with("NS_") ||
                        is_one_of(protocol_types, type) || is_one_of(resource_types, type) ||
                        (type == "ask_resources" && message.text_or_empty("info") != "me");
  if (reserved) {
    return complain(Counter::refused_client, LogLevel::error,
                    "client {}: a message of type '{}' is not for clients to send; ignored",
                    client->name, type);
  }
  if (const auto packed = compress_fields(config_.compression, message); !packed) {
    return complain(Counter::refused_client, LogLevel::error, "client {}: {}; ignored",
                    client->name, packed.error().text);
  }
  counters_.add(Counter::client_messages);
  message.remove("auth");
  message.set("from_id", client->name);
  message.set("to_id", client->name);
  message.set("client_gen", fmt::format_int{client->generation}.str());
  route(message);
}

void Engine::Parts::announce_client(std::string_view state, const Client& client,
                                    std::string_view info) {
  Message& message = outgoing_;
  message.clear();
  message.add("t", "hbapi-clstat");
  message.add("st", state);
  message.add("from_id", client.name);
  message.add("to_id", client.name);
  message.add("src", name(self_));
  message.add("info", info);
  message.add_decimal("client_gen", client.generation);
  transmit(message);
}

void Engine::Parts::client_joined(const ClientJoined& input) {
  std::erase_if(clients_, [&](const Client& each) { return each.id == input.client; });
  clients_.push_back({input.client, std::string{input.name}, next_client_generation_++});
  announce_client("join", clients_.back(), "signon");
  loop_back();  // it sees its own join before the answer to its sign-on
  outputs_.add(ClientAnnounced{input.client, clients_.back().generation});
}

void Engine::Parts::client_left(const ClientLeft& input) {
  const auto client = std::ranges::find(clients_, input.client, &Client::id);
  if (client == clients_.end()) return;
  const Client gone = *client;
  clients_.erase(client);
  announce_client("leave", gone, input.info);
}

void Engine::Parts::on_client_query(const ClientQuery& input) {
  Message query;
  if (!decode(input.bytes, query)) return counters_.add(Counter::refused_client);
  const std::string asker{query.text("from_id").value_or(input.name)};
  const auto node = node_named(query.text_or_empty("node"));
  if (node && *node != self_ && status(*node) == NodeStatus::active) {
    Message& message = outgoing_;
    message.clear();
    message.add("t", "query-cstatus");
    message.add("dest", name(*node));
    message.add("cn", query.text_or_empty("cn"));
    message.add("from_id", asker);
    return transmit(message, *node);
  }
  // The node's state changed on the way to here.
  Message& reply = scratch_;
  reply.clear();
  reply.add("t", "hbapi-resp");
  reply.add("reqtype", query.text_or_empty("reqtype"));
  if (node) {
    reply.add("subt", "respond-cstatus");
    reply.add("cs", "offline");
    reply.add("result", "OK");
  } else {
    reply.add("info", "EINVAL");
    reply.add("result", "badreq");
  }
  body_.clear();
  append_client_body(reply, config_.msgfmt == MessageFormat::netstring ? Framing::netstring
                                                                       : Framing::text, body_);
  outputs_.add(ToClient{input.client, outputs_.keep(as_bytes(body_))});
}

void Engine::Parts::on_query_cstatus(const Message& message, NodeId node) {
  const std::string_view wanted = message.text_or_empty("cn");
  const bool online = std::ranges::find(clients_, wanted, &Client::name) != clients_.end();
  Message reply;
  reply.add("t", "respond-cstatus");
  reply.add("dest", name(node));
  reply.add("result", "OK");
  reply.add("cn", wanted);
  reply.add("to_id", message.text_or_empty("from_id"));
  reply.add("cs", online ? "online" : "offline");
  transmit(reply, node);
}

void Engine::Parts::on_node_property(const Message& message) {
  const auto node = node_named(message.text_or_empty("node"));
  if (!node) return;
  if (const auto weight = message.decimal("weight")) {
    peer(*node).weight = static_cast<std::uint16_t>(std::min<std::uint64_t>(*weight, 0xffff));
  }
  if (const auto site = message.text("site")) peer(*node).site.assign(*site);
  publish_ = true;
}

void Engine::Parts::to_clients(std::uint32_t classes, const Message& message) {
  if (!is_up()) return;  // the API opens with communication
  body_.clear();
  append_client_body(message, config_.msgfmt == MessageFormat::netstring ? Framing::netstring
                                                                         : Framing::text, body_);
  outputs_.add(ToClients{classes, outputs_.keep(message.text_or_empty("to_id")),
                         outputs_.keep(as_bytes(body_))});
}

void Engine::Parts::tell_node_dead(NodeId node) {
  Message& message = scratch_;
  message.clear();
  message.add("t", "status");
  message.add("seq", "1");  // habit: made here, for clients only (client-api §2.5)
  message.add_hex("ts", static_cast<std::uint64_t>(now_.wall.time_since_epoch().count()));
  message.add("src", name(node));
  message.add("st", "dead");
  if (membership_.type(node) == NodeType::ping) message.add("info", "ping");
  to_clients(client_class::all, message);
}

void Engine::Parts::tell_link(NodeId node, LinkId link, std::string_view state) {
  Message& message = scratch_;
  message.clear();
  message.add("t", "ifstat");
  message.add("node", name(node));
  message.add("ifname", config_.media[link.value].link_name());
  message.add("st", state);
  to_clients(client_class::all, message);
  if (is_up()) run_hook(message);
}

void Engine::Parts::run_hook(const Message& message) {
  const std::string_view type = message.type();
  if (std::ranges::find(hooks_, type) == hooks_.end()) return;
  // What core does itself has no script any more; a file of that name is left from 3.0.6.
  constexpr std::array<std::string_view, 4> built_in = {"status", "ip-request",
                                                        "ip-request-resp", "hb_takeover"};
  if (is_one_of(built_in, type)) return;
  counters_.add(Counter::hooks);
  body_.clear();
  append_netstring(message, body_);
  outputs_.add(RunHook{Ticket{++last_hook_}, outputs_.keep(type),
                       outputs_.keep(as_bytes(body_))});
}

}  // namespace hb::core
