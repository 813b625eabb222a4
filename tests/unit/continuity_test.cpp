// continuity_test: a master that crashed and the one after it, which goes on
#include "core/random.hpp"
#include "tests/unit/engine_lab.hpp"

#include <doctest/doctest.h>

#include <cstring>

using namespace hb::test;

namespace {

constexpr NodeId n1{0}, n2{1};

EngineSetup with_groups(std::string_view node) {
  EngineSetup setup = lab_setup(node);
  setup.config.manages_resources = true;
  setup.config.auto_failback = AutoFailback::on;
  setup.groups = {{n1, {{"a", "a", {}}, {"a2", "a2", {}}}, 1}, {n2, {{"b", "b", {}}}, 2}};
  return setup;
}

/// The setup of the master after one that left `memory`.
EngineSetup going_on(std::string_view node, const Continuity& memory) {
  EngineSetup setup = with_groups(node);
  setup.identity.generation = memory.generation;
  setup.identity.first_seqno = memory.next_seqno;
  setup.inheritance.memory = std::make_shared<Continuity>(memory);
  return setup;
}

/// Two engines whose frames reach each other at once; scripts end well when asked to.
struct Pair {
  std::array<std::unique_ptr<LabEngine>, 2> nodes;
  std::array<std::set<std::string>, 2> running;
  std::array<std::vector<RunAction>, 2> open;

  Instant now = lab_start;

  void start(std::size_t index, EngineSetup setup) {
    nodes[index] = std::make_unique<LabEngine>(std::move(setup), now);
  }
  /// Delivers what was sent, until nobody says anything more.
  void talk() {
    for (bool again = true; again;) {
      again = false;
      for (std::size_t from = 0; from < 2; ++from) {
        if (!nodes[from]) continue;
        for (const RunAction& action : std::exchange(nodes[from]->actions, {})) {
          open[from].push_back(action);
        }
        for (const std::string& frame : std::exchange(nodes[from]->frames, {})) {
          again = true;
          if (nodes[1 - from]) nodes[1 - from]->arrive(frame);
        }
      }
    }
  }
  [[nodiscard]] std::string text(const RunAction& action) const {
    return with_groups("n1").groups[action.group.value].resources[action.resource].text;
  }
  /// Ends the oldest open script of a node, with its effect.
  void end_one(std::size_t index) {
    const RunAction action = open[index].front();
    open[index].erase(open[index].begin());
    const std::string name = text(action);
    if (action.operation == Operation::start) running[index].insert(name);
    if (action.operation == Operation::stop) running[index].erase(name);
    const bool runs = running[index].contains(name);
    nodes[index]->step(ActionDone{action.ticket, ActionEnd::exited, 0,
                                  action.operation != Operation::status ? ""
                                  : runs                                ? "running"
                                                                        : "stopped"});
    talk();
  }
  void settle() {
    talk();
    while (!open[0].empty() || !open[1].empty()) {
      for (std::size_t i = 0; i < 2; ++i) {
        if (nodes[i] && !open[i].empty()) end_one(i);
      }
    }
  }
  void advance(Duration time) {
    const Instant end = now + time;
    while (now < end) {
      now = std::min(end, now + 100ms);
      for (const auto& node : nodes) {
        if (node) node->run_until(now);
      }
      talk();
    }
  }
  /// Its master is killed; the scripts run on.
  [[nodiscard]] Continuity crash(std::size_t index) {
    Continuity memory;
    nodes[index]->engine().save(memory);
    nodes[index].reset();
    return memory;
  }
  /// The next master comes; what it is told of scripts that run still is the truth.
  void go_on(std::size_t index, const Continuity& memory) {
    start(index, going_on(index == 0 ? "n1" : "n2", memory));
    std::vector<Ticket> tickets;
    for (const RunAction& action : open[index]) tickets.push_back(action.ticket);
    nodes[index]->step(RunnerReady{tickets});
    talk();
  }
};

Pair settled_pair() {
  Pair pair;
  pair.start(0, with_groups("n1"));
  pair.start(1, with_groups("n2"));
  pair.settle();
  pair.advance(2s);
  pair.settle();
  REQUIRE(pair.running[0] == std::set<std::string>{"a", "a2"});
  REQUIRE(pair.running[1] == std::set<std::string>{"b"});
  return pair;
}

}  // namespace

TEST_CASE("a master crashes in quiet: the next one goes on, the peer sees a short silence") {
  Pair pair = settled_pair();
  pair.nodes[1]->clear();
  const Continuity memory = pair.crash(0);
  CHECK(memory.active == 1);
  pair.advance(3s);
  pair.go_on(0, memory);
  CHECK(pair.nodes[0]->status(0) == NodeStatus::active);
  CHECK(pair.nodes[0]->status(1) == NodeStatus::active);
  CHECK(pair.nodes[0]->engine().running_keys() == "a");
  pair.settle();
  pair.advance(10s);
  for (const char* trouble : {"is dead", "Heartbeat restart", "returning", "Taking over"}) {
    CHECK_FALSE(pair.nodes[1]->logged(trouble));
    CHECK_FALSE(pair.nodes[0]->logged(trouble));
  }
  CHECK(pair.nodes[0]->engine().snapshot().holding == Holding::local);
  CHECK(pair.nodes[1]->engine().snapshot().holding == Holding::local);
  CHECK(pair.running[0].size() == 2);
}

TEST_CASE("what the peer said while no master ran is asked for, and what was lost is said so") {
  Pair pair = settled_pair();
  const Continuity memory = pair.crash(0);
  pair.advance(3s);  // three beats of n2 reach nobody
  pair.go_on(0, memory);
  pair.advance(3s);
  CHECK(pair.nodes[0]->logged("lost packet(s) for [n2]"));
  CHECK(pair.nodes[0]->logged("No pkts missing from n2"));
  SUBCASE("a message of the last turn never left: the next master has it") {
    pair.nodes[0]->step(FifoMessage{as_bytes(">>>\nt=site\nn=1\n<<<\n")});
    const Continuity later = pair.crash(0);
    pair.nodes[1]->clear();
    pair.go_on(0, later);
    pair.advance(3s);
    CHECK(pair.nodes[1]->logged("1 lost packet(s) for [n1]"));
    CHECK(pair.nodes[1]->logged("No pkts missing from n1"));
    CHECK_FALSE(pair.nodes[1]->logged("Irretrievably lost packet"));
    CHECK(std::ranges::any_of(pair.nodes[1]->events, [](const LabEngine::Event& event) {
      return event.body.find("t=site") != std::string::npos;
    }));
  }
  SUBCASE("one that was too long to be kept is told to be lost") {
    const std::string text = ">>>\nt=site\nn=" + std::string(3000, 'x') + "\n<<<\n";
    pair.nodes[0]->step(FifoMessage{as_bytes(text)});
    const Continuity later = pair.crash(0);
    pair.go_on(0, later);
    pair.advance(3s);
    CHECK(pair.nodes[1]->logged("Irretrievably lost packet: node n1"));
  }
}

TEST_CASE("a crash in the middle of a start or stop: the script that runs is adopted") {
  Pair pair = settled_pair();
  Continuity memory = pair.crash(1);
  pair.advance(7s);  // n2 is gone for good
  REQUIRE(pair.open[0].size() == 1);
  pair.running[1].clear();
  SUBCASE("it ends after the next master has come") {
    memory = pair.crash(0);
    pair.go_on(0, memory);
    CHECK(pair.nodes[0]->actions.empty());
    pair.settle();
    CHECK(pair.running[0].contains("b"));
  }
  SUBCASE("it ended while there was none: it is asked for again") {
    memory = pair.crash(0);
    pair.open[0].clear();
    pair.go_on(0, memory);
    REQUIRE_FALSE(pair.open[0].empty());
    pair.settle();
    CHECK(pair.running[0].contains("b"));
    CHECK(pair.nodes[0]->engine().snapshot().holding == Holding::all);
  }
  SUBCASE("it never left the process") {
    pair.open[0].clear();
    memory = pair.crash(0);
    pair.go_on(0, memory);
    pair.settle();
    CHECK(pair.running[0].contains("b"));
  }
  SUBCASE("the master was stopping everything: the next one goes on with that, and ends") {
    pair.settle();
    pair.nodes[0]->step(StopRequested{});
    pair.talk();
    REQUIRE_FALSE(pair.open[0].empty());
    memory = pair.crash(0);
    pair.go_on(0, memory);
    pair.settle();
    CHECK(pair.running[0].empty());
    pair.advance(3s);
    CHECK(pair.nodes[0]->count<Exit>() == 1);
  }
}

TEST_CASE("a planned move survives the crash of its giver and of its taker") {
  for (const std::size_t victim : {std::size_t{0}, std::size_t{1}}) {
    for (int scripts = 0; scripts < 4; ++scripts) {
      Pair pair = settled_pair();
      pair.nodes[0]->step(FifoMessage{
          as_bytes(">>>\nt=ask_resources\nrsc_hold=local\ninfo=me\n<<<\n")});
      pair.talk();
      for (int i = 0; i < scripts; ++i) {
        for (std::size_t node = 0; node < 2; ++node) {
          if (!pair.open[node].empty()) pair.end_one(node);
        }
      }
      const Continuity memory = pair.crash(victim);
      pair.go_on(victim, memory);
      pair.settle();
      pair.advance(15s);
      pair.settle();
      CAPTURE(victim);
      CAPTURE(scripts);
      CHECK(pair.running[0].empty());
      CHECK(pair.running[1] == std::set<std::string>{"a", "a2", "b"});
      CHECK(pair.nodes[0]->engine().snapshot().holding == Holding::none);
    }
  }
}

TEST_CASE("rows are found by name and key: files may have changed meanwhile") {
  Pair pair = settled_pair();
  const Continuity memory = pair.crash(0);
  EngineSetup setup = going_on("n1", memory);
  setup.config.nodes = {{"n3", NodeType::normal}, {"n2", NodeType::normal},
                        {"n1", NodeType::normal}};
  setup.groups = {{NodeId{1}, {{"b", "b", {}}}, 1}, {NodeId{2}, {{"a", "a", {}}}, 2}};
  pair.start(0, std::move(setup));
  CHECK(pair.nodes[0]->engine().running_keys() == "a");
  CHECK(pair.nodes[0]->status(1) == NodeStatus::active);
  CHECK(pair.nodes[0]->status(0) == NodeStatus::init);
  EngineSetup without = going_on("n1", memory);
  without.groups = {{n2, {{"b", "b", {}}}, 1}};
  LabEngine node{std::move(without), pair.nodes[0]->now};
  CHECK(node.logged("a: runs here, but haresources has no such group any more"));
}

TEST_CASE("a memory that is torn, foreign or hostile is refused, or does no harm") {
  Pair pair = settled_pair();
  const Instant now = pair.nodes[0]->now;
  const Continuity good = pair.crash(0);
  REQUIRE(check(good, now).has_value());
  CHECK_FALSE(check(Continuity{}, now).has_value());
  CHECK_FALSE(check(good, now - 1h).has_value());  // the clock of another boot
  Continuity bad = good;
  bad.groups[0].step = 8;
  CHECK_FALSE(check(bad, now).has_value());
  bad = good;
  bad.node_count = limits::nodes + 1;
  CHECK_FALSE(check(bad, now).has_value());
  Random random{42};
  std::size_t accepted = 0;
  for (int round = 0; round < 3000; ++round) {
    bad = good;
    // The used parts: the head, two nodes, two groups.
    const std::array parts = {
        std::pair{std::size_t{0}, offsetof(Continuity, nodes)},
        std::pair{offsetof(Continuity, nodes), 2 * sizeof(Continuity::Node)},
        std::pair{offsetof(Continuity, groups), 2 * sizeof(Continuity::Group)}};
    std::array<std::byte, sizeof(Continuity)> bytes;
    std::memcpy(bytes.data(), &bad, sizeof bad);
    for (std::uint64_t i = 0; i <= random.below(3); ++i) {
      const auto& [first, size] = parts[random.below(parts.size())];
      bytes[first + random.below(size)] = static_cast<std::byte>(random.below(256));
    }
    std::memcpy(&bad, bytes.data(), sizeof bad);
    if (!check(bad, now) || bad.active == 0) continue;
    ++accepted;
    LabEngine node{going_on("n1", bad), now};
    node.step(RunnerReady{});
    node.run_until(now + 1s);
    node.step(StopRequested{});
    Continuity again;
    node.engine().save(again);
    CHECK(check(again, node.now).has_value());
  }
  CHECK(accepted > 100);
}
