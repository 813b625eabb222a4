// ordering_test: ordered messages come out in order, none is lost, none is held for ever
#include "clients/libhbclient/ordering.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

using hb::clients::libhbclient::Ordering;
using hb::core::Message;
using std::chrono::seconds;

const Ordering::Time start{};

Message numbered(std::uint64_t number, std::string_view generation = "1",
                 std::string_view node = "n2", std::string_view dest = "") {
  Message message;
  message.add("t", "test");
  message.add("src", node);
  message.add("from_id", "me");
  if (!dest.empty()) message.add("dest", dest);
  message.add("client_gen", generation);
  message.add("hg", "a1");
  message.add_hex("oseq", number);
  message.add("text", std::to_string(number));
  return message;
}

Message client_event(std::string_view state, std::string_view generation = "1") {
  Message message;
  message.add("t", "hbapi-clstat");
  message.add("st", state);
  message.add("from_id", "me");
  message.add("src", "n2");
  message.add("client_gen", generation);
  message.add("hg", "a1");
  return message;
}

/// The texts (of events: the states) of all that may be taken now.
std::string taken(Ordering& ordering, Ordering::Time now = start) {
  std::string texts;
  while (auto message = ordering.take(now)) {
    if (!texts.empty()) texts += ' ';
    texts += message->text("text") ? message->text_or_empty("text") : message->text_or_empty("st");
  }
  return texts;
}

}  // namespace

TEST_CASE("messages without a number pass at once") {
  Ordering ordering;
  Message message;
  message.add("t", "plain");
  message.add("text", "one");
  ordering.accept(message, start);
  CHECK(ordering.is_ready(start));
  CHECK(taken(ordering) == "one");
  CHECK_FALSE(ordering.is_ready(start));
}

TEST_CASE("what overtook its predecessor waits for it") {
  Ordering ordering;
  ordering.accept(numbered(1), start);
  for (const std::uint64_t number : {4u, 3u}) ordering.accept(numbered(number), start);
  CHECK(taken(ordering) == "1");
  REQUIRE(ordering.deadline().has_value());
  ordering.accept(numbered(2), start);
  CHECK(taken(ordering) == "2 3 4");
  CHECK_FALSE(ordering.deadline().has_value());
}

TEST_CASE("each node, and messages to one node, are numbered apart") {
  Ordering ordering;
  ordering.accept(numbered(1), start);
  ordering.accept(numbered(3), start);
  ordering.accept(numbered(1, "1", "n2", "n1"), start);
  ordering.accept(numbered(1, "1", "n3"), start);
  CHECK(taken(ordering) == "1 1 1");
}

TEST_CASE("who was sending before we listened begins anywhere; who joins later begins at 1") {
  Ordering ordering;
  ordering.accept(numbered(17), start);
  CHECK(taken(ordering) == "17");
  ordering.accept(numbered(16), start);  // late, but not lost
  CHECK(taken(ordering) == "16");
  ordering.accept(client_event("leave"), start);
  ordering.accept(client_event("join", "2"), start);
  CHECK(taken(ordering) == "leave join");
  ordering.accept(numbered(17, "1"), start);
  ordering.accept(numbered(2, "3"), start);  // its start was not seen, but that it is a new one
  CHECK(taken(ordering) == "17");
  ordering.accept(numbered(1, "3"), start);
  CHECK(taken(ordering) == "1 2");
}

TEST_CASE("first messages may overtake the announcement of their sender") {
  Ordering ordering;
  ordering.accept(numbered(1, "2"), start);
  ordering.accept(client_event("join", "2"), start);
  ordering.accept(numbered(2, "2"), start);
  CHECK(taken(ordering) == "1 join 2");
}

TEST_CASE("a gap that nothing can fill any more holds nothing back") {
  Message dead;
  dead.add("t", "status");
  dead.add("src", "n2");
  dead.add("st", "dead");
  for (const Message& end : {client_event("leave"), dead}) {
    Ordering ordering;
    ordering.accept(numbered(1), start);
    ordering.accept(numbered(3), start);
    CHECK(taken(ordering) == "1");
    ordering.accept(end, start);
    CHECK(taken(ordering) == "3 " + std::string(end.text_or_empty("st")));
    CHECK_FALSE(ordering.deadline().has_value());
  }
}

TEST_CASE("nothing is held longer than the limit, or beyond the limit of their number") {
  Ordering ordering;
  ordering.accept(numbered(1), start);
  ordering.accept(numbered(3), start);
  ordering.accept(numbered(6), start + seconds{1});
  CHECK(taken(ordering, start + seconds{9}) == "1");
  CHECK(*ordering.deadline() == start + Ordering::patience);
  CHECK(taken(ordering, start + Ordering::patience) == "3");
  CHECK(taken(ordering, start + 2 * Ordering::patience) == "6");

  for (std::uint64_t number = 8; number <= 8 + Ordering::held_limit; ++number)
    ordering.accept(numbered(number), start + seconds{60});
  CHECK(taken(ordering, start + seconds{60}).starts_with("8 9 10 "));
}

TEST_CASE("property: whatever comes in whatever order, every message comes out once") {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    Ordering ordering;
    std::multiset<std::string> in, out;
    const auto take_all = [&](Ordering::Time when) {
      while (auto message = ordering.take(when))
        out.insert(std::string(message->text_or_empty("text")));
    };
    auto now = start;
    std::set<std::string> used;
    for (int i = 0; i < 300; ++i) {
      now += std::chrono::milliseconds{random() % 200};
      const auto number = random() % 60;
      const std::string generation = std::to_string(random() % 3);
      const std::string node = random() % 2 ? "n2" : "n3";
      if (!used.insert(generation + "/" + node + "/" + std::to_string(number)).second) continue;
      in.insert(std::to_string(number));
      ordering.accept(numbered(number, generation, node), now);
      take_all(now);
    }
    for (int i = 0; i < 200 && ordering.deadline(); ++i) {
      now = *ordering.deadline();
      take_all(now);
    }
    CHECK_FALSE(ordering.deadline().has_value());
    CHECK(in == out);
  }
}
