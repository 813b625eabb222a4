// outdating_test: dopd's requests and answers: which names pass, who is asked, what DRBD is told
#include "clients/outdating.hpp"

#include <doctest/doctest.h>

#include <initializer_list>
#include <utility>

using namespace hb::clients;
using hb::core::Message;

namespace {

using State = Outdating::PeerState;
using Number = Outdating::ClientNumber;

Message message(std::initializer_list<std::pair<const char*, const char*>> fields) {
  Message result;
  for (const auto& [name, value] : fields) result.add(name, value);
  return result;
}

template <class Kind>
std::vector<Kind> all(const Outdating::Orders& orders) {
  std::vector<Kind> found;
  for (const auto& order : orders) {
    if (const Kind* each = std::get_if<Kind>(&order)) found.push_back(*each);
  }
  return found;
}

unsigned answered(const Outdating::Orders& orders) {
  const auto answers = all<Outdating::Answer>(orders);
  REQUIRE(answers.size() == 1);
  return answers[0].value;
}

Message start_outdate(const char* node, const char* resource) {
  return message({{"t", "start_outdate"}, {"src", node}, {"dop_res", resource}, {"dest", "n1"}});
}

}  // namespace

TEST_CASE("names of resources end as arguments: what a shell or drbdadm could misread is refused") {
  for (const char* good : {"r0", "data-1", "a.b_c:d+e", "R"}) CHECK(is_resource_name(good));
  for (const char* bad : {"", "-r", "a b", "a;b", "a\nb", "$(x)", "a/b", "\xc3\xa4"}) {
    CHECK_FALSE(is_resource_name(bad));
  }
  CHECK(is_resource_name(std::string(128, 'a')));
  CHECK_FALSE(is_resource_name(std::string(129, 'a')));
  CHECK(read_outdate_request(message({{"t", "outdater"}, {"outdater_peer", "n2"},
                                      {"outdater_res", "r0"}})).has_value());
  CHECK(!read_outdate_request(message({{"t", "outdate"}, {"outdater_peer", "n2"},
                                       {"outdater_res", "r0"}})));
  CHECK(!read_outdate_request(message({{"t", "outdater"}, {"outdater_res", "r0"}})));
  CHECK(!read_outdate_request(message({{"t", "outdater"}, {"outdater_peer", "n2"},
                                       {"outdater_res", "r0;x"}})));
}

TEST_CASE("a request goes to the peer, its answer to the program that asked") {
  Outdating dopd{"n1"};
  const auto orders = dopd.asked(Number{1}, {"n2", "r0"}, State::alive);
  const auto told = all<Outdating::Tell>(orders);
  REQUIRE(told.size() == 1);
  const Message ask = dopd.message_of(told[0]);
  CHECK(ask.type() == "start_outdate");
  CHECK(ask.text_or_empty("src") == "n1");
  CHECK(ask.text_or_empty("dop_res") == "r0");
  CHECK(ask.text_or_empty("dest") == "n2");
  const auto answer = [](const char* node, const char* resource, const char* value) {
    return message({{"t", "outdate_rc"}, {"dop_value", value}, {"dop_res", resource},
                    {"src", node}, {"dest", "n1"}});
  };
  CHECK(answered(dopd.asked(Number{2}, {"n2", "r0"}, State::alive)) == outdated::asked_already);
  CHECK(all<Outdating::Tell>(dopd.asked(Number{2}, {"n2", "r1"}, State::alive)).size() == 1);
  CHECK(all<Outdating::Answer>(dopd.heard(answer("n3", "r0", "4"))).empty());  // not whom we asked
  CHECK(all<Outdating::Answer>(dopd.heard(answer("n2", "r9", "4"))).empty());
  const auto done = dopd.heard(answer("n2", "r0", "4"));
  CHECK(answered(done) == outdated::peer_outdated);
  CHECK(all<Outdating::Answer>(done)[0].client == Number{1});
  CHECK(all<Outdating::Answer>(dopd.heard(answer("n2", "r0", "4"))).empty());
  CHECK(answered(dopd.heard(answer("n2", "r1", "256"))) == outdated::failed);
  (void)dopd.asked(Number{3}, {"n2", "r0"}, State::alive);
  CHECK(answered(dopd.heard(answer("n2", "r0", "junk"))) == outdated::failed);
}

TEST_CASE("a peer that is absent, ourselves, or dies meanwhile is unreachable") {
  Outdating dopd{"n1"};
  CHECK(answered(dopd.asked(Number{1}, {"n1", "r0"}, State::is_us)) == 5);
  CHECK(answered(dopd.asked(Number{1}, {"nobody", "r0"}, State::absent)) == 5);
  (void)dopd.asked(Number{1}, {"n2", "r0"}, State::alive);
  const Message death = message({{"t", "status"}, {"src", "n2"}, {"st", "dead"}});
  CHECK(all<Outdating::Answer>(dopd.heard(message({{"t", "status"}, {"src", "n2"},
                                                   {"st", "active"}}))).empty());
  CHECK(answered(dopd.heard(death)) == outdated::peer_unreachable);
  (void)dopd.asked(Number{2}, {"n2", "r0"}, State::alive);
  dopd.gone(Number{2});
  CHECK(dopd.heard(death).empty());
  CHECK(all<Outdating::Tell>(dopd.asked(Number{3}, {"n2", "r0"}, State::alive)).size() == 1);
}

TEST_CASE("what drbdadm says is told to every node that asked, in DRBD's values") {
  CHECK(outdated_value(false, 0) == 4);
  CHECK(outdated_value(false, 5) == 3);
  CHECK(outdated_value(false, 17) == 6);
  for (const int code : {1, 3, 4, 20, 127}) CHECK(outdated_value(false, code) == 20);
  CHECK(outdated_value(true, 0) == 20);
  Outdating dopd{"n1"};
  const auto first = all<Outdating::Run>(dopd.heard(start_outdate("n2", "r0")));
  REQUIRE(first.size() == 1);
  CHECK(first[0].resource == "r0");
  CHECK(dopd.heard(start_outdate("n2", "r0")).empty());  // it runs already
  CHECK(dopd.heard(start_outdate("n3", "r0")).empty());
  CHECK(dopd.heard(start_outdate("n1", "r1")).empty());  // our own message
  const auto told = all<Outdating::Tell>(dopd.ran("r0", false, 17));
  REQUIRE(told.size() == 2);
  const Message code = dopd.message_of(told[0]);
  CHECK(code.type() == "outdate_rc");
  CHECK(code.text_or_empty("dop_value") == "6");
  CHECK(code.text_or_empty("dop_res") == "r0");
  CHECK(code.text_or_empty("dest") == "n2");
  CHECK(told[1].node == "n3");
  CHECK(dopd.ran("r0", false, 0).empty());
}

TEST_CASE("hostile requests of a peer run nothing; too many are refused, not queued") {
  Outdating dopd{"n1"};
  CHECK(all<Outdating::Run>(dopd.heard(start_outdate("n2", "r0; rm -rf x"))).empty());
  CHECK(all<Outdating::Run>(dopd.heard(start_outdate("n2", "--force"))).empty());
  for (std::size_t i = 0; i < Outdating::most_runs; ++i) {
    CHECK(all<Outdating::Run>(dopd.heard(start_outdate("n2", std::to_string(i).c_str()))).size() ==
          1);
  }
  const auto refused = dopd.heard(start_outdate("n2", "more"));
  CHECK(all<Outdating::Run>(refused).empty());
  CHECK(all<Outdating::Tell>(refused)[0].value == outdated::failed);
}
