// outcomes_test: how scripts ended: what is kept, what is written, and what is read back
#include "ipc/outcomes.hpp"

#include <doctest/doctest.h>

using namespace hb;
using namespace hb::ipc;
using core::ActionEnd;
using core::Operation;

namespace {

Outcome outcome(Operation operation, int code, std::string output = {},
                ActionEnd end = ActionEnd::exited) {
  return {"a", 1, "nginx::x", operation, end, code, 31, 1'700'000'000, std::move(output)};
}

}  // namespace

TEST_CASE("of each resource the last script is kept, and the last failure until it is mended") {
  Outcomes outcomes;
  outcomes.note(outcome(Operation::start, 1, "no space left\n"));
  outcomes.note(outcome(Operation::stop, 0));
  outcomes.note(outcome(Operation::status, 3));
  REQUIRE(outcomes.entries().size() == 2);
  CHECK(outcomes.entries()[0].operation == Operation::start);
  CHECK(outcomes.entries()[0].output == "no space left");
  CHECK(outcomes.entries()[1].operation == Operation::status);
  Outcome other = outcome(Operation::start, 0);
  other.resource = 2;
  outcomes.note(other);
  CHECK(outcomes.entries().size() == 3);
  outcomes.note(outcome(Operation::start, 0));
  REQUIRE(outcomes.entries().size() == 2);
  CHECK(text_of(outcomes.entries()[1]) == "start: exit code 0 after 0.031 s");
}

TEST_CASE("the last four lines of output are kept, without control bytes") {
  Outcomes outcomes;
  outcomes.note(outcome(Operation::start, 1, "one\ntwo\nthree\nfour\n\x1b[2Jfive\n\n"));
  CHECK(outcomes.entries()[0].output == "two\nthree\nfour\n [2Jfive");
  outcomes.note(outcome(Operation::start, 1, std::string(10'000, 'x')));
  CHECK(outcomes.entries()[0].output == std::string(outcome_limits::output_bytes, 'x'));
}

TEST_CASE("what is written is read back, and damage is left out") {
  Outcomes outcomes;
  outcomes.note(outcome(Operation::stop, 15, "", ActionEnd::timed_out));
  outcomes.note(outcome(Operation::status, 0, "running: yes\nfine"));
  const std::string text = outcomes.encode();
  CHECK(Outcomes::decode(text).entries() == outcomes.entries());
  CHECK(text_of(outcomes.entries()[0]) == "stop: ended, as it took too long, after 0.031 s");
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    CHECK(Outcomes::decode(std::string_view{text}.substr(0, cut)).entries().size() <= 2);
    std::string bad = text;
    bad[cut] = static_cast<char>(bad[cut] ^ 5);
    const Outcomes damaged = Outcomes::decode(bad);
    for (const Outcome& each : damaged.entries()) {
      CHECK(each.resource < core::limits::resources);
      CHECK(each.output.size() <= outcome_limits::output_bytes);
    }
  }
  CHECK(Outcomes::decode("99999999:").entries().empty());
  CHECK(Outcomes::decode("5").entries().empty());
}

TEST_CASE("no more entries than there is room for") {
  Outcomes outcomes;
  for (std::size_t i = 0; i < outcome_limits::entries + 10; ++i) {
    Outcome each = outcome(Operation::start, 0);
    each.key = std::to_string(i);
    outcomes.note(each);
  }
  CHECK(outcomes.entries().size() == outcome_limits::entries);
  CHECK(outcomes.entries()[0].key == "10");
}
