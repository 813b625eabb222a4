// connectivity_test: ipfail's exchange: who is told what, who gives up, when, and what a tie does
#include "clients/connectivity.hpp"

#include <doctest/doctest.h>

#include <initializer_list>
#include <utility>

using namespace hb::clients;
using namespace std::chrono_literals;
using hb::core::Instant;
using hb::core::Message;
using hb::core::never;

namespace {

using News = Connectivity::News;
using Say = Connectivity::Say;
using GiveUp = Connectivity::GiveUp;

constexpr Instant start{100s};

Message message(std::initializer_list<std::pair<const char*, const char*>> fields) {
  Message result;
  for (const auto& [name, value] : fields) result.add(name, value);
  return result;
}

Connectivity node(bool failback = true) {
  return Connectivity{{"n1", 2s, failback}};
}

Say hear(Connectivity& ipfail, News news, std::uint64_t other, std::uint64_t own,
         Instant at = start) {
  return ipfail.handle({news, other}, own, at).say;
}

}  // namespace

TEST_CASE("which messages are news") {
  const Connectivity ipfail = node();
  const auto news = [&](std::initializer_list<std::pair<const char*, const char*>> fields) {
    return ipfail.read(message(fields)).news;
  };
  CHECK(news({{"t", "status"}, {"src", "gw"}, {"st", "dead"}, {"info", "ping"}}) == News::changed);
  CHECK(news({{"t", "status"}, {"src", "n2"}, {"st", "dead"}}) == News::nothing);
  CHECK(news({{"t", "status"}, {"src", "n2"}, {"st", "active"}}) == News::nothing);
  CHECK(news({{"t", "ifstat"}, {"node", "n2"}, {"ifname", "eth0"}, {"st", "dead"}}) ==
        News::changed);
  CHECK(news({{"t", "ifstat"}, {"node", "n2"}, {"ifname", "eth0"}, {"st", "up"}}) ==
        News::nothing);
  CHECK(news({{"t", "NS_st"}, {"src", "gw"}, {"st", "ping"}}) == News::changed);
  CHECK(news({{"t", "hbapi-clstat"}, {"src", "n2"}, {"st", "join"}}) == News::changed);
  CHECK(news({{"t", "hbapi-clstat"}, {"src", "n1"}, {"st", "join"}}) == News::nothing);
  CHECK(news({{"t", "hbapi-clstat"}, {"src", "n2"}, {"st", "leave"}}) == News::nothing);
  CHECK(news({{"t", "you_are_dead"}, {"src", "n2"}}) == News::told_to_give_up);
  CHECK(news({{"t", "you_are_dead"}, {"src", "n1"}}) == News::nothing);
  CHECK(news({{"t", "abort_giveup"}, {"src", "n2"}}) == News::told_to_stay);
  CHECK(news({{"t", "num_ping_nodes"}, {"src", "n2"}}) == News::nothing);
  CHECK(news({{"t", "num_ping_nodes"}, {"src", "n2"}, {"num_ping", "-1"}}) == News::nothing);
  CHECK(news({{"t", "num_ping_nodes"}, {"src", "n1"}, {"num_ping", "3"}}) == News::nothing);
  const auto count = ipfail.read(message({{"t", "num_ping_nodes"}, {"src", "n2"},
                                          {"num_ping", "3"}}));
  CHECK(count.news == News::count_of_other);
  CHECK(count.count == 3);
}

TEST_CASE("a change is told; the better node tells the worse one; that gives up all, once") {
  Connectivity worse = node(), better = node();
  CHECK(hear(worse, News::changed, 0, 0) == Say::our_count);
  CHECK(worse.deadline() == never);
  CHECK(hear(better, News::count_of_other, 0, 1) == Say::you_are_dead);
  CHECK(better.deadline() == never);
  CHECK(hear(worse, News::told_to_give_up, 0, 0) == Say::nothing);
  CHECK(worse.deadline() == start + 2s);
  CHECK(hear(worse, News::told_to_give_up, 0, 0, start + 1s) == Say::nothing);
  CHECK(worse.deadline() == start + 2s);  // told twice, it happens no later
  CHECK(worse.due("local", start + 1s).give_up == GiveUp::nothing);
  CHECK(worse.due("local", start + 2s).give_up == GiveUp::all);
  // If nothing came of it, it counts again.
  CHECK(worse.deadline() == start + 2s + Connectivity::second_look);
  CHECK(worse.due("none", worse.deadline()).say == Say::nothing);
  CHECK(worse.deadline() == never);
}

TEST_CASE("a standby that did not happen is asked for again, by a new count") {
  Connectivity ipfail = node();
  (void)hear(ipfail, News::count_of_other, 2, 1);
  CHECK(ipfail.due("all", start + 2s).give_up == GiveUp::all);
  Instant at = ipfail.deadline();
  CHECK(ipfail.due("transition", at).say == Say::nothing);
  at = ipfail.deadline();
  CHECK(ipfail.due("all", at).say == Say::our_count);
  CHECK(ipfail.deadline() == never);
}

TEST_CASE("a node that is told a larger count gives up by itself; a tie in time saves it") {
  Connectivity ipfail = node(false);
  CHECK(hear(ipfail, News::count_of_other, 2, 1) == Say::nothing);
  CHECK(ipfail.deadline() == start + 2s);
  // The other node has lost the same ping node a moment later.
  CHECK(hear(ipfail, News::count_of_other, 1, 1, start + 1s) == Say::abort_giveup);
  CHECK(ipfail.deadline() == never);
  (void)hear(ipfail, News::told_to_give_up, 0, 1, start + 3s);
  CHECK(hear(ipfail, News::told_to_stay, 0, 1, start + 4s) == Say::nothing);
  CHECK(ipfail.deadline() == never);
  // Or has lost more.
  (void)hear(ipfail, News::count_of_other, 2, 1, start + 5s);
  CHECK(hear(ipfail, News::count_of_other, 0, 1, start + 6s) == Say::you_are_dead);
  CHECK(ipfail.deadline() == never);
}

TEST_CASE("a tie does nothing, but sends what is foreign home if auto_failback is on") {
  Connectivity off = node(false), on = node(true);
  CHECK(hear(off, News::count_of_other, 1, 1) == Say::abort_giveup);
  CHECK(off.deadline() == never);
  CHECK(hear(on, News::count_of_other, 1, 1) == Say::abort_giveup);
  CHECK(on.due("all", start + 2s).give_up == GiveUp::foreign);
  CHECK(on.deadline() == never);
  for (const char* holding : {"local", "none"}) {
    (void)hear(on, News::count_of_other, 0, 0);
    CHECK(on.due(holding, start + 2s).give_up == GiveUp::nothing);
    CHECK(on.deadline() == never);
  }
  // The other one's word to stay is about a verdict, not about going home.
  (void)hear(on, News::count_of_other, 1, 1);
  (void)hear(on, News::told_to_stay, 0, 1);
  CHECK(on.due("foreign", start + 2s).give_up == GiveUp::foreign);
}

TEST_CASE("nothing is given up while resources move: counted again when they have come to rest") {
  Connectivity ipfail = node();
  (void)hear(ipfail, News::told_to_give_up, 0, 0);
  CHECK(ipfail.due("transition", start + 2s).give_up == GiveUp::nothing);
  CHECK(ipfail.deadline() == start + 2s + Connectivity::unsettled_pause);
  CHECK(ipfail.due("transition", start + 3s).say == Say::nothing);
  CHECK(ipfail.due("all", start + 4s).say == Say::our_count);
  CHECK(ipfail.deadline() == never);
}

TEST_CASE("who holds nothing gives up nothing") {
  Connectivity ipfail = node();
  (void)hear(ipfail, News::told_to_give_up, 0, 0);
  CHECK(ipfail.due("none", start + 2s).give_up == GiveUp::nothing);
  CHECK(ipfail.deadline() == never);
}
