// resources_path_test: groups leave a dead service interface; addresses of the dead that answer
#include "tests/unit/resources_lab.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>

using namespace hb::test;

namespace {

constexpr std::array both{GroupId{0}, GroupId{1}};

void see(Lab& lab, std::size_t node, std::span<const GroupId> bad) {
  lab.ours(node).handle(ServicePathsSeen{bad});
  lab.run();
}

/// Two nodes with a group each, settled; groups follow their interfaces.
void settle(Lab& lab) {
  lab.start_all();
  lab.advance(30s);
  REQUIRE(lab.where(0) == "n1");
  REQUIRE(lab.where(1) == "n2");
}

void follow_interfaces(OurNode& node) { node.config.service_link_failover = true; }

bool logged(const LabNode& node, std::string_view text) {
  return std::ranges::any_of(node.log, [&](const std::string& line) {
    return line.find(text) != std::string::npos;
  });
}

}  // namespace

TEST_CASE("a group leaves a node without a path, and goes home when the path is trusted again") {
  Lab lab{2, {"n1 a", "n2 b"}};
  for (std::size_t i = 0; i < 2; ++i) follow_interfaces(lab.add_ours(i));
  settle(lab);
  see(lab, 0, {});  // what is bad at the first look counts at once
  see(lab, 0, both);
  lab.advance(400ms);
  CHECK(lab.where(0) == "n1");  // a glitch would be over by now
  lab.advance(200ms);
  CHECK(lab.where(0) == "n2");
  CHECK(lab.where(1) == "n2");
  see(lab, 0, {});
  lab.advance(9s);
  CHECK(lab.where(0) == "n2");
  lab.advance(3s);
  CHECK(lab.where(0) == "n1");
  CHECK_FALSE(lab.double_seen);
}

TEST_CASE("where no node has a path the group stays, until one has") {
  Lab lab{2, {"n1 a", "n2 b"}};
  for (std::size_t i = 0; i < 2; ++i) follow_interfaces(lab.add_ours(i));
  settle(lab);
  see(lab, 1, both);
  see(lab, 0, both);
  lab.advance(30s);
  CHECK(lab.where(0) == "n1");
  see(lab, 1, {});
  lab.advance(15s);
  CHECK(lab.where(0) == "n2");
  CHECK_FALSE(lab.double_seen);
}

TEST_CASE("a node without a path takes over only if there is no other") {
  Lab lab{3, {"n1 a", "n2 b", "n3 c"}};
  for (std::size_t i = 0; i < 3; ++i) follow_interfaces(lab.add_ours(i));
  lab.start_all();
  lab.advance(30s);
  constexpr std::array all{GroupId{0}, GroupId{1}, GroupId{2}};
  see(lab, 1, all);  // n2, the next in line for the group of n1
  lab.advance(5s);
  lab.kill(0);
  lab.advance(5s);
  CHECK(lab.where(0) == "n3");
  lab.kill(2);
  lab.advance(5s);
  CHECK(lab.where(0) == "n2");
  CHECK_FALSE(lab.double_seen);
}

TEST_CASE("service_link_failover off: nothing moves, and nothing is told to the peers") {
  Lab lab{2, {"n1 a", "n2 b"}};
  for (std::size_t i = 0; i < 2; ++i) lab.add_ours(i);
  settle(lab);
  const auto said = lab.wire.size();
  see(lab, 0, both);
  lab.advance(30s);
  CHECK(lab.where(0) == "n1");
  CHECK(lab.wire.size() == said);
  CHECK(logged(lab.ours(0), "service_link_failover off: it stays"));
}

TEST_CASE("a 3.0.6 peer gets a plain standby, once") {
  Lab lab{2, {"n1 a", "n2 b"}};
  follow_interfaces(lab.add_ours(0));
  lab.add_old(1);
  settle(lab);
  see(lab, 0, both);
  lab.advance(20s);
  CHECK(lab.where(0) == "n2");
  CHECK(lab.old(1).errors.empty());
  const auto asked = std::ranges::count(lab.wire, "n1 ask_resources local me");
  CHECK(asked == 1);
  CHECK_FALSE(lab.double_seen);
}

TEST_CASE("what answers at a death is held back, or taken with an alarm") {
  for (const AddressConflict policy : {AddressConflict::hold, AddressConflict::take}) {
    Lab lab{2, {"n1 a", "n2 b"}};
    for (std::size_t i = 0; i < 2; ++i) lab.add_ours(i).config.address_conflict = policy;
    settle(lab);
    lab.ours(1).handle(NodeDoubtful{NodeId{0}});
    lab.ours(1).handle(AddressAnswered{GroupId{0}, "10.0.0.1 from 02:00:00:00:00:01 on eth0"});
    lab.advance(200ms);
    lab.kill(0);
    lab.run();
    CHECK(logged(lab.ours(1), "10.0.0.1 from 02:00:00:00:00:01 on eth0"));
    CHECK(lab.where(0) == (policy == AddressConflict::hold ? "" : "n2"));
    lab.advance(1s);
    lab.ours(1).handle(AddressAnswered{GroupId{0}, "still there"});
    lab.advance(1s);
    CHECK(lab.where(0) == (policy == AddressConflict::hold ? "" : "n2"));
    lab.advance(1s);  // nobody answers any more
    CHECK(lab.where(0) == "n2");
  }
}

TEST_CASE("an answer of a node that then leaves in order is no conflict") {
  Lab lab{2, {"n1 a", "n2 b"}};
  for (std::size_t i = 0; i < 2; ++i) {
    lab.add_ours(i).config.address_conflict = AddressConflict::hold;
  }
  settle(lab);
  lab.ours(1).handle(NodeDoubtful{NodeId{0}});  // it was merely slow
  lab.ours(1).handle(AddressAnswered{GroupId{0}, "n1"});
  lab.node(0).stop();
  lab.run();
  CHECK(lab.where(0) == "n2");
  CHECK_FALSE(logged(lab.ours(1), "still answers"));
}
