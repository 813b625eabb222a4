// resources_faults_test: groups that fail or will not stop, maintenance, and orders, between nodes
#include "tests/unit/resources_lab.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>

using namespace hb::test;

namespace {

bool logged(const LabNode& node, std::string_view part) {
  return std::ranges::any_of(node.log, [&](const std::string& line) {
    return line.find(part) != line.npos;
  });
}

std::size_t count(const LabNode& node, std::string_view call) {
  return static_cast<std::size_t>(std::ranges::count(node.calls, call));
}

/// Two of ours, up and settled, n1 with `a a2`, n2 with `b`; `a` is monitored every 10 s if wished.
struct Pair : Lab {
  explicit Pair(AutoFailback mode = AutoFailback::on, Duration monitor = {})
      : Lab{2, {"n1 a a2", "n2 b"}} {
    groups[0].resources[0].policy.monitor = monitor;
    add_ours(0, mode);
    add_ours(1, mode);
  }
};

std::unique_ptr<Snapshot> seen(Lab& lab, std::size_t index) {
  auto snapshot = std::make_unique<Snapshot>();
  lab.ours(index).resources->fill(*snapshot);
  return snapshot;
}

bool is_failed_on(const Snapshot& snapshot, std::size_t group, std::size_t node) {
  return (snapshot.groups[group].failed_on[node / 64] >> (node % 64) & 1U) != 0;
}

}  // namespace

TEST_CASE("W1: a group that starts nowhere is shown as failed by every node") {
  Pair lab;
  lab.node(0).bad_start = lab.node(1).bad_start = {"a2"};
  lab.start_all();
  CHECK(lab.where(0).empty());
  for (std::size_t node = 0; node < 2; ++node) {
    const auto snapshot = seen(lab, node);
    CHECK(snapshot->groups[0].state == GroupState::failed);
    CHECK(snapshot->groups[0].failures == 2);
    CHECK(is_failed_on(*snapshot, 0, 0));
    CHECK(is_failed_on(*snapshot, 0, 1));
    CHECK_FALSE(is_failed_on(*snapshot, 1, 1));
    CHECK(logged(lab.node(node), "a: does not start on this node; leaving it to another one"));
  }
}

TEST_CASE("W10: a failed start is acted on in the same step, not after 30 s") {
  Pair lab;
  lab.node(0).bad_start = {"a2"};
  const Instant before = lab.now.instant;
  lab.start_all();
  CHECK(lab.where(0) == "n2");
  CHECK(lab.now.instant == before);
  CHECK_FALSE(lab.double_seen);
}

TEST_CASE("W3: a standby waits for a running start") {
  Pair lab{AutoFailback::off};
  lab.node(0).hanging = {"a2"};
  lab.start_all();
  lab.fifo(0, {{"t", "ask_resources"}, {"rsc_hold", "local"}, {"info", "me"}});
  lab.run();
  lab.advance(45s);
  CHECK(lab.where(0) == "n1(part)");  // a runs, a2 is being started: nobody else has begun
  CHECK_FALSE(lab.double_seen);
  lab.ours(0).release("a2");
  lab.run();
  CHECK(lab.where(0) == "n2");
  CHECK_FALSE(lab.double_seen);
}

TEST_CASE("W2: a node whose stop fails is not booked as one that holds nothing") {
  Pair lab;
  lab.start_all();
  lab.node(0).bad_stop = {"a2"};
  lab.node(0).stop();
  lab.run();
  lab.advance(60s);
  CHECK(lab.node(0).finished);
  CHECK(lab.where(0) == "n1");
  lab.alive[0] = false;
  lab.node(1).died(NodeId{0});
  lab.run();
  CHECK_FALSE(logged(lab.node(1), "Dead node n1 gave up resources."));
  CHECK(logged(lab.node(1), "a: would not stop on n1, which is gone"));
  lab.advance(300s);
  CHECK(lab.node(0).running.contains("a"));
  CHECK_FALSE(lab.node(1).running.contains("a"));  // it is started nowhere else
  CHECK(lab.where(1) == "n2");
  CHECK(seen(lab, 1)->groups[0].withheld_by == NodeId{0});
  CHECK_FALSE(lab.double_seen);
  // Somebody has made sure that n1 is off.
  lab.node(0).running.clear();
  lab.ours(1).handle([] {
    static Message order;
    order.clear();
    order.add("t", "sys_cleanup");
    order.add("key", "a");
    return ResourceMessage{NodeId{1}, &order};
  }());
  lab.run();
  CHECK(lab.where(0) == "n2");
  CHECK(seen(lab, 1)->groups[0].withheld_by == no_node);
}

TEST_CASE("W2: what the node says itself when it is back counts more than what was known of it") {
  Pair lab;
  lab.start_all();
  lab.node(0).bad_stop = {"a2"};
  lab.node(0).stop();
  lab.run();
  lab.advance(60s);
  lab.kill(0);
  CHECK(lab.where(0).empty());  // its power is off, but who knows that
  lab.restart_ours(0);
  CHECK(lab.where(0) == "n1");
  CHECK(seen(lab, 1)->groups[0].withheld_by == no_node);
}

TEST_CASE("W18: a failing stop is told to the other node at once, which waits") {
  Pair lab;
  lab.start_all();
  lab.node(0).bad_stop = {"a2"};
  lab.fifo(0, {{"t", "ask_resources"}, {"rsc_hold", "local"}, {"info", "me"}});
  lab.run();
  lab.advance(15s);
  CHECK(seen(lab, 0)->groups[0].state == GroupState::unknown);
  CHECK(lab.where(0) == "n1");
  CHECK(lab.node(1).running.count("a") == 0);
  lab.kill(0);
  lab.advance(300s);
  CHECK(lab.where(0).empty());
  CHECK(seen(lab, 1)->groups[0].withheld_by == NodeId{0});
}

TEST_CASE("W7: a start that hangs holds up neither its other groups nor a takeover") {
  Lab lab{2, {"n1 a", "n2 b", "n1 c"}};
  lab.add_ours(0);
  lab.add_ours(1);
  lab.node(1).hanging = {"b"};
  lab.start_all();
  lab.kill(0);
  CHECK(lab.where(0) == "n2");
  CHECK(lab.where(2) == "n2");
  CHECK(lab.where(1).empty());
}

TEST_CASE("W11: a resource that died is started again; one that dies again moves, to a limit") {
  Pair lab{AutoFailback::on, 10s};
  lab.groups[0].policy.recoveries = 1;
  lab.groups[0].policy.failure_limit = 2;
  lab.start_all();
  lab.node(0).running.erase("a");
  lab.advance(11s);
  CHECK(lab.where(0) == "n1");
  CHECK(count(lab.node(0), "start a") == 2);
  lab.node(0).running.erase("a");
  lab.advance(11s);
  CHECK(lab.where(0) == "n2");
  lab.advance(120s);
  CHECK(lab.where(0) == "n2");  // no failback to where it failed
  // It fails there as well, again and again.
  for (int i = 0; i < 40; ++i) {
    lab.node(0).running.erase("a");
    lab.node(1).running.erase("a");
    lab.advance(11s);
  }
  CHECK(lab.where(0).empty());
  CHECK(seen(lab, 0)->groups[0].blocked != 0);
  CHECK(seen(lab, 1)->groups[0].blocked != 0);
  const std::size_t starts = count(lab.node(0), "start a") + count(lab.node(1), "start a");
  CHECK(starts < 20);
  lab.advance(600s);
  CHECK(count(lab.node(0), "start a") + count(lab.node(1), "start a") == starts);
  CHECK(logged(lab.node(0), "a: failed 2 times on this node and is not started here any more"));
  CHECK_FALSE(lab.double_seen);
}

TEST_CASE("a cleanup clears a failed state, on its own node alone, and the group is started") {
  Pair lab;
  lab.groups[0].policy.failure_limit = 1;
  lab.node(0).bad_start = lab.node(1).bad_start = {"a"};
  lab.start_all();
  lab.advance(120s);
  CHECK(lab.where(0).empty());
  lab.node(0).bad_start.clear();
  const auto order = [&](std::string_view key, std::string_view number) {
    Message message;
    message.add("t", "sys_cleanup");
    message.add("key", key);
    message.add("sys_order", number);
    lab.ours(0).handle(ResourceMessage{NodeId{0}, &message});
    lab.run();
  };
  order("nosuch", "7");
  auto snapshot = seen(lab, 0);
  CHECK(snapshot->order == 7);
  CHECK(snapshot->order_result == OrderResult::refused);
  CHECK(snapshot->order_text.view() == "cleanup: nosuch is no group; there are: a b");
  order("a", "8");
  CHECK(lab.where(0) == "n1");
  snapshot = seen(lab, 0);
  CHECK(snapshot->order == 8);
  CHECK(snapshot->order_result == OrderResult::begun);
  CHECK(snapshot->groups[0].failures == 0);
  CHECK(snapshot->groups[0].blocked == 0);
  CHECK_FALSE(is_failed_on(*snapshot, 0, 0));
  CHECK(is_failed_on(*snapshot, 0, 1));
  CHECK(seen(lab, 1)->groups[0].blocked != 0);
}

TEST_CASE("after_failure stay: nobody takes it while its node lives") {
  Pair lab;
  lab.groups[0].policy.after_failure = AfterFailure::stay;
  lab.node(0).bad_start = {"a2"};
  lab.start_all();
  lab.advance(300s);
  CHECK(lab.where(0).empty());
  CHECK(count(lab.node(1), "start a") == 0);
  CHECK(count(lab.node(0), "start a") == 2);
  CHECK(logged(lab.node(0), "a: failed, and stays so by its policy"));
  lab.kill(0);
  CHECK(lab.where(0) == "n2");
}

TEST_CASE("maintenance: nothing moves, whoever dies; then everything does") {
  Pair lab;
  lab.start_all();
  const auto order = [&](std::size_t node, std::string_view state) {
    Message message;
    message.add("t", "sys_maintenance");
    message.add("state", state);
    message.add("sys_order", "5");
    lab.ours(node).handle(
        ResourceMessage{NodeId{static_cast<std::uint16_t>(node)}, &message});
    lab.run();
  };
  order(0, "on");
  CHECK(seen(lab, 0)->maintenance == 1);
  CHECK(seen(lab, 1)->maintenance == 1);  // the whole cluster's
  lab.fifo(0, {{"t", "ask_resources"}, {"rsc_hold", "all"}, {"info", "me"}, {"sys_order", "9"}});
  lab.run();
  CHECK(lab.where(0) == "n1");
  CHECK(seen(lab, 0)->order == 9);
  CHECK(seen(lab, 0)->order_result == OrderResult::refused);
  CHECK(seen(lab, 0)->order_text.view() == "Standby refused: maintenance is on.");
  lab.fifo(0, {{"t", "hb_takeover"}, {"rsc_hold", "all"}, {"sys_order", "10"}});
  lab.run();
  CHECK(seen(lab, 0)->order_result == OrderResult::refused);
  lab.kill(0);
  lab.advance(300s);
  CHECK(lab.where(0).empty());
  CHECK(lab.where(1) == "n2");
  lab.restart_ours(0);
  CHECK(seen(lab, 0)->maintenance == 1);  // learnt from the other one
  CHECK(lab.where(0).empty());
  order(0, "off");
  CHECK(seen(lab, 1)->maintenance == 0);
  CHECK(lab.where(0) == "n1");
  CHECK(lab.where(1) == "n2");
}

TEST_CASE("W17: who orders a standby or a takeover is told whether it was accepted, and why not") {
  Lab lab{2, {"n1 a", "n2 b"}};
  lab.add_ours(0, AutoFailback::off);
  lab.start_all();
  lab.fifo(0, {{"t", "ask_resources"}, {"rsc_hold", "all"}, {"info", "me"}, {"sys_order", "1"}});
  lab.run();
  CHECK(seen(lab, 0)->order == 1);
  CHECK(seen(lab, 0)->order_result == OrderResult::refused);
  lab.fifo(0, {{"t", "hb_takeover"}, {"rsc_hold", "all"}, {"sys_order", "2"}});
  lab.run();
  CHECK(seen(lab, 0)->order == 2);
  CHECK(seen(lab, 0)->order_result == OrderResult::refused);
  CHECK(seen(lab, 0)->order_text.view() ==
        "Takeover refused: there is no other node that could give anything.");
  Pair pair{AutoFailback::off};
  pair.start_all();
  pair.fifo(0, {{"t", "ask_resources"}, {"rsc_hold", "all"}, {"info", "me"}, {"sys_order", "3"}});
  pair.run();
  CHECK(pair.where(0) == "n2");
  CHECK(seen(pair, 0)->order == 3);
  CHECK(seen(pair, 0)->order_result == OrderResult::begun);
}

TEST_CASE("mixed: maintenance here refuses what a 3.0.6 node wants to move") {
  Lab lab{2, {"n1 a", "n2 b"}};
  lab.add_ours(0, AutoFailback::off);
  lab.add_old(1, AutoFailback::off);
  lab.start_all();
  Message order;
  order.add("t", "sys_maintenance");
  order.add("state", "on");
  lab.ours(0).handle(ResourceMessage{NodeId{0}, &order});
  lab.run();
  lab.fifo(1, {{"t", "ask_resources"}, {"rsc_hold", "all"}, {"info", "me"}});
  lab.run();
  lab.advance(30s);
  CHECK(lab.where(0) == "n1");
  CHECK(lab.where(1) == "n2");
}
