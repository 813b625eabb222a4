// client_actions: what the API sessions want done with sockets, and told to the master
#include "core/frame.hpp"
#include "status/clients.hpp"

#include <cstring>
#include <utility>

namespace hb::status {

namespace {

std::string with_id(core::ClientId client, const std::string& body) {
  std::string payload(sizeof client.value, '\0');
  std::memcpy(payload.data(), &client.value, sizeof client.value);
  return payload.append(body);
}

std::string netstring(const core::Message& message) {
  std::string text;
  core::append_netstring(message, text);
  return text;
}

}  // namespace

/// Acting on one output may add others; they are done in order, and never inside one another.
void Clients::apply() {
  if (std::exchange(applying_, true)) return;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    core::SessionOutput output = std::move(outputs_[i]);
    std::visit([this](auto& kind) { act(kind); }, output);
  }
  outputs_.clear();
  applying_ = false;
}

void Clients::act(core::ClientDeliver& output) {
  const auto at = clients_.find(output.client);
  if (at == clients_.end()) return;
  Client& client = at->second;
  const core::Bytes body = core::as_bytes(output.body);
  dirty_.insert(output.client);
  if (client.connection.push(body, output.kind) == Connection::Queue::taken) return account(client);
  flush(output.client);
  if (!clients_.contains(output.client)) return;
  const bool full = client.connection.push(body, output.kind) == Connection::Queue::full;
  account(client);
  if (full || usage_[client.peer.uid].bytes > limits::bytes_of_user) {
    ++counters_.slow;
    drop(output.client, "badclient", "it does not read its messages");
  }
}

void Clients::act(core::ClientClose& output) {
  flush(output.client);
  const auto at = clients_.find(output.client);
  if (at != clients_.end()) forget(at);
}

void Clients::act(core::ClientResume& output) {
  const auto at = clients_.find(output.client);
  if (at == clients_.end()) return;
  at->second.held = false;
  // Not served from here: outputs of one message would mix with those of the next.
  stalled_.insert(output.client);
}

void Clients::act(core::ClientQueueRoom& output) {
  const auto at = clients_.find(output.client);
  if (at != clients_.end()) at->second.connection.set_room(output.messages);
}

void Clients::act(core::ClientSignal& output) {
  const auto at = clients_.find(output.client);
  if (at != clients_.end()) at->second.signal = output.signal;
}

void Clients::act(core::NamedJoin& output) {
  core::Message join;
  join.add_decimal("client", output.client.value);
  join.add("name", output.name);
  join.add_decimal("pid", output.peer.pid);
  join.add_decimal("uid", output.peer.uid);
  join.add_decimal("gid", output.peer.gid);
  join.add("info", "signon");
  up(ipc::RecordType::client_join, netstring(join));
}

void Clients::act(core::NamedLeave& output) {
  core::Message leave;
  leave.add_decimal("client", output.client.value);
  leave.add("name", output.name);
  leave.add("info", output.info);
  up(ipc::RecordType::client_leave, netstring(leave));
}

void Clients::act(core::ForCluster& output) {
  up(ipc::RecordType::client_message, with_id(output.client, output.body));
}

void Clients::act(core::ForEngine& output) {
  up(ipc::RecordType::client_query, with_id(output.client, output.body));
}

void Clients::act(core::SessionNote& output) {
  note(output.level, output.text);
}

}  // namespace hb::status
