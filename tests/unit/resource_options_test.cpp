// resource_options_test: haresources.options: what may stand there, what wins, what is refused
#include "core/config_text.hpp"
#include "core/resource_options.hpp"
#include "tests/unit/config_samples.hpp"

using namespace hb::core;
using namespace hb::test;
using namespace std::chrono_literals;

namespace {

std::vector<Group> groups_of(std::string_view text) {
  return parse_haresources(text, lab_config()).groups;
}

struct Applied {
  std::vector<Group> groups = groups_of("n1 IPaddr2::10.0.0.1 nginx\nn2 db Disk::1 nginx\n");
  std::vector<Finding> findings;
  explicit Applied(std::string_view text) {
    REQUIRE(groups.size() == 2);
    findings = apply_resource_options(text, groups);
  }
};

}  // namespace

TEST_CASE("the narrower target wins, wherever it stands") {
  const Applied applied{
      "# patience\n\nresource nginx monitor 10s start_timeout 90\n"
      "group db  timeout 2m start_retries 0 after_failure stay  # its disk is here only\n"
      "default timeout 30 failure_limit 5\n"};
  CHECK(applied.findings.empty());
  const Group& web = applied.groups[0];
  const Group& db = applied.groups[1];
  CHECK(web.resources[0].policy.start_timeout == 30s);
  CHECK(web.resources[1].policy.start_timeout == 90s);
  CHECK(web.resources[1].policy.stop_timeout == 30s);
  CHECK(web.resources[1].policy.monitor == 10s);
  CHECK(web.resources[0].policy.monitor == 0s);
  CHECK(web.policy.start_retries == 1);
  CHECK(web.policy.failure_limit == 5U);
  CHECK(web.policy.after_failure == AfterFailure::move);
  CHECK(db.resources[1].policy.monitor_timeout == 120s);
  CHECK(db.resources[2].policy.start_timeout == 90s);
  CHECK(db.policy.start_retries == 0);
  CHECK(db.policy.after_failure == AfterFailure::stay);
}

TEST_CASE("without the file everything is as it was, and a monitored group has a failure limit") {
  const Applied nothing{""};
  CHECK_FALSE(nothing.groups[0].resources[0].policy.start_timeout.has_value());
  CHECK_FALSE(nothing.groups[0].policy.failure_limit.has_value());
  const Applied watched{"resource db monitor 5"};
  CHECK_FALSE(watched.groups[0].policy.failure_limit.has_value());
  CHECK(watched.groups[1].policy.failure_limit == 3U);
  const Applied free{"resource db monitor 5\ngroup db failure_limit 0 failure_window 5m"};
  CHECK(free.groups[1].policy.failure_limit == 0U);
  CHECK(free.groups[1].policy.failure_window == 5min);
}

TEST_CASE("what is wrong is told with its place and its cure") {
  struct Row {
    std::string_view text;
    std::size_t line, column;
    std::string_view part;
  };
  for (const Row& row : {
           Row{"nginx monitor 10", 1, 1, "begins with default, group or resource"},
           Row{"\ngroup", 2, 1, "must be followed by the name"},
           Row{"group nginx timeout 1", 1, 7, "is no group of haresources, which has "
                                              "IPaddr2::10.0.0.1, db"},
           Row{"resource apache timeout 1", 1, 10, "is no resource of haresources, which has"},
           Row{"group db", 1, 7, "is followed by no setting"},
           Row{"group db monitr 5", 1, 10, "is no setting; there are timeout,"},
           Row{"resource db recoveries 5", 1, 13, "is for a whole group"},
           Row{"group db timeout", 1, 10, "has no value"},
           Row{"group db timeout soon", 1, 18, "is no time; write 30 or 30s"},
           Row{"group db timeout 25h", 1, 18, "must be at most 24h"},
           Row{"group db timeout -1", 1, 18, "is no time"},
           Row{"group db monitor 500ms", 1, 18, "must be at least 1 s"},
           Row{"group db start_retries many", 1, 24, "must be a number from 0 to 100"},
           Row{"group db recoveries 101", 1, 21, "must be a number from 0 to 100"},
           Row{"group db after_failure go", 1, 24, "must be move or stay"},
           Row{"group db failure_window 0", 1, 25, "must be at least 1 s"},
           Row{"group db timeout 5\ngroup db timeout 6", 2, 10, "was set in line 1 already"},
       }) {
    CAPTURE(row.text);
    const Applied applied{row.text};
    REQUIRE(applied.findings.size() == 1);
    const Finding& finding = applied.findings[0];
    CHECK(finding.severity == Severity::error);
    CHECK(finding.file == "haresources.options");
    CHECK(finding.line == row.line);
    CHECK(finding.column == row.column);
    CHECK(finding.text.find(row.part) != std::string::npos);
  }
}

TEST_CASE("times may have a unit") {
  CHECK(parse_span("30") == 30s);
  CHECK(parse_span("30s") == 30s);
  CHECK(parse_span("5m") == 5min);
  CHECK(parse_span("2h") == 2h);
  CHECK(parse_span("500ms") == 500ms);
  for (const auto* text : {"", "s", "5d", "5 m", "-5s", "1.5.m", "99999999h", "1e3s"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_span(text).has_value());
  }
}
