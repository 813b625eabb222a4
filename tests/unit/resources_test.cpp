// resources_test: takeover, failback, standby and shutdown between nodes of ours
#include "tests/unit/resources_lab.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace hb::test;

namespace {

const std::vector<std::string> pair_groups{"n1 a a2", "n2 b"};

/// Two of ours, up and settled, n1 with `a`, n2 with `b`.
Lab settled_pair(AutoFailback mode) {
  Lab lab{2, pair_groups};
  lab.add_ours(0, mode);
  lab.add_ours(1, mode);
  lab.start_all();
  return lab;
}

bool said(const Lab& lab, std::string_view line) {
  return std::ranges::find(lab.wire, line) != lab.wire.end();
}

bool logged(const LabNode& node, std::string_view part) {
  return std::ranges::any_of(node.log, [&](const std::string& line) {
    return line.find(part) != line.npos;
  });
}

}  // namespace

TEST_CASE("cold start of two: each has its own groups at once, no time passes") {
  for (const auto mode : {AutoFailback::on, AutoFailback::off, AutoFailback::legacy}) {
    CAPTURE(static_cast<int>(mode));
    Lab lab = settled_pair(mode);
    CHECK(lab.where(0) == "n1");
    CHECK(lab.where(1) == "n2");
    CHECK_FALSE(lab.double_seen);
    CHECK(lab.ours(0).resources->status() == Holding::local);
    CHECK(lab.ours(1).resources->status() == Holding::local);
  }
}

TEST_CASE("cold start with an absent node: it takes everything") {
  Lab lab{2, pair_groups};
  lab.add_ours(0);
  lab.start_all();
  CHECK(lab.where(0) == "n1");
  CHECK(lab.where(1) == "n1");
  CHECK(lab.ours(0).resources->status() == Holding::all);
  CHECK(said(lab, "n1 stonith n_stnth"));
  CHECK(said(lab, "n1 resource foreign mach_down"));
  CHECK(said(lab, "n1 resource all 1 req_our_resources()"));
  CHECK(logged(lab.node(0), "mach_down takeover complete for node n2."));
}

TEST_CASE("a node waits for a live one that has not told yet, but not for ever") {
  Lab lab{2, pair_groups};
  lab.add_ours(0);
  lab.add_ours(1);  // heard, but its communication is not up
  lab.node(0).communication_up();
  lab.run();
  CHECK(lab.where(0).empty());
  CHECK(lab.ours(0).resources->status() == Holding::transition);
  lab.advance(9'900ms);
  CHECK(lab.where(0).empty());
  lab.advance(200ms);
  CHECK(lab.where(0) == "n1");
}

TEST_CASE("the death of a node: the survivor has everything in the same step") {
  for (const auto mode : {AutoFailback::on, AutoFailback::off, AutoFailback::legacy}) {
    CAPTURE(static_cast<int>(mode));
    Lab lab = settled_pair(mode);
    lab.kill(0);
    CHECK(lab.where(0) == "n2");
    CHECK(lab.where(1) == "n2");
    CHECK(lab.ours(1).resources->status() == Holding::all);
    CHECK(logged(lab.node(1), "Resources being acquired from n1."));
    CHECK(logged(lab.node(1), "Taking over resource group a"));
  }
}

TEST_CASE("the takeover starts with the verdict: the first actions are outputs of that very step") {
  Lab lab = settled_pair(AutoFailback::on);
  lab.alive[0] = false;
  auto& node = lab.ours(1);
  node.outputs().clear();
  node.resources->handle(lab.now, NodeDied{NodeId{0}, true}, node);
  const bool runs = std::ranges::any_of(node.outputs(), [](const Output& output) {
    return std::holds_alternative<RunAction>(output);
  });
  CHECK(runs);
}

TEST_CASE("auto_failback on and legacy: the groups of a returning node go home, without a double") {
  for (const auto mode : {AutoFailback::on, AutoFailback::legacy}) {
    CAPTURE(static_cast<int>(mode));
    Lab lab = settled_pair(mode);
    lab.kill(0);
    lab.restart_ours(0, mode);
    CHECK(lab.where(0) == "n1");
    CHECK(lab.where(1) == "n2");
    CHECK_FALSE(lab.double_seen);
    CHECK(lab.ours(0).resources->status() == Holding::local);
    CHECK(lab.ours(1).resources->status() == Holding::local);
    CHECK(said(lab, mode == AutoFailback::on ? "n2 ask_resources foreign me" : "n1 ip-request a"));
  }
}

TEST_CASE("auto_failback off: nothing moves when a node returns") {
  Lab lab = settled_pair(AutoFailback::off);
  lab.kill(0);
  lab.restart_ours(0, AutoFailback::off);
  lab.advance(1min);
  CHECK(lab.where(0) == "n2");
  CHECK(lab.where(1) == "n2");
  CHECK(lab.ours(0).resources->status() == Holding::none);
  CHECK(logged(lab.node(0), "Local Resource acquisition completed. (none)"));
}

TEST_CASE("hb_standby moves the set that it names, and only that") {
  struct Row {
    const char* set;
    const char* a;
    const char* b;
  };
  for (const Row row :
       {Row{"all", "n2", "n2"}, Row{"local", "n2", "n2"}, Row{"foreign", "n1", "n2"}}) {
    CAPTURE(row.set);
    Lab lab = settled_pair(AutoFailback::on);
    lab.fifo(0, {{"t", "ask_resources"}, {"rsc_hold", row.set}, {"info", "me"}});
    CHECK(lab.where(0) == row.a);
    CHECK(lab.where(1) == row.b);
    CHECK_FALSE(lab.double_seen);
    CHECK(lab.ours(0).resources->standby_state() == StandbyState::none);
    CHECK(lab.ours(1).resources->standby_state() == StandbyState::none);
    lab.advance(1min);
    CHECK(lab.where(0) == row.a);  // what was moved on purpose is not failed back
  }
}

TEST_CASE("hb_takeover: the other side gives what it is asked for") {
  Lab lab = settled_pair(AutoFailback::off);
  lab.fifo(0, {{"t", "hb_takeover"}, {"rsc_hold", "all"}});
  CHECK(lab.where(0) == "n1");
  CHECK(lab.where(1) == "n1");
  lab.fifo(1, {{"t", "hb_takeover"}, {"rsc_hold", "failback"}});
  CHECK(lab.where(0) == "n1");  // failback means its own groups, not all (3.0.6)
  CHECK(lab.where(1) == "n2");
  lab.fifo(1, {{"t", "hb_takeover"}, {"rsc_hold", "foreign"}});
  CHECK(lab.where(0) == "n2");
  CHECK_FALSE(lab.double_seen);
}

TEST_CASE("hb_standby without another node is refused at once, and says why") {
  Lab lab{2, pair_groups};
  lab.add_ours(0);
  lab.start_all();
  lab.fifo(0, {{"t", "ask_resources"}, {"rsc_hold", "all"}, {"info", "me"}});
  CHECK(lab.where(0) == "n1");
  CHECK(logged(lab.node(0), "there is no other node"));
  CHECK(logged(lab.node(0), "No reply to standby request.  Standby request cancelled."));
}

TEST_CASE("hb_standby in legacy mode is refused, and says why") {
  Lab lab = settled_pair(AutoFailback::legacy);
  lab.fifo(0, {{"t", "ask_resources"}, {"rsc_hold", "all"}, {"info", "me"}});
  CHECK(lab.where(0) == "n1");
  CHECK(logged(lab.node(0), "Standby mode only implemented when nice_failback on"));
}

TEST_CASE("two standbys that cross: one goes through, the other is refused") {
  Lab lab = settled_pair(AutoFailback::on);
  Message one, two;
  for (auto* each : {&one, &two}) {
    each->add("t", "ask_resources");
    each->add("rsc_hold", "local");
    each->add("info", "me");
  }
  lab.post(NodeId{0}, one);
  lab.post(NodeId{1}, two);
  lab.run();
  lab.advance(15s);
  CHECK_FALSE(lab.double_seen);
  CHECK(lab.where(0) == lab.where(1));  // one node gave its own to the other
  CHECK(lab.ours(0).resources->standby_state() == StandbyState::none);
  CHECK(lab.ours(1).resources->standby_state() == StandbyState::none);
}

TEST_CASE("a graceful stop releases first and tells then; the other node takes over at once") {
  for (const auto mode : {AutoFailback::on, AutoFailback::legacy}) {
    Lab lab = settled_pair(mode);
    lab.node(0).stop();
    CHECK(lab.node(0).finished);
    CHECK(lab.where(0).empty());
    lab.run();
    CHECK(lab.where(0) == "n2");
    CHECK_FALSE(lab.double_seen);
    CHECK(said(lab, "n1 shutdone"));
    CHECK(logged(lab.node(1), "Received shutdown notice from 'n1'."));
    lab.kill(0);
    CHECK(logged(lab.node(1), "Dead node n1 gave up resources."));
    CHECK(said(lab, "n2 stonith unneeded"));
  }
}

TEST_CASE("a stop touches only what this node holds") {
  Lab lab = settled_pair(AutoFailback::on);
  auto& node = lab.ours(0);
  node.calls.clear();
  node.stop();
  CHECK(node.calls == std::vector<std::string>{"stop a2", "stop a"});
}

TEST_CASE("a stop before communication is up ends at once") {
  Lab lab{2, pair_groups};
  lab.add_ours(0).stop();
  CHECK(lab.node(0).finished);
  CHECK(lab.wire.empty());
}

TEST_CASE("a group that cannot be stopped is never announced as released") {
  Lab lab = settled_pair(AutoFailback::on);
  lab.node(0).bad_stop.insert("a");
  lab.node(0).stop();
  lab.run();
  CHECK_FALSE(lab.node(0).finished);
  lab.advance(15s);
  CHECK(lab.node(0).finished);
  CHECK_FALSE(said(lab, "n1 shutdone"));
  CHECK(lab.where(0) == "n1(part)");
  CHECK_FALSE(lab.double_seen);
  CHECK(logged(lab.node(0), "could not be released"));
}

TEST_CASE("a standby with a group that cannot be stopped moves the others") {
  Lab lab{2, {"n1 a", "n1 c", "n2 b"}};
  lab.add_ours(0);
  lab.add_ours(1);
  lab.start_all();
  lab.node(0).bad_stop.insert("a");
  lab.fifo(0, {{"t", "ask_resources"}, {"rsc_hold", "local"}, {"info", "me"}});
  lab.advance(15s);
  CHECK(lab.where(0) == "n1");
  CHECK(lab.where(1) == "n2");
  CHECK(lab.ours(0).row(0).state == GroupState::unknown);
  CHECK_FALSE(lab.double_seen);
  lab.node(0).bad_stop.clear();
  lab.advance(31s);
  CHECK(lab.where(0) == "n1");  // stopped at last, and free: its home takes it again
  CHECK(lab.ours(0).row(0).state == GroupState::running);
}

TEST_CASE("a group that does not start here is started by the other node") {
  Lab lab{2, pair_groups};
  lab.add_ours(0);
  lab.add_ours(1);
  lab.node(0).bad_start.insert("a2");
  lab.start_all();
  CHECK(lab.where(0) == "n2");
  CHECK(lab.ours(0).row(0).state == GroupState::failed);
  CHECK(lab.ours(0).row(0).failures == 2);
  CHECK(lab.ours(0).row(0).owner == NodeId{1});
  lab.advance(5min);
  CHECK(lab.where(0) == "n2");  // and stays there
  CHECK_FALSE(lab.double_seen);
  SUBCASE("until that one dies: then it is tried here again") {
    lab.node(0).bad_start.clear();
    lab.kill(1);
    CHECK(lab.where(0) == "n1");
  }
}

TEST_CASE("a group that starts nowhere is tried again every 30 s") {
  Lab lab{2, pair_groups};
  lab.add_ours(0);
  lab.add_ours(1);
  lab.node(0).bad_start.insert("a");
  lab.node(1).bad_start.insert("a");
  lab.start_all();
  CHECK(lab.where(0).empty());
  CHECK(lab.where(1) == "n2");
  lab.node(0).bad_start.clear();
  lab.advance(29s);
  CHECK(lab.where(0).empty());
  lab.advance(2s);
  CHECK(lab.where(0) == "n1");
}

TEST_CASE("a hanging start holds up its own group only") {
  Lab lab{2, {"n1 a", "n1 c", "n2 b"}};
  lab.add_ours(0);
  lab.add_ours(1);
  lab.node(0).hanging.insert("a");
  lab.start_all();
  CHECK(lab.where(0).empty());
  CHECK(lab.where(1) == "n1");
  CHECK(lab.ours(0).resources->status() == Holding::transition);
  SUBCASE("the other node's death is acted on") {
    lab.kill(1);
    CHECK(lab.where(2) == "n1");
  }
  SUBCASE("a standby waits for it, and then moves it") {
    lab.fifo(0, {{"t", "ask_resources"}, {"rsc_hold", "local"}, {"info", "me"}});
    CHECK(lab.where(0).empty());
    lab.ours(0).release("a");
    lab.run();
    CHECK(lab.where(0) == "n2");
    CHECK(lab.where(1) == "n2");
  }
  SUBCASE("a shutdown kills it after a minute") {
    lab.node(0).stop();
    lab.advance(61s);
    CHECK(std::ranges::find(lab.ours(0).calls, "kill a") != lab.ours(0).calls.end());
  }
  CHECK_FALSE(lab.double_seen);
}

TEST_CASE("the giver dies between release and the taker's answer: nothing is lost or doubled") {
  Lab lab = settled_pair(AutoFailback::on);
  lab.ours(0).hanging.insert("a2");
  lab.fifo(0, {{"t", "ask_resources"}, {"rsc_hold", "local"}, {"info", "me"}});
  CHECK(lab.ours(1).resources->standby_state() == StandbyState::granted);
  lab.kill(0);
  CHECK(lab.where(0) == "n2");
  CHECK(lab.ours(1).resources->standby_state() == StandbyState::none);
  CHECK(logged(lab.node(1), "Cancelling pending standby operation"));
}

TEST_CASE("the taker dies while the giver stops: the giver keeps its groups") {
  Lab lab = settled_pair(AutoFailback::on);
  lab.ours(0).hanging.insert("a2");
  lab.fifo(0, {{"t", "ask_resources"}, {"rsc_hold", "local"}, {"info", "me"}});
  lab.kill(1);
  lab.ours(0).release("a2");
  lab.run();
  CHECK(lab.where(0) == "n1");
  CHECK(lab.where(1) == "n1");
}

TEST_CASE("a healed partition of two: the one that took over last releases") {
  for (const auto mode : {AutoFailback::on, AutoFailback::off, AutoFailback::legacy}) {
    CAPTURE(static_cast<int>(mode));
    Lab lab = settled_pair(mode);
    lab.cut(0, 1);
    CHECK(lab.where(0) == "n1 n2");
    CHECK(lab.where(1) == "n1 n2");
    lab.ours(0).calls.clear();
    lab.heal(0, 1);
    lab.advance(2s);
    CHECK(lab.where(0) == "n1");
    CHECK(lab.where(1) == "n2");
    CHECK(std::ranges::find(lab.ours(0).calls, "start a") == lab.ours(0).calls.end());
  }
}

TEST_CASE("only one side saw the partition: it gives back what it took") {
  Lab lab = settled_pair(AutoFailback::on);
  lab.cut(0, 1);
  // n2 was merely paused: to it nothing has happened.
  Lab fresh = settled_pair(AutoFailback::on);
  fresh.ours(0).handle(NodeDied{NodeId{1}, true});
  CHECK(fresh.where(1) == "n1 n2");
  fresh.ours(0).handle(NodeReturned{NodeId{1}, ReturnKind::partition, true});
  fresh.run();
  CHECK(fresh.where(0) == "n1");
  CHECK(fresh.where(1) == "n2");
}

TEST_CASE("who was away releases what the other one took meanwhile, and that one keeps it") {
  Lab lab = settled_pair(AutoFailback::off);
  lab.ours(1).handle(NodeDied{NodeId{0}, true});
  CHECK(lab.where(0) == "n1 n2");
  lab.ours(0).calls.clear();
  lab.ours(1).calls.clear();
  lab.ours(0).handle(WasAway{WasAway::Consequence::ask_peers});
  lab.ours(1).handle(NodeReturned{NodeId{0}, ReturnKind::partition, true});
  lab.run();
  CHECK(lab.ours(0).calls == std::vector<std::string>{"stop a2", "stop a"});
  CHECK(std::ranges::find(lab.ours(1).calls, "stop a") == lab.ours(1).calls.end());
  CHECK(lab.where(0) == "n2");
}

TEST_CASE("who was away keeps what the other one says it did not take") {
  Lab lab = settled_pair(AutoFailback::on);
  lab.ours(0).calls.clear();
  lab.ours(0).handle(WasAway{WasAway::Consequence::ask_peers});
  lab.advance(1s);
  CHECK(lab.ours(0).calls.empty());
  CHECK(lab.where(0) == "n1");
  lab.kill(1);  // nothing of the doubt is left
  CHECK(lab.where(1) == "n1");
}

TEST_CASE("who was away releases what nobody vouches for, and takes it back from a dead node") {
  Lab lab = settled_pair(AutoFailback::on);
  lab.lose(0, 1);
  lab.ours(0).handle(WasAway{WasAway::Consequence::ask_peers});
  lab.advance(99ms);
  CHECK(lab.where(0) == "n1");
  lab.advance(2ms);
  CHECK(lab.where(0) == "");
  lab.advance(5s);
  CHECK(lab.where(0) == "");
  lab.ours(0).handle(NodeDied{NodeId{1}, true});
  lab.run();
  CHECK(lab.ours(0).running.contains("a"));
  CHECK(lab.ours(0).running.contains("b"));
}

TEST_CASE("with a 3.0.6 peer who was away releases all and begins anew") {
  Lab lab = settled_pair(AutoFailback::on);
  lab.ours(0).handle(WasAway{WasAway::Consequence::begin_anew});
  lab.run();
  CHECK(lab.ours(0).running.empty());
  CHECK(lab.ours(0).begun_anew);
  CHECK_FALSE(lab.ours(0).finished);
}

TEST_CASE("the winner of a conflict announces its address again") {
  Lab lab{2, {"n1 IPaddr2::10.0.0.1", "n2 b"}};
  lab.add_ours(0);
  lab.add_ours(1);
  lab.start_all();
  lab.cut(0, 1);
  lab.ours(0).calls.clear();
  lab.heal(0, 1);
  lab.advance(2s);
  CHECK(lab.where(0) == "n1");
  CHECK(std::ranges::count(lab.ours(0).calls, "start IPaddr2::10.0.0.1") == 1);
}

TEST_CASE("a master that continues keeps what it holds, and nobody notices") {
  Lab lab = settled_pair(AutoFailback::on);
  const Inheritance inheritance{{GroupId{0}}, true, {}};
  lab.add_ours(0, AutoFailback::on, inheritance);
  lab.node(0).communication_up();
  lab.run();
  CHECK(lab.where(0) == "n1");
  CHECK(lab.ours(0).calls.empty());
  CHECK(lab.ours(0).resources->status() == Holding::local);
  lab.kill(1);
  CHECK(lab.where(1) == "n1");
}

TEST_CASE("a node that restarts: what it had released is free at once, the rest is not") {
  Lab lab = settled_pair(AutoFailback::on);
  SUBCASE("it had said shutdone, and was not dead yet") {
    lab.node(0).stop();
    lab.run();
    REQUIRE(lab.where(0) == "n2");
    lab.alive[0] = true;
    lab.add_ours(0);
    lab.node(1).returned(NodeId{0}, ReturnKind::restart, false);
    CHECK(lab.ours(1).resources->next_deadline() - lab.now.instant > 10s);  // nothing is awaited
    lab.kill(0);
    CHECK(lab.where(0) == "n2");
  }
  SUBCASE("only its daemon: its groups stay its own until it has told, or 10 s have passed") {
    lab.add_ours(0);  // it is not coming up
    lab.node(1).returned(NodeId{0}, ReturnKind::restart, false);
    lab.advance(9s);
    CHECK(lab.where(0).empty());
    lab.advance(2s);
    CHECK(lab.where(0) == "n2");
  }
  SUBCASE("it was dead: everything is ours, it comes empty-handed") {
    lab.kill(0);
    REQUIRE(lab.where(0) == "n2");
    lab.alive[0] = true;
    lab.add_ours(0);
    lab.node(1).returned(NodeId{0}, ReturnKind::restart, true);
    lab.advance(11s);
    CHECK(lab.where(0) == "n2");
  }
}

TEST_CASE("what is found running at a fresh start is kept, unless another node has it") {
  const Inheritance inheritance{{GroupId{0}}, false, {}};
  SUBCASE("nobody has it") {
    Lab lab{2, pair_groups};
    lab.add_ours(0, AutoFailback::on, inheritance);
    lab.add_ours(1);
    lab.start_all();
    CHECK(lab.where(0) == "n1");
    CHECK(lab.ours(0).calls.empty());
  }
  SUBCASE("the other node took it meanwhile") {
    Lab lab = settled_pair(AutoFailback::off);
    lab.kill(0);
    lab.add_ours(0, AutoFailback::off, inheritance);
    lab.node(1).returned(NodeId{0}, ReturnKind::restart, true);
    lab.node(0).communication_up();
    lab.run();
    CHECK(lab.where(0) == "n2");
  }
}

TEST_CASE("the runner dies during a takeover: what it was doing is done again") {
  Lab lab = settled_pair(AutoFailback::on);
  lab.ours(1).hanging.insert("a");
  lab.kill(0);
  CHECK(lab.where(0).empty());
  lab.ours(1).lose_runner();
  lab.run();
  CHECK(lab.where(0) == "n2");
}

TEST_CASE("a removed service address is started again") {
  Lab lab = settled_pair(AutoFailback::on);
  lab.ours(0).running.erase("a");
  lab.ours(0).handle(AddressLost{GroupId{0}, "10.0.0.1 dev eth0"});
  CHECK(lab.where(0) == "n1");
}

// ---- three and more nodes

TEST_CASE("three nodes: exactly one survivor takes each group") {
  Lab lab{3, {"n1 a", "n2 b", "n3 c"}};
  for (std::size_t i = 0; i < 3; ++i) lab.add_ours(i);
  lab.start_all();
  CHECK(lab.where(0) == "n1");
  CHECK(lab.where(1) == "n2");
  CHECK(lab.where(2) == "n3");
  lab.kill(0);
  CHECK(lab.where(0) == "n2");
  lab.kill(1);
  CHECK(lab.where(0) == "n3");
  CHECK(lab.where(1) == "n3");
  CHECK_FALSE(lab.double_seen);
  lab.restart_ours(0);
  CHECK(lab.where(0) == "n1");
  CHECK(lab.where(1) == "n3");
  lab.restart_ours(1);
  CHECK(lab.where(1) == "n2");
  CHECK_FALSE(lab.double_seen);
}

TEST_CASE("three nodes: a standby shares out, one exchange for each taker") {
  Lab lab{3, {"n1 a", "n2 b", "n3 c"}};
  for (std::size_t i = 0; i < 3; ++i) lab.add_ours(i);
  lab.start_all();
  lab.kill(2);
  CHECK(lab.where(2) == "n1");
  lab.restart_ours(2, AutoFailback::off);
  lab.advance(5s);
  lab.fifo(0, {{"t", "ask_resources"}, {"rsc_hold", "all"}, {"info", "me"}});
  lab.advance(15s);
  CHECK(lab.where(0) == "n2");
  CHECK(lab.where(1) == "n2");
  CHECK(lab.where(2) == "n3");
  CHECK_FALSE(lab.double_seen);
}

TEST_CASE("three nodes: hb_takeover draws everything to the one that asks") {
  Lab lab{3, {"n1 a", "n2 b", "n3 c"}};
  for (std::size_t i = 0; i < 3; ++i) lab.add_ours(i, AutoFailback::off);
  lab.start_all();
  lab.fifo(1, {{"t", "hb_takeover"}, {"rsc_hold", "all"}});
  lab.advance(30s);
  CHECK(lab.where(0) == "n2");
  CHECK(lab.where(1) == "n2");
  CHECK(lab.where(2) == "n2");
  CHECK_FALSE(lab.double_seen);
}

TEST_CASE("three nodes: a graceful stop frees its groups for exactly one") {
  Lab lab{3, {"n1 a", "n2 b", "n3 c"}};
  for (std::size_t i = 0; i < 3; ++i) lab.add_ours(i);
  lab.start_all();
  lab.node(2).stop();
  lab.run();
  CHECK(lab.where(2) == "n1");
  CHECK_FALSE(lab.double_seen);
}

TEST_CASE("three nodes: a group that fails at its taker goes on to the next") {
  Lab lab{3, {"n1 a", "n2 b", "n3 c"}};
  for (std::size_t i = 0; i < 3; ++i) lab.add_ours(i);
  lab.node(1).bad_start.insert("a");
  lab.start_all();
  lab.kill(0);
  CHECK(lab.where(0) == "n3");
  CHECK_FALSE(lab.double_seen);
}

TEST_CASE("three nodes: n1 is cut off and comes back, everything has one owner again") {
  Lab lab{3, {"n1 a", "n2 b", "n3 c"}};
  for (std::size_t i = 0; i < 3; ++i) lab.add_ours(i);
  lab.start_all();
  lab.cut(0, 1);
  lab.cut(0, 2);
  CHECK(lab.where(0) == "n1 n2");
  lab.heal(0, 1);
  lab.heal(0, 2);
  lab.advance(5s);
  CHECK(lab.where(0) == "n1");
  CHECK(lab.where(1) == "n2");
  CHECK(lab.where(2) == "n3");
}

TEST_CASE("the table of planned moves knows each legal message, and no other") {
  using enum StandbyState;
  int rules = 0;
  for (const auto state : {none, asking, giving, released, granted, taking}) {
    for (const auto* info : {"me", "other", "done", "not", "", "junk"}) {
      for (const auto sender : {StandbySender::self, StandbySender::other}) {
        rules += standby_act(state, info, sender) ? 1 : 0;
      }
    }
  }
  CHECK(rules == static_cast<int>(standby_rules.size()));
  CHECK(standby_act(granted, "done", StandbySender::other) == StandbyAct::take);
  CHECK_FALSE(standby_act(giving, "done", StandbySender::other));
}

TEST_CASE("a `done` that arrives when the giver has long given up the move is not acted on") {
  Lab lab = settled_pair(AutoFailback::on);
  auto& taker = lab.ours(1);
  using Fields = std::vector<std::pair<const char*, const char*>>;
  const auto tell = [&](std::uint64_t number, const Fields& fields) {
    Message message;
    for (const auto& [field, value] : fields) message.add(field, value);
    message.add("src", "n1");
    message.add_hex("hg", 1);
    message.add_hex("seq", number);
    taker.handle(ResourceMessage{NodeId{0}, &message});
  };
  const Fields me{{"t", "ask_resources"}, {"rsc_hold", "local"}, {"info", "me"}, {"sys_to", "n2"},
                  {"sys_groups", "a"}};
  tell(1000, me);
  CHECK(taker.resources->standby_state() == StandbyState::granted);
  // 1001 is the `done`, lost; then n1 saw n2 die, took its group back, and announces that.
  tell(1002, {{"t", "resource"}, {"rsc_hold", "local"}, {"rtype", "full"}, {"isstable", "1"},
              {"sys_held", "2:a"}});
  CHECK(taker.resources->standby_state() == StandbyState::none);
  tell(1001, {{"t", "ask_resources"}, {"rsc_hold", "local"}, {"info", "done"}, {"sys_to", "n2"},
              {"sys_groups", "a"}});
  CHECK(lab.where(0) == "n1");
  // The same for a request that is repeated late.
  tell(999, me);
  CHECK(taker.resources->standby_state() == StandbyState::none);
}

TEST_CASE("a view that was overtaken by a newer one is not believed") {
  Lab lab = settled_pair(AutoFailback::off);
  auto& node = lab.ours(0);
  Message old;
  for (const auto& [field, value] : std::initializer_list<std::pair<const char*, const char*>>{
           {"t", "resource"}, {"rsc_hold", "none"}, {"rtype", "full"}, {"isstable", "0"},
           {"sys_held", ""}, {"src", "n2"}, {"seq", "1"}, {"hg", "1"}}) {
    old.add(field, value);
  }
  node.handle(ResourceMessage{NodeId{1}, &old});
  CHECK(node.row(1).owner == NodeId{1});
  CHECK(node.resources->status() == Holding::local);
}

TEST_CASE("who only starts a group gives way to a node that turns out to run it") {
  Lab lab = settled_pair(AutoFailback::on);
  auto& one = lab.ours(0);
  one.hanging.insert("b");
  one.handle(NodeDied{NodeId{1}, true});  // n2 was merely slow
  CHECK(one.row(1).state == GroupState::starting);
  one.handle(NodeReturned{NodeId{1}, ReturnKind::partition, true});
  lab.run();
  one.release("b");
  lab.run();
  CHECK(lab.where(1) == "n2");
  CHECK(std::ranges::find(lab.ours(1).calls, "stop b") == lab.ours(1).calls.end());
}

TEST_CASE("hostile resource messages change nothing") {
  Lab lab = settled_pair(AutoFailback::on);
  lab.ours(0).calls.clear();
  for (const auto* hold : {"", "everything", "transition", "none"}) {
    lab.fifo(1, {{"t", "ask_resources"}, {"rsc_hold", hold}, {"info", "other"}});
    lab.fifo(1, {{"t", "ask_resources"}, {"rsc_hold", hold}, {"info", "done"}});
    lab.fifo(1, {{"t", "hb_takeover"}, {"rsc_hold", hold}});
  }
  lab.fifo(1, {{"t", "ip-request-resp"}, {"dest", "n1"}, {"ipaddr", "x"}, {"ok", "OK"}});
  lab.fifo(1, {{"t", "ip-request"}});
  lab.fifo(1, {{"t", "resource"}, {"rsc_hold", "local"}, {"rtype", "full"}, {"isstable", "1"},
               {"sys_held", "99999999999999999999:a : x 1: :a 7"}});
  lab.advance(1min);
  CHECK(lab.ours(0).calls.empty());
  CHECK(lab.where(0) == "n1");
}
