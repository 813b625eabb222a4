// mgmt_verbs_test: what management requests answer on made-up clusters
#include "clients/mgmtd/changes.hpp"
#include "clients/mgmtd/move_order.hpp"
#include "clients/mgmtd/verbs.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace {

using namespace hb::clients;
using mgmtd::MoveOrder;
using mgmtd::Picture;
using hb::core::Result;
using Lines = std::vector<std::string>;

/// Two nodes and a ping node, seen from n1; all is well.
Picture cluster() {
  Picture picture;
  picture.self = "n1";
  picture.nodes = {{"n1", "normal", "active", "100", "", {{"eth0", "up"}, {"eth1", "up"}}},
                   {"10.0.0.1", "ping", "ping", "100", "", {{"10.0.0.1", "up"}}},
                   {"n2", "normal", "active", "50", "east", {{"eth0", "up"}, {"eth1", "up"}}}};
  picture.holding = "local";
  picture.groups = {{"IPaddr2::10.0.0.100", "n1", "n1", "running", 0},
                    {"apache", "n2", "n2", "stopped", 0}};
  picture.parameters = {{"deadtime", "2"}};
  return picture;
}

/// The answer as it goes out, without its NUL.
std::string ask(const Result<Picture>& picture, const Lines& words) {
  mgmt::Request request{words.front(), Lines(words.begin() + 1, words.end())};
  std::string text = mgmt::encode(mgmtd::carry_out(request, picture).answer);
  text.pop_back();
  return text;
}

}  // namespace

TEST_CASE("status_hblinks is good while all links of the other nodes are up") {
  CHECK(ask(cluster(), {"status_hblinks"}) == "ok\ngood");
}

TEST_CASE("status_hblinks tells one dead link of another node") {
  Picture picture = cluster();
  picture.nodes[2].links[1].status = "dead";
  CHECK(ask(picture, {"status_hblinks"}) == "ok\nhas_dead");
}

TEST_CASE("status_hblinks passes over the local node, in any case, and over ping nodes") {
  Picture picture = cluster();
  picture.self = "N1";
  picture.nodes[0].links[0].status = "dead";
  picture.nodes[1].links[0].status = "dead";
  CHECK(ask(picture, {"status_hblinks"}) == "ok\ngood");
}

TEST_CASE("without a picture every question fails with the reason") {
  const Result<Picture> none = hb::core::Error{"heartbeat is stopped on this node"};
  for (const Lines& words : {Lines{"status_hblinks"}, Lines{"all_nodes"}, Lines{"links", "n2"},
                             Lines{"rsc_status"}, Lines{"standby", "n1", "on"}})
    CHECK(ask(none, words) == "fail\nheartbeat is stopped on this node");
}

TEST_CASE("nodes and links are told in the daemon's order") {
  CHECK(ask(cluster(), {"all_nodes"}) == "ok\nn1\n10.0.0.1\nn2");
  CHECK(ask(cluster(), {"active_nodes"}) == "ok\nn1\nn2");
  CHECK(ask(cluster(), {"node_type", "10.0.0.1"}) == "ok\nping");
  CHECK(ask(cluster(), {"links", "N2"}) == "ok\neth0\neth1");
  CHECK(ask(cluster(), {"link_status", "n2", "eth1"}) == "ok\nup");
  CHECK(ask(cluster(), {"hb_config"}) == "ok\ndeadtime=2");
  CHECK(ask(cluster(), {"node_config", "n2"}) ==
        "ok\nname=n2\ntype=normal\nstatus=active\nweight=50\nsite=east\nlocal=no");
}

TEST_CASE("what is unknown is refused by its name") {
  CHECK(ask(cluster(), {"links", "n9"}) == "fail\nthere is no node n9; all_nodes lists them");
  CHECK(ask(cluster(), {"link_status", "n2", "eth7"}) ==
        "fail\nnode n2 has no link eth7; links n2 lists them");
  CHECK(ask(cluster(), {"frobnicate"}).starts_with("fail\nno such request"));
  CHECK(ask(cluster(), {"links"}).starts_with("fail\nwrong number of arguments; use: links NODE"));
  CHECK(ask(cluster(), {"all_nodes", "n1"}).starts_with("fail\nwrong number"));
}

TEST_CASE("rsc_status tells the holding, and a line for each group that the board shows") {
  CHECK(ask(cluster(), {"rsc_status"}) ==
        "ok\nlocal\nIPaddr2::10.0.0.100 owner=n1 home=n1 state=running\n"
        "apache owner=n2 home=n2 state=stopped");
  Picture picture = cluster();
  picture.groups.reset();
  CHECK(ask(picture, {"rsc_status"}) == "ok\nlocal");
}

TEST_CASE("standby orders the local daemon to give or to take") {
  const auto order = [](const char* node, const char* how, const Picture& picture = cluster()) {
    return mgmtd::carry_out({"standby", {node, how}}, picture);
  };
  using What = MoveOrder::What;
  using Which = MoveOrder::Which;
  const auto is = [](const mgmtd::Outcome& outcome, What what, Which which) {
    return outcome.answer.verdict == mgmt::Verdict::ok && outcome.order &&
           outcome.order->what == what && outcome.order->which == which;
  };
  CHECK(is(order("n1", "on"), What::give, Which::all));
  CHECK(is(order("n1", "off"), What::take, Which::local));
  CHECK(is(order("n2", "on"), What::take, Which::all));
  CHECK(is(order("n2", "off"), What::give, Which::foreign));

  const auto refused = [](const mgmtd::Outcome& outcome) {
    return outcome.answer.verdict == mgmt::Verdict::fail && !outcome.order;
  };
  CHECK(refused(order("n1", "maybe")));
  CHECK(refused(order("10.0.0.1", "on")));
  Picture picture = cluster();
  picture.holding = "transition";
  CHECK(refused(order("n1", "on", picture)));
  picture = cluster();
  picture.nodes[2].status = "dead";
  CHECK(refused(order("n2", "on", picture)));
  CHECK(refused(order("n1", "on", picture)));  // nobody would take them
  picture = cluster();
  picture.nodes.push_back({"n3", "normal", "active", "100", "", {}});
  CHECK(refused(order("n2", "on", picture)));  // which of two others would give up?
  CHECK(is(order("n1", "on", picture), What::give, Which::all));
}

TEST_CASE("an order has only words that we know, whoever asks for it") {
  CHECK(*mgmtd::order_text("give", "all") ==
        ">>>\nt=ask_resources\nrsc_hold=all\ninfo=me\n<<<\n");
  CHECK(*mgmtd::order_text("take", "local") == ">>>\nt=hb_takeover\nrsc_hold=local\n<<<\n");
  CHECK_FALSE(mgmtd::order_text("take", "all\nFUNCS=/tmp/x").has_value());
  CHECK_FALSE(mgmtd::order_text("stonith", "all").has_value());
}

TEST_CASE("events are what differs between two pictures, and nothing else") {
  const Picture before = cluster();
  CHECK(mgmtd::changes(before, before).empty());
  Picture after = cluster();
  after.nodes[2].status = "dead";
  after.nodes[2].links[0].status = "dead";
  after.holding = "all";
  (*after.groups)[1] = {"apache", "n2", "n1", "running", 0};
  const std::vector<mgmt::Event> wanted{{"node", "n2", "dead"},
                                        {"link", "n2", "eth0", "dead"},
                                        {"resource", "holding", "all"},
                                        {"resource", "group", "apache", "n1", "running"}};
  CHECK(mgmtd::changes(before, after) == wanted);
  after = cluster();
  after.nodes.pop_back();
  CHECK(mgmtd::changes(before, after) == std::vector<mgmt::Event>{{"node", "n2", "removed"}});
  CHECK(mgmtd::changes(Picture{}, before).size() == 3 + 5 + 3);
}

TEST_CASE("a move is a group with another owner") {
  Picture after = cluster();
  (*after.groups)[1].owner = "";
  const auto moves = mgmtd::moves(cluster(), after);
  REQUIRE(moves.size() == 1);
  CHECK(moves[0].group == "apache");
  CHECK(moves[0].from == "n2");
  CHECK(moves[0].to.empty());
  CHECK(mgmtd::is_cause("node n2: is dead"));
  CHECK_FALSE(mgmtd::is_cause("Link n2:eth0 up."));
}
