// config_samples: the sample configurations of tests/config and the host they were made for
#pragma once

#include "core/ha_cf.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace hb::test {

inline const std::string samples = "tests/config/";

inline std::string text_of_file(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  REQUIRE_MESSAGE(file.good(), path << " (run the tests from the top folder)");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The lab host n1 with eth0 and eth1.
inline core::HostFacts lab_host() {
  core::HostFacts host;
  host.node_name = "n1";
  host.interfaces = {"lo", "eth0", "eth1"};
  host.lookup.resolves = [](std::string_view name) { return name != "nosuchhost"; };
  host.lookup.exists = [](std::string_view path) { return path != "/dev/nonexist"; };
  host.lookup.is_char_device = [](std::string_view path) { return path.starts_with("/dev/"); };
  host.lookup.is_tty = [](std::string_view path) { return path.starts_with("/dev/tty"); };
  host.lookup.is_executable = [](std::string_view path) { return path != "/bin/nonexist"; };
  host.lookup.user_exists = [](std::string_view user) { return user != "nosuchuser"; };
  host.lookup.group_exists = [](std::string_view group) { return group != "nosuchgroup"; };
  host.lookup.knows_stonith = [](std::string_view type) { return type != "foo"; };
  host.lookup.service_of = [](std::uint16_t port) {
    return port == 53 ? std::string{"domain"} : std::string{};
  };
  return host;
}

/// The other files of a sample that replaces one of three.
inline constexpr std::string_view lab_ha_cf =
    "logfile /var/log/ha-log\nkeepalive 1\ndeadtime 6\nudpport 694\nucast eth0 10.77.0.2\n"
    "auto_failback on\nnode n1\nnode n2\n";

inline core::Config lab_config() {
  auto parsed = core::parse_ha_cf(lab_ha_cf, lab_host());
  REQUIRE(parsed.findings.empty());
  return std::move(parsed.config);
}

/// A row of tests/config/INDEX.tsv.
struct Sample {
  std::string file, kind, expected, legacy, reason;
};

inline std::vector<Sample> samples_of(std::string_view kind) {
  std::istringstream index{text_of_file(samples + "INDEX.tsv")};
  std::vector<Sample> rows;
  for (std::string line; std::getline(index, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream cells{line};
    Sample row;
    for (std::string* cell : {&row.file, &row.kind, &row.expected, &row.legacy, &row.reason}) {
      REQUIRE_MESSAGE(std::getline(cells, *cell, '\t').good() != (cell == &row.reason), line);
    }
    if (row.kind == kind) rows.push_back(row);
  }
  return rows;
}

/// error, warn or ok, and if there is anything: the text that would be shown.
inline std::string class_of(const std::vector<core::Finding>& findings) {
  std::string result = "ok";
  for (const auto& finding : findings) {
    if (finding.severity == core::Severity::error) return "error";
    result = "warn";
  }
  return result;
}

inline std::string shown(const std::vector<core::Finding>& findings) {
  std::ostringstream text;
  for (const auto& finding : findings) {
    text << finding.file << ':' << finding.line << ':' << finding.column << ": " << finding.text
         << "\n  | " << finding.legacy << '\n';
  }
  return text.str();
}

/// Every finding names a place that exists, and says something.
inline void check_places(const std::vector<core::Finding>& findings, std::string_view text) {
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  for (const auto& finding : findings) {
    CHECK_MESSAGE(finding.line <= lines, shown({finding}));
    CHECK_MESSAGE(!finding.text.empty(), shown({finding}));
  }
}

/// A finding of a sample has the expected class and the wording that scripts look for.
inline void check_sample(const Sample& sample, const std::vector<core::Finding>& findings,
                         std::string_view text) {
  INFO(sample.file << "\n" << shown(findings));
  CHECK(class_of(findings) == sample.expected);
  const bool worded =
      sample.legacy == "-" || std::any_of(findings.begin(), findings.end(), [&](const auto& one) {
        return one.legacy.find(sample.legacy) != std::string::npos;
      });
  CHECK_MESSAGE(worded, sample.legacy);
  check_places(findings, text);
}

/// The only finding of a text, for tests that expect one.
inline const core::Finding& only(const std::vector<core::Finding>& findings) {
  INFO(shown(findings));
  REQUIRE(findings.size() == 1);
  return findings.front();
}

inline bool has(const std::vector<core::Finding>& findings, std::string_view part) {
  return std::any_of(findings.begin(), findings.end(), [&](const core::Finding& finding) {
    return finding.text.find(part) != std::string::npos;
  });
}

}  // namespace hb::test
