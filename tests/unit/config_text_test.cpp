// config_text_test: words, numbers, times and addresses of configuration files
#include "core/config_text.hpp"

#include <doctest/doctest.h>

using namespace hb::core;
using namespace std::chrono_literals;

TEST_CASE("times are read as 3.0.6 reads them") {
  struct Row {
    const char* text;
    std::optional<Duration> time;
  };
  const Row rows[]{
      {"1", 1000ms},       {"1.5", 1500ms},     {".5", 500ms},      {"1.", 1000ms},
      {"1500ms", 1500ms},  {"1500MSEC", 1500ms}, {"501us", 1ms},    {"499us", 0ms},
      {"500us", 1ms},      {"500usec", 1ms},    {"1.5.2", 1500ms},  {"0", 0ms},
      {"1.5ms", 2ms},      {"1.4999ms", 1ms},   {"0.0005", 1ms},    {"0.0004", 0ms},
      {"30ms", 30ms},      {"1.0000000000001", 1000ms},
      {"2s", {}},          {"1m", {}},          {"1h", {}},         {"2min", {}},
      {"1e3", {}},         {"-1", {}},          {"abc", {}},        {"", {}},
      {".", {}},           {"ms", {}},          {"99999999999999999999999", {}},
      {"315619200", 315'619'200s},              {"315619201", {}},  {"1u", {}},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    CHECK(parse_time(row.text) == row.time);
  }
}

TEST_CASE("booleans") {
  for (const char* yes : {"true", "on", "yes", "y", "1", "YES", "On"}) {
    CHECK(parse_boolean(yes) == true);
  }
  for (const char* no : {"false", "off", "no", "n", "0", "OFF"}) CHECK(parse_boolean(no) == false);
  for (const char* other : {"", "maybe", "t", "2", "onn"}) CHECK(!parse_boolean(other));
}

TEST_CASE("integers are atoi's, without its overflow") {
  CHECK(leading_integer("abc") == 0);
  CHECK(leading_integer("12x") == 12);
  CHECK(leading_integer("-3") == -3);
  CHECK(leading_integer("+3") == 3);
  CHECK(leading_integer("99999999999999999999") == 2'147'483'647);
  CHECK(leading_integer("-99999999999999999999") == -2'147'483'647);
  CHECK(is_integer("12"));
  CHECK_FALSE(is_integer("12x"));
  CHECK_FALSE(is_integer("-"));
}

TEST_CASE("numeric addresses") {
  for (const char* good : {"0.0.0.0", "10.77.0.1", "255.255.255.255"}) {
    CHECK_MESSAGE(is_ipv4(good), good);
  }
  for (const char* bad : {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.x", "1..2.3", "01.2.3.4",
                          "1.2.3.4 ", "1.2.3."}) {
    CHECK_MESSAGE(!is_ipv4(bad), bad);
  }
  for (const char* good : {"::", "::1", "fe80::1", "2001:db8::", "1:2:3:4:5:6:7:8",
                           "1:2:3:4:5:6:1.2.3.4", "::ffff:10.0.0.1", "1::3:4:5:6:7:8",
                           "FF02::1"}) {
    CHECK_MESSAGE(is_ipv6(good), good);
  }
  for (const char* bad : {"", ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::g", "1::2::3",
                          "12345::", "1:2:3:4:5:6:7:8::", "::1.2.3", "1.2.3.4", "1:", ":1",
                          "1.2.3.4::", "::1%eth0"}) {
    CHECK_MESSAGE(!is_ipv6(bad), bad);
  }
  CHECK(is_ipv4_multicast("224.0.0.1"));
  CHECK(is_ipv4_multicast("239.255.255.255"));
  CHECK_FALSE(is_ipv4_multicast("240.0.0.1"));
  CHECK_FALSE(is_ipv4_multicast("10.0.0.1"));
  CHECK(is_ipv6_multicast("ff05::694"));
  CHECK(is_ipv6_multicast("FF02::1"));
  CHECK_FALSE(is_ipv6_multicast("fe80::1"));
  CHECK_FALSE(is_ipv6_multicast("ff::1"));
}

TEST_CASE("words know their columns") {
  const auto words = words_of("\tn1, n2,,n3 ", 5, ",");
  REQUIRE(words.size() == 3);
  CHECK(words[0].text == "n1");
  CHECK(words[0].column == 6);
  CHECK(words[2].text == "n3");
  CHECK(words[2].column == 14);
  CHECK(printable(std::string_view{"a\0b\x1b", 4}) == "a\\x00b\\x1b");
}
