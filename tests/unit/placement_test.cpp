// placement_test: every node computes the same taker
#include "core/placement.hpp"

#include <doctest/doctest.h>

using namespace hb::core;

namespace {

Config cluster(std::initializer_list<const char*> names) {
  Config config;
  for (const auto* name : names) config.nodes.push_back({name, NodeType::normal});
  config.node_name = config.nodes.front().name;
  return config;
}

NodeSet without(std::size_t count, std::initializer_list<std::size_t> gone) {
  NodeSet set;
  for (std::size_t i = 0; i < count; ++i) set.set(i);
  for (const auto each : gone) set.reset(each);
  return set;
}

}  // namespace

TEST_CASE("a live home takes its own group") {
  const Placement placement{cluster({"a", "b", "c"})};
  CHECK(placement.taker(NodeId{1}, without(3, {})) == NodeId{1});
}

TEST_CASE("the next in the order of names follows, and after the last the first") {
  const Placement placement{cluster({"a", "b", "c"})};
  CHECK(placement.taker(NodeId{1}, without(3, {1})) == NodeId{2});
  CHECK(placement.taker(NodeId{2}, without(3, {2})) == NodeId{0});
  CHECK(placement.taker(NodeId{2}, without(3, {0, 2})) == NodeId{1});
}

TEST_CASE("nobody is found among nobody") {
  const Placement placement{cluster({"a", "b"})};
  CHECK(placement.taker(NodeId{0}, NodeSet{}) == no_node);
}

TEST_CASE("the order of ha.cf does not matter: each node finds the same name") {
  const Config here = cluster({"c", "a", "b"});
  const Config there = cluster({"b", "c", "a"});
  const Placement mine{here}, theirs{there};
  const auto name_here = here.nodes[mine.taker(NodeId{0}, without(3, {0})).value].name;
  const auto name_there = there.nodes[theirs.taker(NodeId{1}, without(3, {1})).value].name;
  CHECK(name_here == "a");
  CHECK(name_there == "a");
}

TEST_CASE("a ping node never takes anything") {
  Config config = cluster({"a", "b"});
  config.nodes.push_back({"router", NodeType::ping});
  const Placement placement{config};
  CHECK(placement.nodes().size() == 2);
  CHECK(placement.taker(NodeId{0}, without(3, {0, 1})) == no_node);
}
