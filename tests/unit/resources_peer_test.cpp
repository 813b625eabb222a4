// resources_peer_test: one of ours together with a node that behaves as heartbeat 3.0.6
#include "tests/unit/resources_lab.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace hb::test;

namespace {

const std::vector<std::string> pair_groups{"n1 a a2", "n2 b"};

bool said(const Lab& lab, std::string_view line) {
  return std::ranges::find(lab.wire, line) != lab.wire.end();
}

/// Ours is n1, the old one n2; `ours_first`: which of them is up first.
Lab mixed_pair(AutoFailback mode, bool ours_first = true) {
  Lab lab{2, pair_groups};
  lab.add_ours(0, mode);
  lab.add_old(1, mode);
  lab.node(ours_first ? 0 : 1).communication_up();
  lab.run();
  lab.node(ours_first ? 1 : 0).communication_up();
  lab.run();
  return lab;
}

void check_settled(Lab& lab) {
  CHECK_FALSE(lab.double_seen);
  CHECK(lab.ours(0).resources->standby_state() == StandbyState::none);
  if (!lab.alive[1]) return;
  CHECK(lab.old(1).s == OldNode::S::none);
  CHECK(lab.old(1).other_stable);
  for (const auto& error : lab.old(1).errors) MESSAGE(error);
  CHECK(lab.old(1).errors.empty());
}

}  // namespace

TEST_CASE("mixed cold start, both orders: each has its own groups, without the 10 s wait") {
  for (const auto mode : {AutoFailback::on, AutoFailback::off, AutoFailback::legacy}) {
    for (const bool ours_first : {true, false}) {
      CAPTURE(static_cast<int>(mode));
      CAPTURE(ours_first);
      Lab lab = mixed_pair(mode, ours_first);
      CHECK(lab.where(0) == "n1");
      CHECK(lab.where(1) == "n2");
      check_settled(lab);
      if (mode != AutoFailback::legacy) {
        CHECK(lab.old(1).r == OldNode::R::stable);
        CHECK(lab.old(1).mine.local);
        CHECK(lab.old(1).other.local);
        CHECK_FALSE(lab.old(1).other.foreign);
      } else {
        CHECK_FALSE(said(lab, "n1 starting"));
      }
    }
  }
}

TEST_CASE("mixed: a slow start here makes the old node wait for its 10 s, no longer") {
  Lab lab{2, pair_groups};
  lab.add_ours(0);
  lab.add_old(1);
  lab.node(0).hanging.insert("a");
  lab.start_all();
  CHECK(lab.where(1).empty());
  lab.advance(10'100ms);
  CHECK(lab.where(1) == "n2");
  lab.ours(0).release("a");
  lab.run();
  CHECK(lab.where(0) == "n1");
  check_settled(lab);
}

TEST_CASE("mixed: the old node dies and returns") {
  for (const auto mode : {AutoFailback::on, AutoFailback::off, AutoFailback::legacy}) {
    CAPTURE(static_cast<int>(mode));
    Lab lab = mixed_pair(mode);
    lab.kill(1);
    CHECK(lab.where(1) == "n1");
    CHECK(lab.ours(0).resources->status() == Holding::all);
    lab.restart_old(1, mode);
    lab.advance(15s);
    CHECK(lab.where(0) == "n1");
    CHECK(lab.where(1) == (mode == AutoFailback::off ? "n1" : "n2"));
    check_settled(lab);
    if (mode == AutoFailback::on) {
      CHECK(lab.ours(0).resources->status() == Holding::local);
      CHECK(holding_of(lab.old(1).mine) == Holding::local);
      CHECK(holding_of(lab.old(1).other) == Holding::local);
    }
  }
}

TEST_CASE("mixed: ours dies and returns") {
  for (const auto mode : {AutoFailback::on, AutoFailback::off, AutoFailback::legacy}) {
    CAPTURE(static_cast<int>(mode));
    Lab lab = mixed_pair(mode);
    lab.kill(0);
    CHECK(lab.where(0) == "n2");
    lab.restart_ours(0, mode);
    lab.advance(15s);
    CHECK(lab.where(0) == (mode == AutoFailback::off ? "n2" : "n1"));
    CHECK(lab.where(1) == "n2");
    check_settled(lab);
    if (mode == AutoFailback::on) {
      CHECK(lab.ours(0).resources->status() == Holding::local);
      CHECK(holding_of(lab.old(1).mine) == Holding::local);
    }
  }
}

TEST_CASE("mixed: hb_standby on either node") {
  for (const std::size_t giver : {0U, 1U}) {
    for (const auto* set : {"all", "local", "foreign"}) {
      CAPTURE(giver);
      CAPTURE(set);
      Lab lab = mixed_pair(AutoFailback::on);
      lab.fifo(giver, {{"t", "ask_resources"}, {"rsc_hold", set}, {"info", "me"}});
      const std::string away = giver == 0 ? "n2" : "n1";
      const bool moves = std::string_view{set} != "foreign";
      CHECK(lab.where(giver) == (moves ? away : lab.config.nodes[giver].name));
      CHECK(lab.where(1 - giver) == away);
      lab.advance(15s);
      CHECK(lab.where(1 - giver) == away);
      check_settled(lab);
    }
  }
}

TEST_CASE("mixed: standby there and back again, many times") {
  Lab lab = mixed_pair(AutoFailback::off);
  for (int i = 0; i < 5; ++i) {
    lab.fifo(0, {{"t", "ask_resources"}, {"rsc_hold", "local"}, {"info", "me"}});
    CHECK(lab.where(0) == "n2");
    lab.advance(3s);
    lab.fifo(1, {{"t", "ask_resources"}, {"rsc_hold", "foreign"}, {"info", "me"}});
    CHECK(lab.where(0) == "n1");
    lab.advance(3s);
  }
  check_settled(lab);
}

TEST_CASE("mixed: hb_takeover on either node") {
  Lab lab = mixed_pair(AutoFailback::off);
  lab.fifo(0, {{"t", "hb_takeover"}, {"rsc_hold", "all"}});
  CHECK(lab.where(0) == "n1");
  CHECK(lab.where(1) == "n1");
  lab.advance(3s);
  lab.fifo(1, {{"t", "hb_takeover"}, {"rsc_hold", "all"}});
  CHECK(lab.where(0) == "n2");
  CHECK(lab.where(1) == "n2");
  lab.advance(3s);
  check_settled(lab);
}

TEST_CASE("mixed: the giver says `done` only after its stop scripts") {
  Lab lab = mixed_pair(AutoFailback::on);
  lab.ours(0).hanging.insert("a2");
  lab.fifo(0, {{"t", "ask_resources"}, {"rsc_hold", "local"}, {"info", "me"}});
  CHECK_FALSE(said(lab, "n1 ask_resources local done"));
  CHECK_FALSE(said(lab, "n1 resource none 0 standby"));
  lab.ours(0).release("a2");
  lab.run();
  CHECK(lab.where(0) == "n2");
  const auto at = [&](std::string_view line) {
    return std::ranges::find(lab.wire, line) - lab.wire.begin();
  };
  CHECK(at("n1 resource none 0 standby") < at("n1 ask_resources local done"));
  CHECK(at("n1 ask_resources local done") < at("n2 ask_resources local done"));
  check_settled(lab);
}

TEST_CASE("mixed: graceful stop of either node") {
  for (const auto mode : {AutoFailback::on, AutoFailback::legacy}) {
    for (const std::size_t leaver : {0U, 1U}) {
      CAPTURE(leaver);
      Lab lab = mixed_pair(mode);
      lab.node(leaver).stop();
      lab.run();
      CHECK(lab.node(leaver).finished);
      const std::string stays = leaver == 0 ? "n2" : "n1";
      CHECK(lab.where(0) == stays);
      CHECK(lab.where(1) == stays);
      CHECK_FALSE(lab.double_seen);
      lab.kill(leaver);
      CHECK(lab.where(0) == stays);
    }
  }
}

TEST_CASE("mixed: the old node's `none` before its release is not believed") {
  Lab lab = mixed_pair(AutoFailback::on);
  Message message;
  message.add("t", "resource");
  message.add("rsc_hold", "none");
  message.add("rtype", "full");
  message.add("isstable", "0");
  message.add("info", "shutdown");
  lab.post(NodeId{1}, message);
  lab.run();
  lab.advance(1min);
  CHECK(lab.where(1) == "n2");
  // It dies in the middle of its release: then it must be fenced, if there is a device.
  lab.kill(1);
  CHECK(said(lab, "n1 stonith n_stnth"));
  CHECK(lab.where(1) == "n1");
}

TEST_CASE("mixed: the old node does not answer a standby: nothing is released") {
  Lab lab = mixed_pair(AutoFailback::on);
  lab.old(1).r = OldNode::R::received;  // in flux: it ignores the request
  lab.fifo(0, {{"t", "ask_resources"}, {"rsc_hold", "all"}, {"info", "me"}});
  CHECK(lab.ours(0).resources->standby_state() == StandbyState::asking);
  lab.advance(11s);
  CHECK(lab.ours(0).resources->standby_state() == StandbyState::none);
  CHECK(lab.where(0) == "n1");
}

TEST_CASE("mixed: a group that does not start here is given to the old node, once") {
  Lab lab{2, pair_groups};
  lab.add_ours(0);
  lab.add_old(1);
  lab.node(0).bad_start.insert("a2");
  lab.start_all();
  lab.advance(2s);
  CHECK(lab.where(0) == "n2");
  lab.advance(10min);
  CHECK(lab.where(0) == "n2");
  check_settled(lab);
}

TEST_CASE("mixed: healed partition: the old node restarts, ours keeps its own and gives back") {
  Lab lab = mixed_pair(AutoFailback::on);
  lab.cut(0, 1);
  CHECK(lab.where(0) == "n1 n2");
  lab.heal(0, 1);
  lab.double_seen = false;
  lab.advance(2s);
  lab.node(1).stop();  // 3.0.6 gives up everything, and starts anew
  lab.run();
  CHECK(lab.where(0) == "n1");
  CHECK(lab.where(1) == "n1");
  lab.kill(1);
  lab.restart_old(1);
  lab.advance(15s);
  CHECK(lab.where(0) == "n1");
  CHECK(lab.where(1) == "n2");
}

TEST_CASE("mixed: an old node that did not notice the partition keeps its groups, ours gives way") {
  Lab lab = mixed_pair(AutoFailback::on);
  lab.ours(0).handle(NodeDied{NodeId{1}, true});
  lab.run();
  CHECK(lab.where(1) == "n1 n2");
  lab.ours(0).handle(NodeReturned{NodeId{1}, ReturnKind::partition, true});
  lab.advance(6s);
  CHECK(lab.where(0) == "n1");
  CHECK(lab.where(1) == "n2");
}

TEST_CASE("mixed legacy: a lost ip-request is repeated") {
  Lab lab = mixed_pair(AutoFailback::legacy);
  lab.kill(0);
  CHECK(lab.where(0) == "n2");
  lab.add_ours(0, AutoFailback::legacy);
  lab.node(1).up = false;  // deaf for a moment
  lab.alive[1] = true;
  lab.node(1).up = true;
  lab.node(0).communication_up();
  // The request is on its way: lose it by letting the old node sleep through its delivery.
  lab.node(1).up = false;
  lab.run();
  lab.node(1).up = true;
  CHECK(lab.where(0) == "n2");
  lab.advance(11s);
  CHECK(lab.where(0) == "n1");
  CHECK_FALSE(lab.double_seen);
}

TEST_CASE("mixed: a lost and late `unstable` is healed by the echo") {
  Lab lab = mixed_pair(AutoFailback::on);
  lab.advance(1s);
  lab.old(1).other_stable = false;  // as if our isstable=0 had arrived after the 1
  lab.fifo(0, {{"t", "ask_resources"}, {"rsc_hold", "local"}, {"info", "me"}});
  CHECK(lab.where(0) == "n1");  // refused
  lab.advance(12s);
  lab.old(1).errors.clear();
  lab.fifo(0, {{"t", "ask_resources"}, {"rsc_hold", "local"}, {"info", "me"}});
  CHECK(lab.where(0) == "n2");
}
