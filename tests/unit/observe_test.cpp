// observe_test: stories of the black box, and the format of metrics
#include "clients/observe/open_metrics.hpp"
#include "clients/observe/story.hpp"
#include "clients/observe/view.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

using namespace hb;
using namespace hb::clients::observe;

namespace {

using Lines = std::vector<ipc::LogLine>;

ipc::LogLine line(std::int64_t at, std::string text) {
  return {core::LogLevel::info, at, std::move(text)};
}

const Lines takeover{
    line(10, "Link n2:eth0 up."),
    line(100, "Late heartbeat: Node n2: interval 1200 ms"),
    line(1000, "Link n2:eth0 dead."),
    line(1001, "node n2: is dead"),
    line(1001, "Resources being acquired from n2."),
    line(1002, "mach_down takeover complete for node n2."),
    line(1003, "Link n2:eth0 up."),
};

ipc::Outcome started(std::string key, std::int64_t at) {
  ipc::Outcome outcome;
  outcome.key = outcome.script = std::move(key);
  outcome.operation = core::Operation::start;
  outcome.milliseconds = 31;
  outcome.at = at;
  return outcome;
}

std::vector<Step> steps(const std::vector<Telling>& story) {
  std::vector<Step> result;
  for (const Telling& each : story) result.push_back(each.step);
  return result;
}

}  // namespace

TEST_CASE("the last move, from the silence before it to its end, with its scripts") {
  const std::vector<ipc::Outcome> outcomes{started("old", 500), started("db", 1001)};
  const auto story = tell(takeover, outcomes, {});
  CHECK(steps(story) == std::vector{Step::silence, Step::verdict, Step::move, Step::script,
                                    Step::done});
  CHECK(story[1].words == "node n2: is dead");
  CHECK(story[3].sentence == "db: start: exit code 0 after 0.031 s");
  CHECK(moved(story));
}

TEST_CASE("a silence after which nothing moved is told, if there is nothing else") {
  const auto story = tell(Lines(takeover.begin(), takeover.begin() + 2), {}, {});
  CHECK(steps(story) == std::vector{Step::silence});
  CHECK(!moved(story));
  CHECK(tell({}, {}, {}).empty());
}

TEST_CASE("who is asked about: a whole name, no part of one") {
  const Subject n{Subject::Kind::node, "n"}, n2{Subject::Kind::node, "n2"};
  CHECK(tell(takeover, {}, n).empty());
  CHECK(tell(takeover, {}, n2).size() == 4);
  const std::vector<ipc::Outcome> outcomes{started("db", 100)};
  const auto story = tell(takeover, outcomes, {Subject::Kind::group, "db"});
  CHECK(steps(story) == std::vector{Step::silence, Step::script});
}

TEST_CASE("why nothing is moved: witness, held addresses, maintenance") {
  for (const char* text :
       {"Node n1 is silent and this node does not have the witness: nothing is taken",
        "db: its address still answers (52:54:00:00:00:01), although n1 is dead: held",
        "Standby refused: maintenance is on."}) {
    const auto story = tell(Lines{line(5, text)}, {}, {});
    REQUIRE(story.size() == 1);
    CHECK(story[0].step == Step::hold);
    CHECK(!moved(story));
  }
}

TEST_CASE("control bytes do not reach a terminal, nor do strange times do harm") {
  using Limits = std::numeric_limits<std::int64_t>;
  const auto story = tell(Lines{line(Limits::min(), ": is dead"), line(Limits::max(), ": is dead")},
                          {}, {});
  CHECK(story.size() == 1);
  CHECK(tell(Lines{line(0, "node \x1b[2Jn2: is dead")}, {}, {})[0].words ==
        "node ?[2Jn2: is dead");
}

TEST_CASE("metrics: families stand together, with unit, escaping, and no sample twice") {
  OpenMetrics metrics;
  metrics.add("a_seconds", MetricType::gauge, "An\nage.", {{"n", "x\"\\\n\x01"}}, "1.500");
  metrics.add("b c", MetricType::counter, "Two.", {}, 7);
  metrics.add("a_seconds", MetricType::gauge, "", {{"n", "y"}}, "2.000");
  metrics.add("a_seconds", MetricType::gauge, "", {{"n", "y"}}, "3.000");
  CHECK(metrics.text() ==
        "# TYPE a_seconds gauge\n# UNIT a_seconds seconds\n# HELP a_seconds An\\nage.\n"
        "a_seconds{n=\"x\\\"\\\\\\n?\"} 1.500\na_seconds{n=\"y\"} 2.000\n"
        "# TYPE b_c counter\n# HELP b_c Two.\nb_c_total 7\n# EOF\n");
}
