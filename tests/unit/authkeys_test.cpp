// authkeys_test: keys, the line that chooses one, and what is wrong with a file
#include "core/authkeys.hpp"
#include "tests/unit/config_samples.hpp"

using namespace hb::core;
using namespace hb::test;

TEST_CASE("each sample of authkeys gets its class and 3.0.6's wording") {
  const auto rows = samples_of("authkeys");
  CHECK(rows.size() == 14);
  for (const Sample& sample : rows) {
    const std::string text = text_of_file(samples + sample.file);
    check_sample(sample, parse_authkeys(text).findings, text);
  }
}

TEST_CASE("good samples of authkeys") {
  for (const char* folder : {"two-node-ucast", "two-node-bcast-serial", "two-node-mcast"}) {
    CHECK(parse_authkeys(text_of_file(samples + folder + "/authkeys")).findings.empty());
  }
}

TEST_CASE("the last auth line names the key that signs; all keys verify") {
  auto parsed = parse_authkeys("# c\r\n auth 2 x\r\n2sha1 secret\r\n15 md5 other # note\n3 crc\n");
  INFO(shown(parsed.findings));
  CHECK(parsed.findings.empty());
  CHECK(parsed.keys.active() == KeyId{2});
  CHECK(parsed.keys.active_method() == AuthMethod::sha1);
  const auto data = as_bytes("data");
  KeyRing expected;
  expected.insert(KeyId{2}, {AuthMethod::sha1, "secret"});
  expected.insert(KeyId{15}, {AuthMethod::md5, "other"});
  expected.insert(KeyId{3}, {AuthMethod::crc, ""});
  for (const KeyId id : {KeyId{2}, KeyId{15}, KeyId{3}}) {
    CHECK(std::string{parsed.keys.digest(id, data)} == expected.digest(id, data));
  }
  CHECK(parse_authkeys("auth 1\n1 crc\nauth 2\n2 md5 y\n").keys.active() == KeyId{2});
  CHECK(parse_authkeys("auth 1\n1 sha256 y\n").keys.active_method() == AuthMethod::sha256);
}

TEST_CASE("a second line of a number replaces the first, and it is said") {
  auto parsed = parse_authkeys("auth 1\n1 sha1 old\n1 sha1 new\n");
  CHECK(only(parsed.findings).line == 3);
  KeyRing expected;
  expected.insert(KeyId{1}, {AuthMethod::sha1, "new"});
  CHECK(std::string{parsed.keys.digest(KeyId{1}, as_bytes("x"))} ==
        expected.digest(KeyId{1}, as_bytes("x")));
}

TEST_CASE("errors name the line and the cure") {
  CHECK(has(parse_authkeys("1 sha1 x\nauth 1\n").findings, "must stand above the line of key 1"));
  CHECK(only(parse_authkeys("1 sha1 x\nauth 1\n").findings).line == 2);
  CHECK(has(parse_authkeys("auth 1\n1 sha1 x\nauth 2\n").findings, "no valid line of key 2"));
  CHECK(has(parse_authkeys("auth 1\n1 rot13 x\n").findings, "rot13: no such method"));
  CHECK(has(parse_authkeys("auth 1\n-1 sha1 x\n").findings, "a key's number is 0 to 15"));
  CHECK(has(parse_authkeys("auth 99999999999999999999\n").findings, "no valid line"));
  CHECK(has(parse_authkeys("authx 1\n").findings, "number of the key is missing"));
  CHECK(has(parse_authkeys("").findings, "no line 'auth number'"));
  CHECK(has(parse_authkeys("auth 1\n1 sha1 " + std::string(1025, 'k')).findings, "longer than"));
}

/// What a ring of `receiver` says of a frame that a ring of `sender` signed.
AuthVerdict heard(const char* sender, const char* receiver) {
  auto from = parse_authkeys(sender), to = parse_authkeys(receiver);
  REQUIRE(from.findings.empty());
  REQUIRE(to.findings.empty());
  Message message;
  message.add("t", "status");
  std::string frame;
  from.keys.sign_netstring(message, KeyRing::Inner::with, frame);
  return to.keys.verify(as_bytes(frame)).verdict;
}

TEST_CASE("accept says which keys are heard; without it, all that are listed") {
  constexpr const char* before = "auth 1\n1 sha1 old\n";
  constexpr const char* listed = "auth 1\naccept 1 2 # both\n1 sha1 old\n2 sha256 new\n";
  constexpr const char* changed = "auth 2\naccept 1\naccept 2\n1 sha1 old\n2 sha256 new\n";
  constexpr const char* after = "auth 2\naccept 2\n1 sha1 old\n2 sha256 new\n";
  constexpr const char* open = "auth 2\n1 sha1 old\n2 sha256 new\n";
  const std::array phases{before, listed, changed, after};
  for (std::size_t i = 0; i + 1 < phases.size(); ++i) {  // neighbours in the roll-out, both ways
    CHECK(heard(phases[i], phases[i + 1]) == AuthVerdict::good);
    CHECK(heard(phases[i + 1], phases[i]) == AuthVerdict::good);
  }
  CHECK(heard(before, open) == AuthVerdict::good);
  CHECK(heard(before, after) == AuthVerdict::unknown_key);
  CHECK(heard(listed, after) == AuthVerdict::unknown_key);
  // An accepted number does not let the refused key in by another name.
  CHECK(heard("auth 2\n2 sha1 old\n", after) == AuthVerdict::bad_digest);
}

TEST_CASE("errors of accept name the line and the cure") {
  CHECK(has(parse_authkeys("auth 1\naccept 2\n1 sha1 x\n2 sha1 y\n").findings,
            "key 1 signs, but is not accepted"));
  CHECK(has(parse_authkeys("auth 1\naccept 1 3\n1 sha1 x\n").findings, "no valid line of key 3"));
  CHECK(has(parse_authkeys("auth 1\naccept\n1 sha1 x\n").findings, "numbers of keys are missing"));
  CHECK(has(parse_authkeys("auth 1\naccept 1 16\n1 sha1 x\n").findings, "numbers of keys only"));
  CHECK(has(parse_authkeys("auth 1\naccept 1x\n1 sha1 x\n").findings, "numbers of keys only"));
  CHECK(only(parse_authkeys("auth 1\n1 sha1 x\naccept 1 -1\n").findings).line == 3);
}

TEST_CASE("no finding shows a key") {
  for (const char* text : {"auth 1\n1 sha1 hunter2 hunter2\n", "1 sha1 hunter2\n",
                           "auth 1\n16 sha1 hunter2\n", "auth 1\n1 rot13 hunter2\n",
                           "auth 1\nx sha1 hunter2\n", "auth 1\n1 crc hunter2\n",
                           "auth 1\n1 sha1 hunter2\n1 sha1 hunter2\n", "auth x hunter2\n",
                           "axxx hunter2\n",
                           "auth 1\naccept 1 hunter2\n1 sha1 x\n"}) {
    const auto parsed = parse_authkeys(text);
    CHECK_FALSE(parsed.findings.empty());
    CHECK_MESSAGE(shown(parsed.findings).find("hunter2") == std::string::npos, text);
  }
}
