// outdating: dopd's decisions: whose copy of a DRBD resource is to be marked outdated, who is told
#include "clients/outdating.hpp"

#include "core/types.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace hb::clients {
namespace {

using core::LogLevel;
using core::Message;

/// DRBD's own limit for the name of a resource is 128.
constexpr std::size_t resource_bytes = 128;
/// The largest exit code of a process.
constexpr std::uint64_t largest_value = 255;

}  // namespace

bool is_resource_name(std::string_view name) {
  if (name.empty() || name.size() > resource_bytes || name.front() == '-') return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view{"._-:+"}.find(c) != std::string_view::npos;
  });
}

core::Result<OutdateRequest> read_outdate_request(const Message& message) {
  if (message.type() != "outdater") return core::Error{"not a request to outdate"};
  OutdateRequest request{std::string{message.text_or_empty("outdater_peer")},
                         std::string{message.text_or_empty("outdater_res")}};
  if (request.peer.empty() || request.peer.size() > core::limits::node_name_bytes) {
    return core::Error{"a request to outdate without the name of the peer"};
  }
  if (!is_resource_name(request.resource)) {
    return core::Error{"a request to outdate what cannot be the name of a DRBD resource"};
  }
  return request;
}

unsigned outdated_value(bool signaled, int exit_code) {
  if (signaled) return outdated::failed;
  switch (exit_code) {
    case 0: return outdated::peer_outdated;
    case 5: return outdated::peer_inconsistent;
    case 17: return outdated::peer_primary;
    default: return outdated::failed;
  }
}

Outdating::Orders Outdating::asked(ClientNumber client, const OutdateRequest& request,
                                   PeerState state) {
  if (state == PeerState::is_us) {
    return {Note{LogLevel::warn, fmt::format("drbd peer node {} is me!", request.peer)},
            Answer{client, outdated::peer_unreachable}};
  }
  if (state == PeerState::absent) {
    return {Note{LogLevel::warn, fmt::format("drbd peer {} was not found, or is dead",
                                             request.peer)},
            Answer{client, outdated::peer_unreachable}};
  }
  if (!waiting_.try_emplace(request.resource, Waiting{client, request.peer}).second) {
    return {Note{LogLevel::warn, fmt::format("{} is being outdated already", request.resource)},
            Answer{client, outdated::asked_already}};
  }
  return {Note{LogLevel::info, fmt::format("sending start_outdate message to the other node "
                                           "{} -> {}", node_, request.peer)},
          Tell{request.peer, request.resource, std::nullopt}};
}

Outdating::Orders Outdating::heard(const Message& message) {
  const std::string node{message.text_or_empty("src")};
  if (node.empty() || node == node_) return {};
  const std::string_view type = message.type();
  if (type == "start_outdate") return start(node, message.text_or_empty("dop_res"));
  if (type == "outdate_rc") return finish(node, message);
  if (type != "status" || message.text_or_empty("st") != "dead") return {};
  // Nobody is left there to answer.
  Orders orders;
  std::erase_if(waiting_, [&](const auto& entry) {
    if (entry.second.peer != node) return false;
    orders.emplace_back(Answer{entry.second.client, outdated::peer_unreachable});
    return true;
  });
  return orders;
}

Outdating::Orders Outdating::start(const std::string& node, std::string_view resource) {
  if (!is_resource_name(resource)) {
    return {Note{LogLevel::error, fmt::format("{} asks to outdate what cannot be the name of a "
                                              "DRBD resource: ignored", node)}};
  }
  const std::string name{resource};
  const auto found = running_.find(name);
  if (found == running_.end() && running_.size() >= most_runs) {
    return {Note{LogLevel::error, fmt::format("{} resources are being outdated already, {} is "
                                              "refused", most_runs, name)},
            Tell{node, name, outdated::failed}};
  }
  auto& nodes = running_[name];
  if (std::ranges::find(nodes, node) == nodes.end()) nodes.push_back(node);
  if (found != running_.end()) return {};
  return {Run{name}};
}

Outdating::Orders Outdating::finish(const std::string& node, const Message& message) {
  const auto waiting = waiting_.find(std::string{message.text_or_empty("dop_res")});
  if (waiting == waiting_.end() || waiting->second.peer != node) {
    return {Note{LogLevel::info, fmt::format("an answer of {} that nobody waits for", node)}};
  }
  const std::uint64_t value = message.decimal("dop_value").value_or(outdated::failed);
  const Answer answer{waiting->second.client,
                      value <= largest_value ? static_cast<unsigned>(value) : outdated::failed};
  waiting_.erase(waiting);
  return {answer};
}

Outdating::Orders Outdating::ran(const std::string& resource, bool signaled, int exit_code) {
  const auto running = running_.find(resource);
  if (running == running_.end()) return {};
  Orders orders;
  const unsigned value = outdated_value(signaled, exit_code);
  if (value == outdated::failed) {
    orders.push_back(Note{LogLevel::error,
                          fmt::format("drbdadm outdate {} {} {}", resource,
                                      signaled ? "was ended by signal" : "failed with exit code",
                                      exit_code)});
  }
  for (const std::string& node : running->second) {
    orders.push_back(Note{LogLevel::info, fmt::format("sending return code: {}, {} -> {}", value,
                                                      node_, node)});
    orders.emplace_back(Tell{node, resource, value});
  }
  running_.erase(running);
  return orders;
}

core::Message Outdating::message_of(const Tell& tell) const {
  Message message;  // habit: the order of 3.0.6's fields
  if (tell.value) {
    message.add("t", "outdate_rc");
    message.add_decimal("dop_value", *tell.value);
    message.add("dop_res", tell.resource);
    message.add("src", node_);
  } else {
    message.add("t", "start_outdate");
    message.add("src", node_);
    message.add("dop_res", tell.resource);
  }
  message.add("dest", tell.node);
  return message;
}

void Outdating::gone(ClientNumber client) {
  std::erase_if(waiting_, [&](const auto& entry) { return entry.second.client == client; });
}

}  // namespace hb::clients
