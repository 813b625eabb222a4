// fuzz_engine: hostile but correctly signed messages, FIFO and client bytes, and time, into an
// engine
#include "core/engine.hpp"
#include "core/frame.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

using namespace hb::core;
using namespace std::chrono_literals;

namespace {

EngineSetup setup() {
  EngineSetup result;
  Config& config = result.config;
  config.node_name = "n1";
  config.nodes = {{"n1", NodeType::normal}, {"n2", NodeType::normal}, {"n3", NodeType::normal}};
  for (const char* name : {"eth0", "eth1"}) {
    MediumConfig medium;
    medium.interface = name;
    config.media.push_back(medium);
  }
  config.keepalive = 100ms;
  config.deadtime = 500ms;
  config.warntime = 250ms;
  config.initdead = 1s;
  config.auto_failback = AutoFailback::on;
  for (std::uint16_t g = 0; g < 3; ++g) {
    Group group;
    group.home = NodeId{g};
    group.resources.push_back({"Sim::" + std::to_string(g), "Sim", {std::to_string(g)}});
    result.groups.push_back(group);
  }
  result.keys.insert(KeyId{1}, {AuthMethod::crc, ""});
  result.keys.activate(KeyId{1});
  result.identity.uuid.bytes[0] = std::byte{1};
  result.identity.generation = Generation{5};
  result.seed = 1;
  result.hooks = {"custom"};
  return result;
}

/// One line of the input: what happens next. Lines keep the fuzzer's mutations local.
class Player {
 public:
  Player() : engine_(setup(), now_) { drop(engine_.start()); }

  void play(std::string_view line) {
    if (line.empty()) return;
    const char kind = line.front();
    line.remove_prefix(1);
    switch (kind) {
      case 'T': return pass(std::chrono::milliseconds{line.empty() ? 1 : line.front() & 0x7f});
      case 'F': return drop(engine_.step(now_, FifoMessage{as_bytes(framed(line))}));
      case 'C':
        drop(engine_.step(now_, ClientJoined{ClientId{1}, "app"}));
        return drop(engine_.step(now_, ClientMessage{ClientId{1}, "app", as_bytes(framed(line))}));
      case 'L': return drop(engine_.step(now_, ClientLeft{ClientId{1}, "app", line}));
      case 'Q':
        return drop(engine_.step(now_, ClientQuery{ClientId{2}, "7", as_bytes(framed(line))}));
      case 'A':
        return drop(engine_.step(
            now_, ActionDone{Ticket{static_cast<std::uint64_t>(line.size())}, ActionEnd::exited,
                             line.empty() ? 0 : line.front() & 1, line}));
      case 'P': {
        const GroupId group{static_cast<std::uint16_t>(line.empty() ? 0 : line.front() & 0x7f)};
        drop(engine_.step(now_, AddressAnswered{group, line}));
        return drop(engine_.step(now_, ServicePathsSeen{{&group, line.size() % 2}}));
      }
      case 'S': return drop(engine_.step(now_, StopRequested{}));
      case 'R':
        return drop(engine_.step(now_, FrameArrived{LinkId{0}, as_bytes(line), now_.instant}));
      default: return signed_frame(line);
    }
  }

 private:
  /// Fields separated by ';': the header of a peer is added unless the line brings its own.
  void signed_frame(std::string_view line) {
    Message message;
    while (!line.empty()) {
      const std::size_t end = std::min(line.find(';'), line.size());
      const std::string_view field = line.substr(0, end);
      line.remove_prefix(std::min(end + 1, line.size()));
      const std::size_t equals = field.find('=');
      if (equals == std::string_view::npos) continue;
      if (!is_field_name(field.substr(0, equals))) continue;
      message.add(field.substr(0, equals), field.substr(equals + 1));
    }
    if (!message.find("t")) message.add("t", "status");
    if (!message.find("src")) message.add("src", "n2");
    if (!message.find("seq")) message.add_hex("seq", ++seqno_);
    if (!message.find("hg")) message.add("hg", "9");
    if (!message.find("ts")) message.add("ts", "1");
    std::string frame;
    keys_.sign_netstring(message, KeyRing::Inner::without, frame);
    if (frame.size() > limits::datagram_bytes) return;
    drop(engine_.step(now_, FrameArrived{LinkId{0}, as_bytes(frame), now_.instant}));
  }
  std::string framed(std::string_view line) {
    std::string text = ">>>\n";
    for (const char c : line) text += c == ';' ? '\n' : c;
    return text + "\n<<<\n";
  }
  void pass(Duration time) {
    const Instant end = now_.instant + time;
    for (int i = 0; i < 1000 && engine_.next_deadline() <= end; ++i) {
      now_.instant = std::max(now_.instant, engine_.next_deadline());
      drop(engine_.step(now_, Tick{}));
    }
    now_.instant = end;
  }
  /// Every output must be readable to its last byte, and a step must not flood.
  void drop(const Outputs& outputs) {
    std::size_t count = 0, sum = 0;
    for (const Output& output : outputs) {
      ++count;
      if (const auto* send = std::get_if<Send>(&output)) {
        for (const std::byte byte : send->bytes) sum += static_cast<std::size_t>(byte);
      } else if (const auto* event = std::get_if<ToClients>(&output)) {
        for (const std::byte byte : event->body) sum += static_cast<std::size_t>(byte);
      } else if (const auto* log = std::get_if<Log>(&output)) {
        for (const char c : log->text) sum += static_cast<unsigned char>(c);
      }
    }
    sum_ = sum;
    if (count > 5000) std::abort();
  }

  static KeyRing keys() {
    KeyRing ring;
    ring.insert(KeyId{1}, {AuthMethod::crc, ""});
    ring.activate(KeyId{1});
    return ring;
  }

  Now now_{Instant{1000s}, WallTime{1'800'000'000s}};
  KeyRing keys_ = keys();
  std::uint64_t seqno_ = 0;
  volatile std::size_t sum_ = 0;
  Engine engine_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input{reinterpret_cast<const char*>(data), size};
  Player player;
  while (!input.empty()) {
    const std::size_t end = std::min(input.find('\n'), input.size());
    player.play(input.substr(0, end));
    input.remove_prefix(std::min(end + 1, input.size()));
  }
  return 0;
}
