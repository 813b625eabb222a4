// directives_test: a table of lines of ha.cf: each directive valid, invalid and left out
#include "core/ha_cf_parser.hpp"
#include "tests/unit/config_samples.hpp"

#include <map>
#include <set>

using namespace hb::core;
using namespace hb::test;

namespace {

struct Row {
  std::string directive, lines, expected, answer;
};

std::vector<Row> rows() {
  std::istringstream table{text_of_file(samples + "DIRECTIVES.tsv")};
  std::vector<Row> result;
  for (std::string line; std::getline(table, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream cells{line};
    Row row;
    for (std::string* cell : {&row.directive, &row.lines, &row.expected, &row.answer}) {
      REQUIRE_MESSAGE(std::getline(cells, *cell, '\t'), line);
    }
    std::ranges::replace(row.lines, '|', '\n');
    result.push_back(std::move(row));
  }
  return result;
}

ParsedConfig parse(const Row& row) {
  // A log file of another name than the tested one would be two mistakes in a row of `logfile`.
  const std::string text = "logfile /var/log/ha-log\nnode n1 n2\nauto_failback on\nbcast eth0\n" +
                           row.lines + "\n";
  auto parsed = parse_ha_cf(text, lab_host());
  check_places(parsed.findings, text);
  return parsed;
}

}  // namespace

TEST_CASE("each line of the table gets its class, and getparm its answer") {
  for (const Row& row : rows()) {
    const auto parsed = parse(row);
    INFO(row.lines << "\n" << shown(parsed.findings));
    CHECK(class_of(parsed.findings) == row.expected);
    if (row.answer == "*") continue;
    const auto answer = parsed.config.parameters.find(row.directive);
    const bool is_known = answer != parsed.config.parameters.end();
    CHECK((is_known ? answer->second : "-") == row.answer);
  }
}

TEST_CASE("each error of the table names its line, a column and a word of it") {
  for (const Row& row : rows()) {
    if (row.expected != "error") continue;
    const auto parsed = parse(row);
    INFO(row.lines << "\n" << shown(parsed.findings));
    CHECK(std::ranges::any_of(parsed.findings, [](const Finding& finding) {
      return finding.severity == Severity::error && finding.line >= 5;
    }));
  }
}

TEST_CASE("no directive of 3.0.6 is missing in the table") {
  std::map<std::string, std::set<std::string>, std::less<>> classes;
  for (const Row& row : rows()) classes[row.directive].insert(row.expected);
  // They take any word: there is no wrong one.
  const std::set<std::string_view> any_word{"cluster", "quorum_server", "coreroot", "logfile",
                                            "debugfile", "crm_daemon_dir"};
  for (const auto directives : {ha_cf::setting_directives(), ha_cf::medium_directives(),
                                ha_cf::ping_directives(), ha_cf::client_directives()}) {
    for (const ha_cf::Directive& directive : directives) {
      const auto found = classes.find(directive.name);
      REQUIRE_MESSAGE(found != classes.end(), directive.name);
      CHECK_MESSAGE((found->second.contains("ok") || found->second.contains("warn")),
                    directive.name);
      CHECK_MESSAGE((found->second.contains("error") || any_word.contains(directive.name)),
                    directive.name);
    }
  }
}
