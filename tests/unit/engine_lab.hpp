// engine_lab: engines in memory for unit tests: what they are fed, and what they put out
#pragma once

#include "core/engine.hpp"
#include "core/frame.hpp"
#include "core/message.hpp"

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace hb::test {

using namespace hb::core;
using namespace std::chrono_literals;

inline constexpr Instant lab_start{1000s};
inline constexpr WallTime lab_wall{1'800'000'000s};

inline KeyRing lab_keys(std::string_view secret = "secret") {
  KeyRing keys;
  keys.insert(KeyId{1}, {AuthMethod::sha1, std::string{secret}});
  keys.activate(KeyId{1});
  return keys;
}

/// Two nodes n1 and n2 on eth0 and eth1, both bcast; no resource groups.
inline EngineSetup lab_setup(std::string_view node) {
  EngineSetup setup;
  setup.config.node_name = node;
  setup.config.nodes = {{"n1", NodeType::normal}, {"n2", NodeType::normal}};
  for (const char* name : {"eth0", "eth1"}) {
    MediumConfig medium;
    medium.type = MediumType::bcast;
    medium.interface = name;
    setup.config.media.push_back(medium);
  }
  setup.config.keepalive = 1s;
  setup.config.deadtime = 6s;
  setup.config.warntime = 3s;
  setup.config.initdead = 20s;
  setup.config.manages_resources = false;
  setup.keys = lab_keys();
  setup.identity.uuid.bytes[0] = node == "n1" ? std::byte{1} : std::byte{2};
  setup.identity.generation = Generation{0x100};
  setup.seed = 7;
  return setup;
}

/// One engine; every output since the last clear() is kept.
class LabEngine {
 public:
  explicit LabEngine(EngineSetup setup, Instant at = lab_start)
      : now(at), engine_(std::make_unique<Engine>(std::move(setup), Now{at, lab_wall})) {
    collect(engine_->start());
  }

  void step(const Input& input) { collect(engine_->step({now, lab_wall}, input)); }
  /// Lets time pass, with a Tick at every deadline.
  void run_until(Instant end) {
    while (engine_->next_deadline() <= end) {
      now = std::max(now, engine_->next_deadline());
      step(Tick{});
    }
    now = end;
  }
  void arrive(std::string_view frame, std::uint16_t link = 0) {
    step(FrameArrived{LinkId{link}, as_bytes(frame), now});
  }
  /// A message of a node that does not run here, signed with the key of all.
  void arrive(Message message, std::uint16_t link = 0) {
    std::string frame;
    KeyRing keys = lab_keys();
    keys.sign_netstring(message, KeyRing::Inner::without, frame);
    arrive(frame, link);
  }

  [[nodiscard]] NodeStatus status(std::uint16_t node) const {
    return engine_->snapshot().nodes[node].status;
  }
  [[nodiscard]] bool logged(std::string_view text) const { return count_logged(text) > 0; }
  [[nodiscard]] std::size_t count_logged(std::string_view text) const {
    std::size_t count = 0;
    for (const std::string& line : lines) {
      if (line.find(text) != std::string::npos) ++count;
    }
    return count;
  }
  [[nodiscard]] std::vector<Message> sent(std::string_view type) const {
    std::vector<Message> result;
    for (const std::string& frame : frames) {
      Message message;
      if (decode(as_bytes(frame), message) && message.type() == type) result.push_back(message);
    }
    return result;
  }
  template <class Kind>
  [[nodiscard]] std::size_t count() const {
    std::size_t result = 0;
    for (const std::size_t kind : kinds) {
      if (kind == Output{Kind{}}.index()) ++result;
    }
    return result;
  }
  void clear() {
    frames.clear();
    lines.clear();
    kinds.clear();
    events.clear();
    replies.clear();
    actions.clear();
  }
  Engine& engine() { return *engine_; }

  Instant now;
  std::vector<std::string> frames;
  std::vector<std::string> lines;
  std::vector<std::size_t> kinds;  ///< index in Output of each
  struct Event {
    std::uint32_t classes;
    std::string to_id, body;
  };
  std::vector<Event> events;
  std::vector<std::string> replies;
  std::vector<RunAction> actions;
  std::string saved;

 private:
  void collect(const Outputs& outputs) {
    for (const Output& output : outputs) {
      kinds.push_back(output.index());
      if (const auto* send = std::get_if<Send>(&output)) {
        frames.emplace_back(as_text(send->bytes));
      } else if (const auto* log = std::get_if<Log>(&output)) {
        lines.emplace_back(log->text);
      } else if (const auto* action = std::get_if<RunAction>(&output)) {
        actions.push_back(*action);
      } else if (const auto* event = std::get_if<ToClients>(&output)) {
        events.push_back({event->classes, std::string{event->to_id},
                          std::string{as_text(event->body)}});
      } else if (const auto* reply = std::get_if<ToClient>(&output)) {
        replies.emplace_back(as_text(reply->body));
      } else if (const auto* persist = std::get_if<Persist>(&output)) {
        saved = persist->content;
      }
    }
  }

  std::unique_ptr<Engine> engine_;
};

/// Carries what each of two engines sent to the other, until both are silent.
inline void exchange(LabEngine& a, LabEngine& b) {
  while (!a.frames.empty() || !b.frames.empty()) {
    const auto from_a = std::exchange(a.frames, {});
    const auto from_b = std::exchange(b.frames, {});
    for (const std::string& frame : from_a) b.arrive(frame);
    for (const std::string& frame : from_b) a.arrive(frame);
  }
}

}  // namespace hb::test
