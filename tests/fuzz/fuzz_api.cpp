// fuzz_api: hostile bytes of several API clients through framing and sessions
#include "core/api_frame.hpp"
#include "core/frame.hpp"
#include "core/result.hpp"
#include "core/sessions.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

namespace {

using namespace hb::core;

/// Three nodes, so that queries have something to find.
const Snapshot& cluster() {
  static const auto snapshot = [] {
    auto made = std::make_unique<Snapshot>();
    made->node_count = 3;
    made->link_count = 2;
    made->self = NodeId{0};
    for (std::size_t n = 0; n < 3; ++n) {
      made->nodes[n].name.assign(std::array{"n1", "n2", "10.0.0.1"}.at(n));
      made->nodes[n].status = n < 2 ? NodeStatus::active : NodeStatus::ping;
      made->nodes[n].type = n < 2 ? NodeType::normal : NodeType::ping;
      made->nodes[n].uuid.bytes.fill(static_cast<std::byte>(n));
      made->link_status[n][n / 2] = LinkStatus::up;
    }
    made->links[0].name.assign("eth0");
    made->links[1].name.assign("10.0.0.1");
    return made;
  }();
  return *snapshot;
}

ApiConfig config() {
  ApiConfig made;
  made.node_name = "n1";
  made.entries = {{"anon", {0}, {}}, {"ipfail", {0}, {}}, {"ping", {}, {7}}};
  made.parameters = {{"deadtime", "6"}};
  return made;
}

/// Carries outputs out as the status process does, and checks what must hold of them.
class Harness {
 public:
  Harness() : sessions_(nullptr, 102) { sessions_.configure(config()); }

  void open(ClientId client) {
    if (open_.contains(client) || ever_.contains(client)) return;
    ever_.insert(client);
    open_.insert(client);
    // Pid 1 is what a seed can name; other users so that refusals happen too.
    sessions_.opened(client, {1, client.value % 2 == 0 ? 0U : 1000U, 7});
  }

  void bytes(ClientId client, Bytes bytes) {
    if (!open_.contains(client)) return;
    const std::size_t before = readers_[client].size();
    readers_[client].append(bytes);
    ENSURE(readers_[client].size() == before + bytes.size());
    while (readers_[client].state() == ApiFrameReader::State::whole) {
      const Bytes body = readers_[client].body();
      if (sessions_.receive(client, body, cluster(), out_) == Sessions::Taken::hold) break;
      readers_[client].pop();
      carry_out();
      if (!open_.contains(client)) return;
    }
    if (readers_[client].state() == ApiFrameReader::State::broken) close(client);
    carry_out();
  }

  void close(ClientId client) {
    if (open_.erase(client) == 0) return;
    readers_.erase(client);
    sessions_.closed(client, "EOF", out_);
    carry_out();
  }

  void announce(ClientId client) {
    sessions_.announced(client, 1, out_);
    carry_out();
  }
  void flow(Sessions::Flow flow) {
    sessions_.flow(flow, out_);
    carry_out();
  }
  void event(std::uint32_t classes, std::string_view to_id, Bytes body) {
    sessions_.event(classes, to_id, body, out_);
    carry_out();
  }

  void finish() {
    for (const ClientId client : std::set<ClientId>(open_)) close(client);
    ENSURE(sessions_.size() == 0);
    ENSURE(joined_.empty());  // every join that went up was followed by its leave
  }

 private:
  void carry_out() {
    SessionOutputs outputs;
    outputs.swap(out_);
    for (const SessionOutput& output : outputs) {
      if (const auto* deliver = std::get_if<ClientDeliver>(&output)) {
        ENSURE(ever_.contains(deliver->client));
        Message message;
        if (deliver->kind == Delivery::reply)
          ENSURE(decode(as_bytes(deliver->body), message).has_value());
      } else if (const auto* gone = std::get_if<ClientClose>(&output)) {
        open_.erase(gone->client);
        readers_.erase(gone->client);
      } else if (const auto* join = std::get_if<NamedJoin>(&output)) {
        ENSURE(joined_.emplace(join->name, join->client).second);
      } else if (const auto* leave = std::get_if<NamedLeave>(&output)) {
        ENSURE(joined_.erase(leave->name) == 1);
      } else if (const auto* query = std::get_if<ForEngine>(&output)) {
        Message message;
        ENSURE(decode(as_bytes(query->body), message).has_value());
        ENSURE(message.text("from_id") == sessions_.id_of(query->client));
      } else if (const auto* note = std::get_if<SessionNote>(&output)) {
        ENSURE(std::all_of(note->text.begin(), note->text.end(),
                           [](char c) { return c >= ' ' && c <= '~'; }));
      }
    }
  }

  Sessions sessions_;
  SessionOutputs out_;
  std::set<ClientId> open_, ever_;
  std::map<ClientId, ApiFrameReader> readers_;
  std::map<std::string, ClientId> joined_;
};

/// A frame around lines, for inputs that get further than the header.
std::string framed(Bytes lines) {
  std::string body = ">>>\n";
  body.append(as_text(lines)).append("<<<\n").push_back('\0');
  std::string bytes;
  append_api_frame(as_bytes(body), bytes);
  return bytes;
}

}  // namespace

/// The input is a script: one byte of command and client, one byte of length, then so many bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes rest{reinterpret_cast<const std::byte*>(data), size};
  Harness harness;
  while (rest.size() >= 2) {
    const auto command = std::to_integer<unsigned>(rest[0]);
    const std::size_t length = std::min<std::size_t>(std::to_integer<std::size_t>(rest[1]),
                                                     rest.size() - 2);
    const Bytes argument = rest.subspan(2, length);
    rest = rest.subspan(2 + length);
    const ClientId client{command >> 4};
    switch (command & 7U) {
      case 0: harness.open(client); break;
      case 1: harness.bytes(client, argument); break;
      case 2: harness.close(client); break;
      case 3: harness.announce(client); break;
      case 4:
        harness.flow(length % 2 == 0 ? Sessions::Flow::running : Sessions::Flow::paused);
        break;
      case 5:
        harness.event(1U << (length % 6), as_text(argument.first(length / 2)), argument);
        break;
      default:
        harness.open(client);
        harness.bytes(client, as_bytes(framed(argument)));
    }
  }
  harness.finish();
  return 0;
}
