// hbclient: the client side of the API: sign-on, queries, walks, messages; no wait without limit
#include "clients/hbclient.hpp"

#include "core/frame.hpp"
#include "os/paths.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <utility>

namespace hb::clients {

namespace {

using core::Error;
using core::Message;
using core::Result;

/// Messages kept for receive() while a reply is awaited; the oldest go first.
constexpr std::size_t unasked_limit = 1024;

std::string host_name() {
  utsname name{};
  return ::uname(&name) == 0 ? name.nodename : "localhost";
}

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

/// Waits for an event on the socket until the deadline; false when it passed.
bool wait_for(int socket, short events, std::chrono::steady_clock::time_point deadline) {
  while (true) {
    const auto left = deadline - std::chrono::steady_clock::now();
    const auto ms = std::chrono::ceil<Milliseconds>(left).count();
    pollfd entry{socket, events, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(std::clamp<long>(ms, 0, 1 << 30)));
    if (ready > 0) return true;
    if (ready == 0 && ms <= 0) return false;
    if (ready < 0 && errno != EINTR) return true;  // the next read or write tells what is wrong
  }
}

/// Said in full, since a text could also become an Error.
Result<std::string> good(std::string_view text) {
  return Result<std::string>{boost::system::in_place_value, text};
}

Error reason(const Message& reply) {
  return Error{std::string(reply.text_or_empty("info"))};
}

}  // namespace

std::string register_socket() {
  const char* other = ::secure_getenv("HEARTBEAT_API_SOCKET");
  return other != nullptr && *other != '\0' ? other : os::paths::register_socket;
}

HbClient::HbClient(std::string socket_path, Milliseconds patience)
    : path_(std::move(socket_path)), patience_(patience) {}

Error HbClient::broken(std::string text) {
  Error error{std::move(text), errno};
  socket_.reset();
  signed_on_ = false;
  return error;
}

Result<void> HbClient::connect(Deadline deadline) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path)
    return Error{path_ + ": too long for a socket's path", ENAMETOOLONG};
  path_.copy(address.sun_path, path_.size());
  socket_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket_) return Error{"cannot make a socket", errno};
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  while (::connect(socket_.get(), generic, sizeof address) != 0) {
    // A full backlog answers EAGAIN at once and gives no event to wait for.
    const bool again = errno == EAGAIN || errno == EINTR;
    if (!again || std::chrono::steady_clock::now() >= deadline)
      return broken("hb_api_signon: Can't initiate connection to heartbeat");
    ::poll(nullptr, 0, 10);
  }
  return {};
}

Message HbClient::begin(std::string_view type) const {
  Message request;
  request.add("t", "hbapi-req");
  request.add("reqtype", type);
  request.add("dest", facts_.node.empty() ? lower(host_name()) : facts_.node);
  request.add_decimal("pid", static_cast<std::uint64_t>(::getpid()));
  request.add("from_id", id_);
  return request;
}

Result<void> HbClient::append_unsent(const Message& message) {
  if (!socket_) return Error{"not signed on", ENOTCONN};
  std::string body;
  core::append_client_body(message, core::Framing::text, body);
  if (body.size() > core::limits::api_body_bytes)
    return Error{"message larger than 262144 bytes", EMSGSIZE};
  core::append_api_frame(core::as_bytes(body), unsent_);
  return {};
}

/// Sends what is unsent; at the deadline the rest is kept, and no error.
Result<void> HbClient::push_out(Deadline deadline) {
  while (socket_ && !unsent_.empty()) {
    const ssize_t sent = ::send(socket_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      unsent_.erase(0, static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (!wait_for(socket_.get(), POLLOUT, deadline)) return {};
    } else if (errno != EINTR) {
      return broken("the daemon has closed the connection");
    }
  }
  return {};
}

Result<void> HbClient::transmit(const Message& message, Deadline deadline) {
  if (auto kept = append_unsent(message); !kept) return kept;
  if (auto sent = push_out(deadline); !sent) return sent;
  if (!unsent_.empty()) return broken("the daemon does not read");
  return {};
}

/// The next message of any kind; nothing when the deadline passes.
Result<std::optional<Message>> HbClient::next(Deadline deadline) {
  if (!socket_) return Error{"not signed on", ENOTCONN};
  while (true) {
    const auto state = reader_.state();
    if (state == core::ApiFrameReader::State::broken)
      return broken("the daemon's answer is not of the heartbeat protocol");
    if (state == core::ApiFrameReader::State::whole) {
      std::optional<Message> message{std::in_place};
      const bool parses = core::decode(reader_.body(), *message).has_value();
      reader_.pop();
      if (parses) return message;
      continue;
    }
    std::array<std::byte, 16384> bytes;
    const ssize_t got = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (got > 0) {
      reader_.append(core::Bytes{bytes.data(), static_cast<std::size_t>(got)});
    } else if (got == 0) {
      return broken("the daemon has closed the connection");
    } else if (errno == EAGAIN) {
      if (!wait_for(socket_.get(), POLLIN, deadline)) return std::optional<Message>{};
    } else if (errno != EINTR) {
      return broken("the connection to the daemon is broken");
    }
  }
}

/// The next reply; other messages are kept for receive().
Result<Message> HbClient::next_reply(Deadline deadline) {
  while (true) {
    auto message = next(deadline);
    if (!message) return message.error();
    if (!*message) return broken("no answer from the daemon in time");
    const bool is_reply = (*message)->type() == "hbapi-resp";
    const bool is_late = late_status_ && (*message)->text_or_empty("reqtype") == "clientstatus";
    if (is_reply && !is_late) return std::move(**message);
    if (!is_reply) keep(std::move(**message));
  }
}

void HbClient::keep(Message message) {
  if (unasked_.size() >= unasked_limit) unasked_.pop_front();
  unasked_.push_back(std::move(message));
}

/// Answers come in order: once another question is answered, no older answer is on its way.
Result<void> HbClient::drop_late_answers() {
  if (!late_status_) return {};
  auto fence = request(begin("numnodes"));
  if (!fence) return fence.error();
  late_status_ = false;
  return {};
}

Result<void> HbClient::sign_on(std::string_view id) {
  const Deadline deadline = std::chrono::steady_clock::now() + patience_;
  id_ = id.empty() ? std::to_string(::getpid()) : std::string(id);
  facts_ = {};
  reader_ = {};
  unsent_.clear();
  unasked_.clear();
  late_status_ = false;
  if (auto connected = connect(deadline); !connected) return connected;
  Message request = begin("signon");
  request.add_decimal("uid", ::geteuid());
  request.add_decimal("gid", ::getegid());
  if (auto sent = transmit(request, deadline); !sent) return sent;
  auto reply = next_reply(deadline);
  if (!reply) return reply.error();
  if (const auto ms = reply->hex("deadtime")) facts_.deadtime = Milliseconds{*ms};
  if (const auto ms = reply->hex("keepalive")) facts_.keepalive = Milliseconds{*ms};
  facts_.node = reply->text_or_empty("node");
  facts_.version = reply->text_or_empty("hbversion");
  facts_.pacemaker = reply->text_or_empty("pacemaker");
  const auto facility = reply->text_or_empty("logfacility");
  std::from_chars(facility.data(), facility.data() + facility.size(), facts_.logfacility);
  if (reply->text_or_empty("result") != "OK") {
    Error refused = reason(*reply);
    socket_.reset();
    return refused;
  }
  if (!facts_.deadtime || !facts_.keepalive || facts_.node.empty())
    return broken("the daemon's sign-on reply is not complete");
  signed_on_ = true;
  return {};
}

void HbClient::say_signoff() {
  if (signed_on_)
    static_cast<void>(transmit(begin("signoff"), std::chrono::steady_clock::now()));
  signed_on_ = false;
}

void HbClient::sign_off() {
  say_signoff();
  socket_.reset();
}

Result<std::vector<Message>> HbClient::request(Message request) {
  const Deadline deadline = std::chrono::steady_clock::now() + patience_;
  if (auto sent = transmit(request, deadline); !sent) return sent.error();
  std::vector<Message> replies;
  while (true) {
    auto reply = next_reply(deadline);
    if (!reply) return reply.error();
    const std::string result(reply->text_or_empty("result"));
    if (result != "OK" && result != "ok/more") return reason(*reply);
    replies.push_back(std::move(*reply));
    if (result == "OK") return replies;
  }
}

Result<std::vector<NodeEntry>> HbClient::nodes() {
  auto replies = request(begin("nodelist"));
  if (!replies) return replies.error();
  std::vector<NodeEntry> nodes;
  for (const Message& reply : *replies)
    nodes.push_back({std::string(reply.text_or_empty("node")),
                     std::string(reply.text_or_empty("nodetype")),
                     std::string(reply.text_or_empty("st"))});
  return nodes;
}

Result<std::vector<LinkEntry>> HbClient::links(std::string_view node) {
  Message message = begin("iflist");
  message.add("node", node);
  auto replies = request(std::move(message));
  if (!replies) return replies.error();
  std::vector<LinkEntry> links;
  for (const Message& reply : *replies) {
    const std::string_view name = reply.text_or_empty("ifname");
    const bool known = std::any_of(links.begin(), links.end(),
                                   [&](const LinkEntry& link) { return link.name == name; });
    if (!known) links.push_back({std::string(name), std::string(reply.text_or_empty("st"))});
  }
  return links;
}

Result<std::string> HbClient::ask(std::string_view type, std::string_view field,
                                  std::initializer_list<Argument> arguments) {
  Message message = begin(type);
  for (const Argument& argument : arguments) message.add(argument.name, argument.value);
  auto replies = request(std::move(message));
  if (!replies) return replies.error();
  const auto value = replies->front().text(field);
  if (!value) return Error{};
  return good(*value);
}

Result<std::string> HbClient::node_status(std::string_view node) {
  return ask("nodestatus", "st", {{"node", node}});
}
Result<std::string> HbClient::node_type(std::string_view node) {
  return ask("nodetype", "nodetype", {{"node", node}});
}
Result<std::string> HbClient::node_weight(std::string_view node) {
  return ask("nodeweight", "weight", {{"node", node}});
}
Result<std::string> HbClient::node_site(std::string_view node) {
  return ask("nodesite", "site", {{"node", node}});
}
Result<std::string> HbClient::link_status(std::string_view node, std::string_view link) {
  return ask("ifstatus", "st", {{"node", node}, {"ifname", link}});
}
Result<std::string> HbClient::parameter(std::string_view name) {
  if (name == "hbversion") return good(facts_.version);
  if (name == "pacemaker") return good(facts_.pacemaker);
  return ask("getparm", "pvalue", {{"pname", name}});
}
Result<std::string> HbClient::resources() {
  return ask("getrsc", "rsc_hold", {});
}

Result<std::string> HbClient::client_status(std::string_view node, std::string_view id,
                                            Milliseconds limit) {
  if (auto dropped = drop_late_answers(); !dropped) return dropped.error();
  const Deadline deadline = std::chrono::steady_clock::now() + limit;
  Message message = begin("clientstatus");
  message.add("node", node);
  message.add("cn", id);
  if (auto sent = transmit(message, std::chrono::steady_clock::now() + patience_); !sent)
    return sent.error();
  late_status_ = true;
  // habit: with a limit of 0 no answer is ever in time, however quick the daemon is.
  if (limit <= Milliseconds{0}) return Error{"No timely response."};
  while (true) {
    auto answer = next(deadline);
    if (!answer) return answer.error();
    if (!*answer) return Error{"No timely response."};
    const Message& reply = **answer;
    const bool local = reply.type() == "hbapi-resp";
    if (local) late_status_ = false;
    const auto source = reply.text("src");
    const bool remote = reply.type() == "respond-cstatus" && reply.text_or_empty("cn") == id &&
                        (!source || lower(std::string(*source)) == lower(std::string(node)));
    // An unknown node is refused at once; the answer's text is that of the old, waiting library.
    if (local && reply.text_or_empty("subt") != "respond-cstatus")
      return Error{"No timely response."};
    if (remote) late_status_ = false;
    if (local || remote) return good(reply.text_or_empty("cs"));
    keep(std::move(**answer));
  }
}

Result<void> HbClient::send(const Message& message, Sending sending) {
  if (sending == Sending::wait)
    return transmit(message, std::chrono::steady_clock::now() + patience_);
  flush();
  if (!unsent_.empty()) return Error{"the daemon does not read", EAGAIN};
  if (auto kept = append_unsent(message); !kept) return kept;
  return push_out(Deadline{});
}

void HbClient::flush() {
  static_cast<void>(push_out(Deadline{}));  // a lost connection shows at the next call
}

Result<std::optional<Message>> HbClient::receive(Milliseconds limit) {
  const Deadline deadline = std::chrono::steady_clock::now() + limit;
  while (unasked_.empty()) {
    auto message = next(deadline);
    if (!message || !*message) return message;
    if ((*message)->type() != "hbapi-resp") return message;  // a reply here is a late one
  }
  std::optional<Message> first{std::move(unasked_.front())};
  unasked_.pop_front();
  return first;
}

bool HbClient::is_message_ready() {
  while (unasked_.empty()) {
    auto message = next(Deadline{});
    if (!message || !*message) return false;
    if ((*message)->type() != "hbapi-resp") keep(std::move(**message));
  }
  return true;
}

}  // namespace hb::clients
