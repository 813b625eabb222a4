// sessions: client API sign-on, filters, queries, replies
#include "core/sessions.hpp"

#include "core/frame.hpp"
#include "core/result.hpp"
#include "core/version.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include <fmt/core.h>

namespace hb::core {

namespace {

/// Bodies in a row that do not parse before a client is dropped (client-api §1.2).
constexpr std::uint32_t malformed_limit = 10;
/// Echoed in replies: no real request type is longer, and a reply must stay small.
constexpr std::size_t request_type_bytes = 64;
/// Messages that `set_sendqlen` may ask room for; ccm asks 1024.
constexpr std::uint64_t queue_room_limit = 1024;

constexpr std::string_view invalid = "EINVAL";

/// What strangers chose, made fit for a log line.
std::string printable(std::string_view text) {
  constexpr std::size_t shown = 64;
  std::string clean(text.substr(0, shown));
  for (char& c : clean)
    if (c < ' ' || c > '~') c = '?';
  return clean;
}

bool is_client_id(std::string_view id) {
  return !id.empty() && id.size() <= limits::client_id_bytes &&
         std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c <= '~'; });
}

std::optional<std::uint32_t> small(std::optional<std::uint64_t> value) {
  if (!value || *value > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

/// habit: an id whose leading number is the pid is a casual one (client-api §2.2).
bool begins_with_pid(std::string_view id, std::uint32_t pid) {
  std::uint64_t number = 0;
  const auto result = std::from_chars(id.data(), id.data() + id.size(), number);
  return result.ec == std::errc{} && number == pid;
}

bool contains(const std::vector<std::uint32_t>& list, std::uint32_t value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

}  // namespace

struct Sessions::Turn {
  Table::iterator at;
  const Message& request;
  const Snapshot& snapshot;
  SessionOutputs& out;

  [[nodiscard]] ClientId client() const { return at->first; }
  [[nodiscard]] Session& session() const { return at->second; }
};

void Sessions::opened(ClientId client, ApiPeer peer) {
  const bool fresh = sessions_.try_emplace(client, Session{.peer = peer, .id = {}}).second;
  ENSURE(fresh);
}

Sessions::Taken Sessions::receive(ClientId client, Bytes body, const Snapshot& snapshot,
                                  SessionOutputs& out) {
  const auto at = sessions_.find(client);
  if (at == sessions_.end()) return Taken::yes;
  Session& session = at->second;
  if (session.state == State::announcing) {
    session.held = true;
    return Taken::hold;
  }
  Turn turn{at, message_, snapshot, out};
  if (!decode(body, message_)) {
    malformed(turn);
    return Taken::yes;
  }
  session.malformed_in_row = 0;
  const bool is_request = message_.type() == "hbapi-req";
  if (session.state == State::connected) {
    if (is_request && message_.text_or_empty("reqtype") == "signon")
      sign_on(turn);
    else
      ++counters_.ignored;  // habit: a first message that is no sign-on is passed over
    return Taken::yes;
  }
  if (!is_request && !session.casual && flow_ == Flow::paused) {
    session.held = true;
    return Taken::hold;
  }
  if (is_request) {
    copy_request(turn, body);
    request(turn);
  } else {
    cluster_message(turn, body);
  }
  return Taken::yes;
}

void Sessions::malformed(Turn& turn) {
  ++counters_.malformed;
  if (++turn.session().malformed_in_row < malformed_limit) return;
  turn.out.push_back(SessionNote{
      LogLevel::warn, fmt::format("API client {} (pid {}, uid {}) sent {} messages that do not "
                                  "parse; disconnected",
                                  printable(turn.session().id), turn.session().peer.pid,
                                  turn.session().peer.uid, malformed_limit)});
  end(turn, "badclient");
}

// ---- sign-on and sign-off

const ApiEntry* Sessions::entry_of(std::string_view client) const {
  const auto found = std::find_if(config_.entries.begin(), config_.entries.end(),
                                  [&](const ApiEntry& entry) { return entry.client == client; });
  return found == config_.entries.end() ? nullptr : &*found;
}

/// The checks of client-api §2.2 in their order; "" if all hold.
std::string_view Sessions::refusal(const Turn& turn, std::string_view id) const {
  const ApiPeer& peer = turn.session().peer;
  const auto pid = small(turn.request.decimal("pid"));
  if (!pid || *pid == 0 || (exists_ != nullptr && !exists_(*pid))) return "bad pid";
  if (ids_.contains(id)) return "duplicate add request";
  const auto uid = small(turn.request.decimal("uid"));
  const auto gid = small(turn.request.decimal("gid"));
  if (!uid || !gid) return "invalid id info";
  if (*uid != peer.uid || *gid != peer.gid) return "incorrect/false credentials";
  const bool casual = begins_with_pid(id, *pid);
  const ApiEntry* entry = entry_of(casual ? "anon" : id);
  if (entry == nullptr && !casual) entry = entry_of("default");
  if (entry == nullptr) return casual ? "apiauth anon missing" : "no default client auth";
  if (!contains(entry->uids, peer.uid) && !contains(entry->gids, peer.gid))
    return "client failed authorization";
  if (*pid != peer.pid) return "pid mismatch";
  if (!is_client_id(id)) return "bad client id";  // unsafe for 3.0.6 peers and for log lines
  return {};
}

void Sessions::add_signon_facts(Message& reply) const {
  const auto ms = [](std::chrono::milliseconds time) {
    return static_cast<std::uint64_t>(std::max<std::chrono::milliseconds::rep>(time.count(), 0));
  };
  reply.add_hex("deadtime", ms(config_.deadtime));
  reply.add_hex("keepalive", ms(config_.keepalive));
  reply.add("node", config_.node_name);
  reply.add("hbversion", full_version);
  reply.add("pacemaker", config_.pacemaker);
  reply.add("logfacility", std::to_string(config_.logfacility));
}

void Sessions::sign_on(Turn& turn) {
  Session& session = turn.session();
  const auto given = turn.request.text("from_id");
  const std::string id(given ? *given : turn.request.text_or_empty("pid"));
  const std::string_view reason = refusal(turn, id);
  if (!reason.empty()) {
    ++counters_.refused;
    turn.out.push_back(SessionNote{
        LogLevel::warn, fmt::format("API client {} (pid {}, uid {}, gid {}) refused: {}",
                                    printable(id), session.peer.pid, session.peer.uid,
                                    session.peer.gid, reason)});
    Message reply;
    begin_reply(reply, "signon");
    reply.add("info", reason);
    reply.add("result", "badreq");
    add_signon_facts(reply);  // habit: cl_status tells "refused" from "stopped" by deadtime
    send(turn.client(), reply, turn.out);
    return end(turn, "refused");
  }
  session.id = id;
  session.casual = begins_with_pid(id, session.peer.pid);
  ids_.emplace(id, turn.client());
  if (session.casual) return announced(turn.client(), 0, turn.out);
  session.state = State::announcing;
  turn.out.push_back(NamedJoin{turn.client(), id, session.peer});
}

void Sessions::announced(ClientId client, std::uint64_t generation, SessionOutputs& out) {
  const auto at = sessions_.find(client);
  if (at == sessions_.end()) return;  // it left meanwhile, and its leave has gone up
  Session& session = at->second;
  if (session.state == State::signed_on || session.id.empty()) return;
  session.state = State::signed_on;
  session.generation = generation;
  ++counters_.signed_on;
  Message reply;
  begin_reply(reply, "signon");
  reply.add("result", "OK");
  add_signon_facts(reply);
  send(client, reply, out);
  if (std::exchange(session.held, false)) out.push_back(ClientResume{client});
}

void Sessions::sign_off(Turn& turn) {
  const Session& session = turn.session();
  if (!session.casual) {
    // A leaving client gets its own leave, without the fields of the cluster (client-api §2.5).
    Message leave;
    leave.add("t", "hbapi-clstat");
    leave.add("st", "leave");
    leave.add("from_id", session.id);
    leave.add("to_id", session.id);
    leave.add("src", config_.node_name);
    leave.add("info", "signoff");
    leave.add_decimal("client_gen", session.generation);
    send(turn.client(), leave, turn.out);
  }
  end(turn, "signoff");
}

void Sessions::end(Turn& turn, std::string_view info) {
  const ClientId client = turn.client();
  closed(client, info, turn.out);
  turn.out.push_back(ClientClose{client});
}

void Sessions::closed(ClientId client, std::string_view info, SessionOutputs& out) {
  const auto at = sessions_.find(client);
  if (at == sessions_.end()) return;
  const Session& session = at->second;
  if (session.state != State::connected) {
    ids_.erase(session.id);
    if (!session.casual) out.push_back(NamedLeave{client, session.id, std::string(info)});
  }
  sessions_.erase(at);
}

// ---- requests

void Sessions::request(Turn& turn) {
  Session& session = turn.session();
  const bool names_us = small(turn.request.decimal("pid")) == session.peer.pid ||
                        turn.request.text("from_id") == std::string_view{session.id};
  if (!names_us) {
    ++counters_.ignored;  // habit: silently dropped (client-api §2.1)
    return;
  }
  const std::string_view type =
      turn.request.text_or_empty("reqtype").substr(0, request_type_bytes);
  if (type == "signoff") return sign_off(turn);
  if (type == "setfilter") return set_filter(turn);
  if (type == "setsignal") return set_signal(turn);
  if (type == "clientstatus") return client_status(turn);
  if (type == "set_sendqlen") {  // habit: never answered
    const auto room = turn.request.decimal("sendqlen");
    if (room && *room > 0)
      turn.out.push_back(ClientQueueRoom{
          turn.client(), static_cast<std::size_t>(std::min(*room, queue_room_limit))});
    return;
  }
  replies_.clear();
  if (!answer(type, turn.request, config_, turn.snapshot, replies_)) {
    begin_reply(replies_.emplace_back(), type);
    refuse(replies_.back(), {});
  }
  for (const Message& reply : replies_) send(turn.client(), reply, turn.out);
}

void Sessions::set_filter(Turn& turn) {
  Session& session = turn.session();
  const std::uint64_t mask = turn.request.hex("fmask").value_or(0) & api_class::all;
  const bool privileged = session.peer.uid == 0 || session.peer.uid == own_uid_;
  Message reply;
  begin_reply(reply, "setfilter");
  if (mask == 0) {
    refuse(reply, invalid);
  } else if ((mask & api_class::debugging) != 0 && !privileged) {
    refuse(reply, "EPERM");
  } else {
    session.mask = static_cast<std::uint32_t>(mask);
    reply.add("result", "OK");
  }
  send(turn.client(), reply, turn.out);
}

void Sessions::set_signal(Turn& turn) {
  constexpr int kill = 9, stop = 19, end_of_signals = 32;
  const auto text = turn.request.text("signal");
  int signal = 0;
  bool is_number = false;
  if (text) {
    const auto result = std::from_chars(text->data(), text->data() + text->size(), signal);
    is_number = !text->empty() && result.ptr == text->data() + text->size();
    if (result.ec == std::errc::result_out_of_range) signal = -1;
  }
  Message reply;
  begin_reply(reply, "setsignal");
  if (!text) {
    refuse(reply, invalid);
  } else if (!is_number) {
    refuse(reply, {});
  } else if (signal < 0 || signal >= end_of_signals || signal == kill || signal == stop) {
    refuse(reply, invalid);
  } else {
    turn.out.push_back(ClientSignal{turn.client(), signal});
    reply.add("result", "OK");
  }
  send(turn.client(), reply, turn.out);
}

/// client-api §2.4: answered here unless the node asked is another active one.
void Sessions::client_status(Turn& turn) {
  const auto asked = turn.request.text("cn");
  const auto node = find_node(turn.snapshot, turn.request.text_or_empty("node"));
  Message reply;
  begin_reply(reply, "clientstatus");
  if (!node || !asked) {
    refuse(reply, invalid);
    return send(turn.client(), reply, turn.out);
  }
  const bool local = *node == turn.snapshot.self;
  const bool possible = asked->size() <= limits::client_id_bytes;
  if (!local && possible && turn.snapshot.nodes[node->value].status == NodeStatus::active) {
    Message query;
    query.add("t", "hbapi-req");
    query.add("reqtype", "clientstatus");
    query.add("from_id", turn.session().id);
    query.add("node", turn.snapshot.nodes[node->value].name.view());
    query.add("cn", *asked);
    ForEngine up{turn.client(), {}};
    append_netstring(query, up.body);
    turn.out.push_back(std::move(up));
    return;
  }
  const auto found = local ? ids_.find(*asked) : ids_.end();
  const bool online = found != ids_.end() && is_signed_on(found->second);
  reply.add("subt", "respond-cstatus");
  reply.add("cs", online ? "online" : "offline");
  reply.add("result", "OK");
  send(turn.client(), reply, turn.out);
}

// ---- messages

void Sessions::cluster_message(Turn& turn, Bytes body) {
  Session& session = turn.session();
  if (session.casual) {
    ++counters_.casual_messages;
    turn.out.push_back(SessionNote{
        LogLevel::warn,
        fmt::format("casual API client {} (uid {}) tried to send '{}' to the cluster; only named "
                    "clients may; disconnected",
                    session.id, session.peer.uid, printable(turn.request.type()))});
    return end(turn, "badclient");
  }
  turn.out.push_back(ForCluster{turn.client(), std::string(as_text(body))});
}

void Sessions::event(std::uint32_t classes, std::string_view to_id, Bytes body,
                     SessionOutputs& out) {
  if (!to_id.empty()) {
    const auto found = ids_.find(to_id);
    if (found == ids_.end()) return;
    // Its own join reaches a client before the reply to its sign-on (client-api §2.2).
    if ((sessions_.at(found->second).mask & classes) != 0)
      out.push_back(ClientDeliver{found->second, std::string(as_text(body))});
    return;
  }
  for (const auto& [client, session] : sessions_)
    if (session.state == State::signed_on && (session.mask & classes) != 0)
      out.push_back(ClientDeliver{client, std::string(as_text(body))});
}

/// Class 10: the requests of all others, for a debugging client.
void Sessions::copy_request(const Turn& turn, Bytes body) {
  for (const auto& [client, session] : sessions_)
    if (client != turn.client() && session.state == State::signed_on &&
        (session.mask & api_class::requests) != 0)
      turn.out.push_back(ClientDeliver{client, std::string(as_text(body))});
}

void Sessions::reply(ClientId client, Bytes body, SessionOutputs& out) {
  if (is_signed_on(client))
    out.push_back(ClientDeliver{client, std::string(as_text(body)), Delivery::reply});
}

void Sessions::flow(Flow flow, SessionOutputs& out) {
  flow_ = flow;
  if (flow == Flow::paused) return;
  for (auto& [client, session] : sessions_)
    if (session.state == State::signed_on && std::exchange(session.held, false))
      out.push_back(ClientResume{client});
}

std::uint32_t Sessions::wanted_classes() const {
  std::uint32_t classes = 0;
  for (const auto& [client, session] : sessions_) {
    if (session.state == State::signed_on) classes |= session.mask;
  }
  return classes;
}

std::string_view Sessions::id_of(ClientId client) const {
  const auto at = sessions_.find(client);
  return at == sessions_.end() ? std::string_view{} : std::string_view{at->second.id};
}

bool Sessions::is_signed_on(ClientId client) const {
  const auto at = sessions_.find(client);
  return at != sessions_.end() && at->second.state == State::signed_on;
}

void Sessions::send(ClientId client, const Message& message, SessionOutputs& out) const {
  ClientDeliver deliver{client, {}, Delivery::reply};
  append_client_body(message, config_.framing, deliver.body);
  out.push_back(std::move(deliver));
}

}  // namespace hb::core
