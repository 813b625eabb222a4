// haresources_test: groups, continuation lines, comments and keys of haresources
#include "core/haresources.hpp"
#include "tests/unit/config_samples.hpp"

using namespace hb::core;
using namespace hb::test;

namespace {

ParsedResources parse(std::string_view text) {
  auto parsed = parse_haresources(text, lab_config());
  check_places(parsed.findings, text);
  return parsed;
}

}  // namespace

TEST_CASE("each sample of haresources gets its class and 3.0.6's wording") {
  const auto rows = samples_of("haresources");
  CHECK(rows.size() == 8);
  for (const Sample& sample : rows) {
    const std::string text = text_of_file(samples + sample.file);
    check_sample(sample, parse(text).findings, text);
  }
}

TEST_CASE("good samples of haresources") {
  for (const char* folder : {"two-node-ucast", "two-node-bcast-serial", "two-node-mcast",
                             "three-node-bcast", "two-node-legacy-stonith"}) {
    auto parsed = parse_ha_cf(text_of_file(samples + folder + "/ha.cf"), lab_host());
    const auto resources =
        parse_haresources(text_of_file(samples + folder + "/haresources"), parsed.config);
    INFO(folder << "\n" << shown(resources.findings));
    CHECK(resources.findings.empty());
    CHECK_FALSE(resources.groups.empty());
  }
}

TEST_CASE("lines become groups in the order of the file") {
  const auto parsed = parse("# groups\n\nN1 IPaddr2::10.0.0.1/24/eth0 Delay::1::2 apache\n"
                            "n2\t10.0.0.2  \\\n   MailTo::a@b::x::::y #end\nn1 web::");
  INFO(shown(parsed.findings));
  CHECK(parsed.findings.empty());
  REQUIRE(parsed.groups.size() == 3);
  const Group& first = parsed.groups[0];
  CHECK(first.home == NodeId{0});
  CHECK(first.line == 3);
  CHECK(first.key() == "IPaddr2::10.0.0.1/24/eth0");
  REQUIRE(first.resources.size() == 3);
  CHECK(first.resources[0].script == "IPaddr2");
  CHECK(first.resources[0].arguments == std::vector<std::string>{"10.0.0.1/24/eth0"});
  CHECK(first.resources[1].arguments == std::vector<std::string>{"1", "2"});
  CHECK(first.resources[2].arguments.empty());
  const Group& second = parsed.groups[1];
  CHECK(second.home == NodeId{1});
  CHECK(second.key() == "10.0.0.2");
  CHECK(second.resources[0].script == "IPaddr");
  CHECK(second.resources[0].arguments == std::vector<std::string>{"10.0.0.2"});
  CHECK(second.resources[1].text == "MailTo::a@b::x::::y");
  CHECK(second.resources[1].arguments == std::vector<std::string>{"a@b", "x", "y"});
  CHECK(parsed.groups[2].resources[0].script == "web");
  CHECK(parsed.groups[2].resources[0].arguments.empty());
}

TEST_CASE("what looks like an address is one") {
  const auto parsed = parse("n1 10.0.0.1/24/eth0:0 1.2.3.4x IPv6addr::2001:db8::1/64/eth0 "
                            "IPaddr2::fe80::1 other::fe80::1 v1.2.3.4\n");
  INFO(shown(parsed.findings));
  REQUIRE(parsed.groups.size() == 1);
  const auto& resources = parsed.groups[0].resources;
  CHECK(resources[0].script == "IPaddr");
  CHECK(resources[0].arguments == std::vector<std::string>{"10.0.0.1/24/eth0:0"});
  CHECK(resources[1].script == "IPaddr");
  CHECK(resources[2].arguments == std::vector<std::string>{"2001:db8::1/64/eth0"});
  CHECK(resources[3].arguments == std::vector<std::string>{"fe80::1"});
  CHECK(resources[4].arguments == std::vector<std::string>{"fe80", "1"});
  CHECK(resources[5].script == "v1.2.3.4");
  CHECK(has(parse("n1 2001:db8::1/64\n").findings, "write IPv6addr::2001:db8::1/64"));
}

TEST_CASE("comments and continuations that the two parsers of 3.0.6 read differently") {
  CHECK(has(parse("n1 a \\\n# b \\\nc\n").findings, "a comment inside a continued line"));
  CHECK(has(parse("n1 a # b \\\nc\n").findings, "in front of the backslash"));
  CHECK(has(parse("n1 a \\ \n").findings, "only if nothing follows it"));
  CHECK(has(parse("n1 a\\\nb\n").findings, "joined to the last word of the line above"));
  CHECK(parse("n1 a\\\n b\n").groups[0].resources.size() == 2);
  CHECK(parse("n1 a \\\nb\n").groups[0].resources.size() == 2);
  const auto glued = parse("n1 a#b\n");
  CHECK(only(glued.findings).severity == Severity::warning);
  CHECK(glued.groups[0].key() == "a");
  const auto comment = parse("# x \\\nn1 a\n");
  CHECK(comment.groups.size() == 1);
  const auto last = parse("n1 a \\");
  CHECK(last.findings.empty());
  CHECK(last.groups.size() == 1);
}

TEST_CASE("a wrong node is an error that names the known ones") {
  const auto parsed = parse("n1 a\nn9 b\n");
  CHECK(only(parsed.findings).line == 2);
  CHECK(has(parsed.findings, "n9: is no node of ha.cf"));
  CHECK(has(parsed.findings, "one of n1, n2"));
  CHECK(parsed.findings[0].legacy == "Bad nodename in /etc/ha.d//haresources [n9]");

  auto config = parse_ha_cf(std::string{lab_ha_cf} + "ping gate\n", lab_host()).config;
  CHECK(has(parse_haresources("gate a\n", config).findings, "is a ping node"));
}

TEST_CASE("a key may be in no other line") {
  CHECK(has(parse("n1 a\nn2 b a\n").findings, "a: stands in line 1 too"));
  CHECK(only(parse("n1 a\nn2 a\n").findings).line == 2);
  CHECK(has(parse("n1 10.0.0.1\nn2 IPaddr::10.0.0.1\n").findings, "stands in line 1 too"));
  CHECK(has(parse("n2 b a\nn1 a\n").findings, "stands in line 1 too"));
  CHECK(parse("n1 a MailTo::x\nn2 b MailTo::x\n").findings.empty());
  CHECK(parse("n1 a b a\n").findings.empty());
}

TEST_CASE("names that could leave the folder, and hostile bytes, are refused") {
  for (const char* bad : {"n1 ../../bin/sh", "n1 /bin/sh", "n1 a/../b", "n1 ..", "n1 ::x",
                          "n1 a\x01"}) {
    CHECK_MESSAGE(class_of(parse(bad).findings) == "error", bad);
    CHECK(parse(bad).groups.empty());
  }
  CHECK(class_of(parse("n1 sub/script::x*\n").findings) == "warn");
}

TEST_CASE("limits of groups and resources") {
  std::string lines, one = "n1";
  for (int i = 0; i < 256; ++i) lines += "n1 r" + std::to_string(i) + "\n";
  CHECK(parse(lines).findings.empty());
  CHECK(has(parse(lines + "n1 x\nn1 y\n").findings, "more than 256 groups"));
  for (int i = 0; i < 64; ++i) one += " r" + std::to_string(i);
  CHECK(parse(one).findings.empty());
  CHECK(has(parse(one + " x").findings, "more than 64 resources"));
}
