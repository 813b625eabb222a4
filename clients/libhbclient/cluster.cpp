// cluster: what one ll_cluster_t object is: the operations over a connection to the daemon
#include "clients/libhbclient/cluster.hpp"

#include "clients/libhbclient/ha_msg.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

namespace hb::clients::libhbclient {

namespace {

using core::Message;

/// A link's state from the walk is believed as long as this (client-api §3, operation 18).
constexpr std::chrono::seconds link_state_life{2};

std::string_view text_of(const char* text) { return text != nullptr ? text : ""; }

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

/// The daemon's rule (client-api §2.2): an id whose number is our pid is a casual client.
bool is_casual(std::string_view id) {
  long number = 0;
  const auto parsed = std::from_chars(id.data(), id.data() + id.size(), number);
  return id.empty() || (parsed.ec == std::errc{} && number == ::getpid());
}

}  // namespace

Cluster::Cluster(std::string socket_path, Milliseconds patience)
    : patience_(patience), client_(std::move(socket_path), patience), channel_(*this) {}

// ---- what the channel asks

int Cluster::descriptor() const { return client_.socket(); }
bool Cluster::is_open() const { return client_.is_connected(); }
bool Cluster::is_message_ready() {
  return ordering_.is_ready(Clock::now()) || client_.is_message_ready();
}
bool Cluster::is_sending_blocked() const { return client_.is_sending_blocked(); }
void Cluster::flush() { client_.flush(); }
bool Cluster::wait_for_input() {
  if (is_message_ready()) return true;
  pollfd entry{client_.socket(), POLLIN, 0};
  return ::poll(&entry, 1, static_cast<int>(patience_.count())) > 0;
}
void Cluster::close() { client_.sign_off(); }

// ---- signing on and off, and what every operation begins and ends with

int Cluster::failed(std::string reason) {
  error_ = std::move(reason);
  return HA_FAIL;
}

bool Cluster::may_ask() {
  error_.clear();
  if (client_.is_signed_on()) return true;
  error_ = "not signed on";
  return false;
}

int Cluster::signon(const char* id) {
  client_.sign_off();
  error_.clear();
  ordering_ = {};
  order_numbers_.clear();
  end_nodewalk();
  end_ifwalk();
  id_ = id != nullptr && *id != '\0' ? std::string(id) : std::to_string(::getpid());
  casual_ = is_casual(id_);
  if (auto signed_on = client_.sign_on(id_); !signed_on)
    return failed(std::move(signed_on.error().text));
  return HA_OK;
}

int Cluster::signoff(int destroy_channel) {
  if (destroy_channel != 0)
    client_.sign_off();
  else
    client_.say_signoff();
  return HA_OK;
}

const char* Cluster::errmsg() { return error_.c_str(); }

/// A text that stays until the same operation is called again.
const char* Cluster::answer(std::string& place, core::Result<std::string> result,
                            bool tells_reason) {
  if (!result) {
    // habit: only some operations hand on the daemon's reason (client-api §3, operation 43).
    const bool lost = !client_.is_connected();
    if (tells_reason || lost) error_ = std::move(result.error().text);
    return nullptr;
  }
  place = std::move(*result);
  return place.c_str();
}

std::optional<std::vector<Message>> Cluster::ask(std::string_view request, std::string_view name,
                                                 std::string_view value) {
  if (!may_ask()) return std::nullopt;
  Message message = client_.begin(request);
  if (!name.empty()) message.add(name, value);
  auto replies = client_.request(std::move(message));
  if (replies) return std::move(*replies);
  if (!client_.is_connected()) error_ = std::move(replies.error().text);
  return std::nullopt;
}

// ---- callbacks

int Cluster::set_msg_callback(const char* type, llc_msg_callback_t function, void* data) {
  error_.clear();
  if (type == nullptr) return HA_FAIL;
  callbacks_.set_message(type, function, data);
  return HA_OK;
}
int Cluster::set_nstatus_callback(llc_nstatus_callback_t function, void* data) {
  error_.clear();
  callbacks_.set_node_status(function, data);
  return HA_OK;
}
int Cluster::set_ifstatus_callback(llc_ifstatus_callback_t function, void* data) {
  error_.clear();
  callbacks_.set_link_status(function, data);
  return HA_OK;
}
int Cluster::set_cstatus_callback(llc_cstatus_callback_t function, void* data) {
  error_.clear();
  callbacks_.set_client_status(function, data);
  return HA_OK;
}

// ---- nodes

int Cluster::init_nodewalk() {
  if (!may_ask()) return HA_FAIL;
  end_nodewalk();
  auto nodes = client_.nodes();
  if (!nodes) return failed(std::move(nodes.error().text));
  nodes_ = std::move(*nodes);
  nodes_left_ = nodes_.size();
  nodes_at_ = Clock::now();
  return HA_OK;
}

const char* Cluster::nextnode() {
  if (nodes_left_ == 0) return nullptr;
  node_ = &nodes_[--nodes_left_];
  return node_->name.c_str();
}

int Cluster::end_nodewalk() {
  nodes_left_ = 0;
  node_ = nullptr;
  return HA_OK;
}

const char* Cluster::node_status(const char* node) {
  if (!may_ask()) return nullptr;
  const auto life = client_.facts().deadtime.value_or(Milliseconds{0}) / 2;
  const bool known = node_ != nullptr && !node_->status.empty() &&
                     node_->name == text_of(node) && Clock::now() - nodes_at_ < life;
  if (known) return (status_ = node_->status).c_str();
  return answer(status_, client_.node_status(text_of(node)), false);
}

const char* Cluster::node_type(const char* node) {
  if (!may_ask()) return nullptr;
  const bool known = node_ != nullptr && !node_->type.empty() && node_->name == text_of(node);
  if (known) return (type_ = node_->type).c_str();
  return answer(type_, client_.node_type(text_of(node)), false);
}

const char* Cluster::node_site(const char* node) {
  if (!may_ask()) return nullptr;
  return answer(site_, client_.node_site(text_of(node)), false);
}

int Cluster::number_of(std::string_view request, std::string_view field, const char* node) {
  const auto replies = ask(request, node != nullptr ? "node" : "", text_of(node));
  if (!replies) return -1;
  const std::string_view text = replies->front().text_or_empty(field);
  int number = -1;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  return parsed.ec == std::errc{} ? number : -1;
}

int Cluster::node_weight(const char* node) {
  return number_of("nodeweight", "weight", node != nullptr ? node : "");
}
int Cluster::num_nodes() { return number_of("numnodes", "numnodes", nullptr); }

int Cluster::get_uuid_by_name(const char* node, cl_uuid_t* uuid) {
  if (node == nullptr || uuid == nullptr) return failed("");
  const auto replies = ask("getuuid", "queryname", node);
  const auto found = replies ? replies->front().uuid("queryuuid") : std::nullopt;
  if (!found) return HA_FAIL;
  std::memcpy(uuid, &*found, sizeof *uuid);
  return HA_OK;
}

int Cluster::get_name_by_uuid(cl_uuid_t* uuid, char* name, std::size_t size) {
  if (uuid == nullptr || name == nullptr || !may_ask()) return HA_FAIL;
  Message message = client_.begin("getnodename");
  message.add("queryuuid", {reinterpret_cast<const char*>(uuid), sizeof *uuid},
              core::FieldType::binary);
  const auto replies = client_.request(std::move(message));
  const auto found = replies ? replies->front().text("queryname") : std::nullopt;
  if (!found || size == 0) return HA_FAIL;
  // habit: a name that does not fit is cut, and that is no failure.
  name[found->copy(name, size - 1)] = '\0';
  return HA_OK;
}

// ---- links

int Cluster::init_ifwalk(const char* node) {
  if (!may_ask()) return HA_FAIL;
  end_ifwalk();
  auto links = client_.links(text_of(node));
  if (!links) return failed(std::move(links.error().text));
  links_ = std::move(*links);
  links_left_ = links_.size();
  links_of_ = text_of(node);
  links_at_ = Clock::now();
  return HA_OK;
}

const char* Cluster::nextif() {
  if (links_left_ == 0) return nullptr;
  link_ = &links_[--links_left_];
  return link_->name.c_str();
}

int Cluster::end_ifwalk() {
  links_left_ = 0;
  link_ = nullptr;
  return HA_OK;
}

const char* Cluster::if_status(const char* node, const char* link) {
  if (!may_ask()) return nullptr;
  const bool known = link_ != nullptr && !link_->status.empty() && links_of_ == text_of(node) &&
                     link_->name == text_of(link) && Clock::now() - links_at_ < link_state_life;
  if (known) return (link_status_ = link_->status).c_str();
  return answer(link_status_, client_.link_status(text_of(node), text_of(link)), false);
}

// ---- clients

const char* Cluster::client_status(const char* node, const char* id, int timeout) {
  if (!may_ask() || id == nullptr) return nullptr;
  if (node != nullptr)
    return answer(client_status_, client_.client_status(node, id, Milliseconds{timeout}), true);
  if (casual_) {
    error_ = "client_status: casual client";
    return nullptr;
  }
  Message message;
  message.add("t", "query-cstatus");
  message.add("cn", id);
  message.add("from_id", id_);
  if (auto sent = client_.send(message); !sent) error_ = std::move(sent.error().text);
  return nullptr;
}

// ---- sending

bool Cluster::may_send(const char* operation, const void* message) {
  if (!may_ask()) return false;
  if (casual_)
    error_ = std::string(operation) + ": casual client";
  else if (message == nullptr)
    error_ = std::string(operation) + ": no message";
  return error_.empty();
}

int Cluster::send(const char* operation, ha_msg* c_message, const char* node,
                  const cl_uuid_t* uuid, bool ordered) {
  if (!may_send(operation, c_message)) return HA_FAIL;
  auto message = from_c(c_message);
  if (!message || message->type().empty())
    return failed(std::string(operation) + ": not a message with a type");
  if (node != nullptr) message->set("dest", node);
  if (uuid != nullptr)
    message->set("destuuid", {reinterpret_cast<const char*>(uuid), sizeof *uuid},
                 core::FieldType::binary);
  if (ordered) message->set_hex("oseq", ++order_numbers_[lower(text_of(node))]);
  const auto sending = sends_block_ ? HbClient::Sending::wait : HbClient::Sending::at_once;
  if (auto sent = client_.send(*message, sending); !sent)
    return failed(std::move(sent.error().text));
  return HA_OK;
}

int Cluster::sendclustermsg(ha_msg* message) {
  return send("sendclustermsg", message, nullptr, nullptr, false);
}
int Cluster::sendnodemsg(ha_msg* message, const char* node) {
  return node != nullptr ? send("sendnodemsg", message, node, nullptr, false) : failed("");
}
int Cluster::sendnodemsg_byuuid(ha_msg* message, cl_uuid_t* uuid) {
  return uuid != nullptr ? send("sendnodemsg_byuuid", message, nullptr, uuid, false) : failed("");
}
int Cluster::send_ordered_clustermsg(ha_msg* message) {
  return send("send_ordered_clustermsg", message, nullptr, nullptr, true);
}
int Cluster::send_ordered_nodemsg(ha_msg* message, const char* node) {
  // habit: its errors name the operation that it builds on.
  return node != nullptr ? send("sendnodemsg", message, node, nullptr, true) : failed("");
}

// ---- receiving

int Cluster::inputfd() { return client_.socket(); }

IPC_Channel* Cluster::ipcchan() {
  error_.clear();
  return client_.is_connected() ? static_cast<IPC_Channel*>(channel_.refresh()) : nullptr;
}

int Cluster::msgready() { return is_message_ready() ? 1 : 0; }

int Cluster::setmsgsignal(int signal) {
  return ask("setsignal", "signal", std::to_string(signal)) ? HA_OK : HA_FAIL;
}

bool Cluster::is_alive() { return client_.request(client_.begin("numnodes")).has_value(); }

std::optional<Message> Cluster::next_message(bool blocking) {
  while (true) {
    if (auto message = ordering_.take(Clock::now())) return message;
    Milliseconds limit = blocking ? patience_ : Milliseconds{0};
    const auto held_until = ordering_.deadline();
    if (blocking && held_until)
      limit = std::clamp(std::chrono::ceil<Milliseconds>(*held_until - Clock::now()),
                         Milliseconds{0}, limit);
    auto message = client_.receive(limit);
    if (!message) {
      error_ = std::move(message.error().text);
      return std::nullopt;
    }
    if (*message) {
      ordering_.accept(std::move(**message), Clock::now());
      continue;
    }
    if (!blocking) return std::nullopt;
    if (!held_until && !is_alive()) {
      error_ = "the daemon does not answer";
      return std::nullopt;
    }
  }
}

std::optional<Message> Cluster::next_uncalled(bool blocking) {
  if (!may_ask()) return std::nullopt;
  for (int called = 0; blocking || called < callbacks_in_a_row; ++called) {
    auto message = next_message(blocking);
    if (!message) return std::nullopt;
    ++depth_;
    const bool had_callback = callbacks_.call(*message);
    --depth_;
    if (!had_callback) return message;
    if (is_doomed || !client_.is_signed_on()) return std::nullopt;
  }
  return std::nullopt;
}

int Cluster::rcvmsg(int blocking) { return next_uncalled(blocking != 0) ? 1 : 0; }

ha_msg* Cluster::readmsg(int blocking) {
  const auto message = next_uncalled(blocking != 0);
  return message ? to_c(*message) : nullptr;
}

int Cluster::setfmode(unsigned int mode) {
  static constexpr const char* masks[] = {"1", "d", "f", "3f"};
  if (mode >= std::size(masks)) return failed("");
  return ask("setfilter", "fmask", masks[mode]) ? HA_OK : HA_FAIL;
}

// ---- the daemon

char* Cluster::get_parameter(const char* name) {
  if (name == nullptr || !may_ask()) return nullptr;
  std::string value;
  const char* text = answer(value, client_.parameter(name), false);
  return text != nullptr ? ::strdup(text) : nullptr;
}

long Cluster::get_deadtime() { return client_.facts().deadtime.value_or(Milliseconds{0}).count(); }
long Cluster::get_keepalive() {
  return client_.facts().keepalive.value_or(Milliseconds{0}).count();
}
const char* Cluster::get_mynodeid() { return client_.facts().node.c_str(); }
int Cluster::get_logfacility() {
  const DaemonFacts& facts = client_.facts();
  return facts.node.empty() ? 0 : facts.logfacility;
}

const char* Cluster::get_resources() {
  if (!may_ask()) return nullptr;
  return answer(resources_, client_.resources(), true);
}

int Cluster::chan_is_connected() {
  static_cast<void>(client_.is_message_ready());  // notices the end of the connection
  return client_.is_connected() ? 1 : 0;
}

int Cluster::set_sendq_len(int length) {
  if (length <= 0 || !may_ask()) return HA_FAIL;
  Message message = client_.begin("set_sendqlen");
  message.add_decimal("sendqlen", static_cast<std::uint64_t>(length));
  if (auto sent = client_.send(message); !sent) return failed(std::move(sent.error().text));
  return HA_OK;
}

int Cluster::set_send_block_mode(int blocking) {
  if (!may_ask()) return HA_FAIL;
  sends_block_ = blocking != 0;
  return HA_OK;
}

}  // namespace hb::clients::libhbclient
