// fencing_test: which devices are tried when, what ends an attempt, and what is no longer believed
#include "core/fencing.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace hb::core;
using namespace std::chrono_literals;

namespace {

constexpr NodeId n2{1}, n3{2};
constexpr Instant start{1000s};

struct Sink final : ResourceSink {
  void send(Message&, NodeId) override {}
  Outputs& outputs() override { return made; }
  Ticket next_ticket() override { return Ticket{++last}; }
  void log(LogLevel, std::string_view text) override { lines.emplace_back(text); }
  void changed() override {}
  [[nodiscard]] NodeStatus status(NodeId) const override { return NodeStatus::dead; }
  [[nodiscard]] bool is_ours(NodeId) const override { return true; }
  [[nodiscard]] bool peers_are_ours() const override { return true; }
  void stopped() override {}
  void begin_anew() override {}

  [[nodiscard]] bool logged(std::string_view part) const {
    return std::ranges::any_of(lines, [&](const std::string& line) {
      return line.find(part) != line.npos;
    });
  }

  Outputs made;
  std::vector<std::string> lines;
  std::uint64_t last = 0;
};

/// Two devices for n2, one of them for all.
Config two_devices() {
  Config config;
  for (const char* const name : {"n1", "n2", "n3"}) {
    config.nodes.push_back({name, NodeType::normal});
  }
  config.node_name = "n1";
  config.fence_timeout = 20s;
  config.fence_agents.push_back({"n2", "/usr/sbin/fence_one", {}, 1});
  config.fence_agents.push_back({"*", "/usr/sbin/fence_all", {}, 2});
  return config;
}

struct Site {
  /// What it begins now: no checks of devices.
  std::vector<FenceNode> turn(bool held_back = false) {
    sink.made.clear();
    fencing.turn(now, held_back, sink);
    std::vector<FenceNode> begun;
    for (const Output& output : sink.made) {
      const auto* const order = std::get_if<FenceNode>(&output);
      if (order != nullptr && order->node != no_node) begun.push_back(*order);
    }
    return begun;
  }

  Fencing::Result end(Ticket ticket, int code, std::string_view output = {}) {
    std::optional<Fencing::Result> result;
    REQUIRE(fencing.done(now, {ticket, ActionEnd::exited, code, output}, sink, result));
    REQUIRE(result);
    return *result;
  }

  Config config = two_devices();
  Sink sink;
  Instant now = start;
  Fencing fencing{config};
};

}  // namespace

TEST_CASE("the devices of a node are tried in their order, then all again after a pause") {
  Site site;
  site.fencing.need(site.now, n2, 0);
  CHECK(site.fencing.is_pending(n2));
  auto begun = site.turn();
  REQUIRE(begun.size() == 1);
  CHECK(begun[0].device.value == 0);
  CHECK(begun[0].timeout == 20s);
  CHECK(site.turn().empty());
  CHECK_FALSE(site.end(begun[0].ticket, 1, "first words\nthe plug is stuck\n").round_failed);
  CHECK(site.sink.logged("fence_one: exit code 1: the plug is stuck"));
  begun = site.turn();
  REQUIRE(begun.size() == 1);
  CHECK(begun[0].device.value == 1);
  CHECK(site.end(begun[0].ticket, 1).round_failed);
  CHECK(site.sink.logged("STONITH of n2 failed.  Retrying..."));
  CHECK(site.fencing.next_deadline() == site.now + fencing_limits::retry_pause);
  CHECK(site.turn().empty());
  site.now += fencing_limits::retry_pause;
  begun = site.turn();
  REQUIRE(begun.size() == 1);
  CHECK(begun[0].device.value == 0);
  CHECK(site.fencing.attempts(n2) == 2);
  CHECK(site.end(begun[0].ticket, 0).fenced);
  CHECK_FALSE(site.fencing.is_pending());
}

TEST_CASE("a device is asked only for its own node") {
  Site site;
  site.fencing.need(site.now, n3, 0);
  const auto begun = site.turn();
  REQUIRE(begun.size() == 1);
  CHECK(begun[0].device.value == 1);
  site.config.fence_agents.pop_back();
  const Fencing one{site.config};
  CHECK(one.can_fence(n2));
  CHECK_FALSE(one.can_fence(n3));
}

TEST_CASE("W8: who returns is not reset: the attempt is ended, its result not believed") {
  Site site;
  site.fencing.need(site.now, n2, 0);
  const auto begun = site.turn();
  REQUIRE(begun.size() == 1);
  site.sink.made.clear();
  site.fencing.forget(n2, site.sink);
  REQUIRE_FALSE(site.sink.made.empty());
  const auto* const killed = std::get_if<KillAction>(&*site.sink.made.begin());
  REQUIRE(killed != nullptr);
  CHECK(killed->ticket == begun[0].ticket);
  CHECK_FALSE(site.fencing.is_pending());
  // It dies again, and only then the first attempt reports success.
  site.fencing.need(site.now, n2, 0);
  std::optional<Fencing::Result> result;
  CHECK_FALSE(site.fencing.done(site.now, {begun[0].ticket, ActionEnd::exited, 0, {}}, site.sink,
                                result));
  CHECK_FALSE(result);
  CHECK(site.fencing.is_pending(n2));
}

TEST_CASE("said twice, begun once") {
  Site site;
  site.fencing.need(site.now, n2, 0);
  const auto begun = site.turn();
  REQUIRE(begun.size() == 1);
  site.fencing.need(site.now, n2, 0);
  CHECK(site.turn().empty());
  CHECK(site.end(begun[0].ticket, 0).fenced);
}

TEST_CASE("who is not the first in line waits for the one before, and a delay is kept") {
  Site site;
  site.config.fence_delays.emplace_back("n3", 30s);
  site.fencing.need(site.now, n2, 1);
  site.fencing.need(site.now, n3, 0);
  CHECK(site.turn().empty());
  site.fencing.go_ahead(site.now, n2);  // the one before could not
  CHECK(site.turn().size() == 1);
  site.now += 30s;
  const auto begun = site.turn();
  REQUIRE(begun.size() == 1);
  CHECK(begun[0].node == n3);
}

TEST_CASE("held back by the witness, nothing begins; a runner that died is no success") {
  Site site;
  site.fencing.need(site.now, n2, 0);
  CHECK(site.turn(true).empty());
  const auto begun = site.turn();
  REQUIRE(begun.size() == 1);
  const std::vector running{begun[0].ticket};
  site.fencing.runner_ready(site.now, running);
  CHECK(site.turn().empty());
  site.fencing.runner_ready(site.now, {});
  CHECK(site.fencing.is_pending(n2));
  CHECK(site.turn().size() == 1);
}

TEST_CASE("the next master goes on, and waits again if nothing was tried yet") {
  Site site;
  site.config.fence_delays.emplace_back("n3", 30s);
  site.fencing.remember(n2, 3, site.now);
  site.fencing.remember(n3, 0, site.now);
  CHECK(site.turn().empty());  // its runner is not there yet
  site.fencing.runner_ready(site.now, {});
  const auto begun = site.turn();
  REQUIRE(begun.size() == 1);
  CHECK(begun[0].node == n2);
  CHECK(site.fencing.attempts(n2) == 3);
  CHECK(site.fencing.next_deadline() <= site.now + 30s);
}

TEST_CASE("a broken device is told, and checked again later") {
  Site site;
  site.fencing.turn(site.now, false, site.sink);
  std::vector<FenceNode> checks;
  for (const Output& output : site.sink.made) {
    if (const auto* const order = std::get_if<FenceNode>(&output)) checks.push_back(*order);
  }
  REQUIRE(checks.size() == 2);
  CHECK(checks[0].node == no_node);
  std::optional<Fencing::Result> result;
  const ActionDone ended{checks[0].ticket, ActionEnd::missing, 0, {}};
  CHECK(site.fencing.done(site.now, ended, site.sink, result));
  CHECK_FALSE(result);
  CHECK(site.sink.logged("STONITH device fence_one not operational!"));
  CHECK_FALSE(site.sink.logged("STONITH device fence_all not operational!"));
  CHECK(site.fencing.next_deadline() == site.now + fencing_limits::check_pause);
}
