// membership_test: deadlines of nodes and links are exact
#include "core/membership.hpp"

#include <doctest/doctest.h>

using namespace hb::core;
using namespace std::chrono_literals;

namespace {

constexpr Instant start{1000s};
constexpr NodeId self{0}, peer{1}, ping{2};
constexpr LinkId eth0{0}, eth1{1}, to_gateway{2};

Config config() {
  Config result;
  result.node_name = "n1";
  result.nodes = {{"n1", NodeType::normal}, {"n2", NodeType::normal}, {"gw", NodeType::ping}};
  for (const char* name : {"eth0", "eth1"}) {
    MediumConfig medium;
    medium.type = MediumType::bcast;
    medium.interface = name;
    result.media.push_back(medium);
  }
  MediumConfig gateway;
  gateway.type = MediumType::ping;
  gateway.address = "gw";
  result.media.push_back(gateway);
  result.deadtime = 6s;
  result.initdead = 20s;
  result.deadping = 8s;
  return result;
}

/// Communication is up at the start, everybody was heard then.
Membership running() {
  Membership members{config(), start};
  (void)members.heard(peer, NodeStatus::active, std::nullopt, start);
  (void)members.heard(ping, NodeStatus::ping, std::nullopt, start);
  members.communication_up(start);
  return members;
}

}  // namespace

TEST_CASE("before communication is up a silent node dies at initdead, not before") {
  Membership members{config(), start};
  CHECK_FALSE(members.all_known());
  CHECK(members.judge(start + 20s - 1ns).nodes.empty());
  CHECK(members.next_deadline() == start + 20s);
  const auto& expired = members.judge(start + 20s);
  CHECK(expired.nodes == std::vector{peer, ping});
  CHECK(members.status(peer) == NodeStatus::dead);
  CHECK(members.all_known());
  CHECK(members.next_deadline() == never);
}

TEST_CASE("a node dies exactly its dead time after its last status") {
  Membership members = running();
  (void)members.heard(peer, NodeStatus::active, std::nullopt, start + 2s);
  CHECK(members.judge(start + 8s - 1ns).nodes.empty());
  CHECK(members.next_deadline() == start + 8s);
  CHECK(members.judge(start + 8s).nodes == std::vector{peer, ping});
}

TEST_CASE("the dead time of a node is the one it asks for") {
  Membership members = running();
  (void)members.heard(peer, NodeStatus::active, 1s, start + 1s);
  CHECK(members.next_deadline() == start + 2s);
  CHECK(members.judge(start + 2s).nodes == std::vector{peer});
}

TEST_CASE("a ping node has deadping") {
  Membership members = running();
  CHECK(members.judge(start + 7s).nodes == std::vector{peer});
  CHECK(members.next_deadline() == start + 8s);
}

TEST_CASE("a receive time in the past does not move the deadline back") {
  Membership members = running();
  (void)members.heard(peer, NodeStatus::active, std::nullopt, start + 3s);
  (void)members.heard(peer, NodeStatus::active, std::nullopt, start + 1s);
  CHECK(members.judge(start + 9s - 1ns).nodes == std::vector{ping});
  CHECK(members.judge(start + 9s).nodes == std::vector{peer});
}

TEST_CASE("the local node never dies by its own verdict, nor do its links") {
  Membership members = running();
  members.set_own_status(NodeStatus::active);
  CHECK(members.link_heard(self, eth0, start));
  (void)members.judge(start + 1h);
  CHECK(members.status(self) == NodeStatus::active);
  CHECK(members.link_status(self, eth0) == LinkStatus::up);
}

TEST_CASE("a link dies by the dead time of its own node") {
  Membership members = running();
  CHECK(members.link_heard(peer, eth0, start));
  CHECK(members.link_heard(peer, eth1, start));
  CHECK_FALSE(members.link_heard(peer, eth1, start + 4s));
  (void)members.heard(peer, NodeStatus::active, std::nullopt, start + 4s);
  const auto& expired = members.judge(start + 6s);
  CHECK(expired.nodes.empty());
  REQUIRE(expired.links.size() == 1);
  CHECK(expired.links[0] == std::pair{peer, eth0});
  CHECK(members.link_status(peer, eth1) == LinkStatus::up);
  CHECK(members.link_heard(peer, eth0, start + 7s));
}

TEST_CASE("with a node die all its links") {
  Membership members = running();
  (void)members.link_heard(peer, eth0, start + 5s);
  const auto& expired = members.judge(start + 6s);
  CHECK(expired.nodes == std::vector{peer});
  CHECK(expired.links == std::vector{std::pair{peer, eth0}});
}

TEST_CASE("links belong to nodes as the media do") {
  Membership members = running();
  CHECK(members.link_status(peer, to_gateway) == LinkStatus::none);
  CHECK(members.link_status(ping, eth0) == LinkStatus::none);
  CHECK(members.link_status(ping, to_gateway) == LinkStatus::dead);
  CHECK_FALSE(members.link_heard(peer, to_gateway, start));
}

TEST_CASE("time in which we did not run is nobody's silence") {
  Membership members = running();
  members.excuse(3s, start + 8s);  // the alarm was for 5s, it is 8s now
  CHECK(members.judge(start + 9s - 1ns).nodes.empty());
  CHECK(members.judge(start + 9s).nodes == std::vector{peer});
}

TEST_CASE("after a long absence everybody has a whole dead time again, and no more") {
  Membership members = running();
  members.excuse(1h, start + 1h);
  CHECK(members.judge(start + 1h + 6s - 1ns).nodes.empty());
  CHECK(members.judge(start + 1h + 6s).nodes == std::vector{peer});
  CHECK(members.judge(start + 1h + 8s).nodes == std::vector{ping});
}

TEST_CASE("what was excused under initdead has a dead time once communication is up") {
  Membership members{config(), start};
  (void)members.heard(peer, NodeStatus::up, std::nullopt, start + 1s);
  members.excuse(30s, start + 2s);
  members.communication_up(start + 3s);
  CHECK(members.judge(start + 9s - 1ns).nodes.empty());
  CHECK(members.judge(start + 9s).nodes == std::vector{peer});
  CHECK(members.judge(start + 11s).nodes == std::vector{ping});
}

TEST_CASE("a dead node that is heard lives again") {
  Membership members = running();
  (void)members.judge(start + 6s);
  const auto heard = members.heard(peer, NodeStatus::active, std::nullopt, start + 20s);
  CHECK(heard.before == NodeStatus::dead);
  CHECK_FALSE(heard.first);
  CHECK(heard.interval == 20s);
  CHECK(members.next_deadline() <= start + 26s);
  CHECK(members.judge(start + 26s - 1ns).nodes == std::vector{ping});
  CHECK(members.judge(start + 26s).nodes == std::vector{peer});
}
