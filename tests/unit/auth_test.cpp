// auth_test: digests by published vectors; what verify takes, and why it refuses the rest
#include "core/auth.hpp"

#include "tests/unit/random_message.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace hb::core;
using namespace hb::test;

namespace {

std::string digest(AuthMethod method, std::string secret, std::string_view bytes) {
  KeyRing ring;
  ring.insert({3}, {method, std::move(secret)});
  return std::string{ring.digest({3}, as_bytes(bytes))};
}

KeyRing ring_of_two(std::uint8_t active) {
  KeyRing ring;
  ring.insert({1}, {AuthMethod::sha1, "secret"});
  ring.insert({2}, {AuthMethod::md5, "other"});
  ring.activate({active});
  return ring;
}

Message status() {
  Message message;
  message.add("t", "status");
  message.add("nl", "line1\nline2");
  message.add("src", "n1");
  return message;
}

std::string netstring(KeyRing& ring, KeyRing::Inner inner = KeyRing::Inner::with) {
  Message message = status();
  std::string out;
  ring.sign_netstring(message, inner, out);
  return out;
}

std::string text(KeyRing& ring) {
  Message message = status();
  std::string out;
  ring.sign_text(message, out);
  return out;
}

AuthVerdict verdict(KeyRing& ring, std::string_view frame) {
  const auto verified = ring.verify(as_bytes(frame));
  CHECK((verified.verdict == AuthVerdict::good) == !verified.message_bytes.empty());
  return verified.verdict;
}

}  // namespace

TEST_CASE("digests are those of RFC 2202, RFC 4231 and the CRC of cksum without its length") {
  const std::string fox = "The quick brown fox jumps over the lazy dog";
  const std::string what = "what do ya want for nothing?";
  CHECK(digest(AuthMethod::md5, "Jefe", what) == "750c783e6ab0b503eaa86e310a5db738");
  CHECK(digest(AuthMethod::sha1, "Jefe", what) == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  CHECK(digest(AuthMethod::sha256, "Jefe", what) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(digest(AuthMethod::md5, "key", fox) == "80070713463e7749b90c2dc24911e275");
  // A key longer than the block of 64 bytes is hashed first.
  const std::string first = "Test Using Larger Than Block-Size Key - Hash Key First";
  CHECK(digest(AuthMethod::md5, std::string(80, '\xaa'), first) ==
        "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
  CHECK(digest(AuthMethod::sha1, std::string(80, '\xaa'), first) ==
        "aa4ae5e15272d00e95705637ce8a3b55ed402112");
  CHECK(digest(AuthMethod::sha1, "", "") == "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d");
  CHECK(digest(AuthMethod::crc, "", "123456789") == "765e7680");
  CHECK(digest(AuthMethod::crc, "ignored", "123456789") == "765e7680");
  CHECK(digest(AuthMethod::crc, "", "") == "ffffffff");
}

TEST_CASE("methods are known by the names of authkeys") {
  for (const auto* name : {"crc", "md5", "sha1", "sha256"}) {
    REQUIRE(auth_method(name).has_value());
    CHECK(name_of(*auth_method(name)) == name);
  }
  for (const auto* name : {"", "CRC", "sha", "sha512"}) CHECK_FALSE(auth_method(name).has_value());
}

TEST_CASE("what one ring signs another of the same keys takes, in both framings") {
  for (const auto method :
       {AuthMethod::crc, AuthMethod::md5, AuthMethod::sha1, AuthMethod::sha256}) {
    for (const KeyId id : {KeyId{0}, KeyId{9}, KeyId{15}}) {
      KeyRing ring;
      ring.insert(id, {method, "secret"});
      ring.activate(id);
      CHECK(ring.active() == id);
      CHECK(ring.active_method() == method);
      for (const std::string& frame :
           {netstring(ring), netstring(ring, KeyRing::Inner::without), text(ring)}) {
        const auto verified = ring.verify(as_bytes(frame));
        CHECK(verified.verdict == AuthVerdict::good);
        CHECK(verified.key == id);
        Message back;
        REQUIRE(decode(verified.message_bytes, back).has_value());
        back.remove("auth");
        CHECK(same_fields(back, status()));
      }
    }
  }
}

TEST_CASE("the inner auth is the last field, made anew, and covers the lines before it") {
  KeyRing ring = ring_of_two(1);
  Message message = status();
  message.add("auth", "stale");
  message.add("ttl", "3");
  std::string out = "kept ";
  ring.sign_netstring(message, KeyRing::Inner::with, out);
  CHECK(out.starts_with("kept ###\n"));
  const Field last = message[message.size() - 1];
  CHECK(last.name == "auth");
  CHECK(last.value ==
        "1 " + digest(AuthMethod::sha1, "secret", "t=status\nnl=line1\x13line2\nsrc=n1\nttl=3\n"));
  CHECK(message.size() == 5);
}

TEST_CASE("a message with a nested field gets no inner auth") {
  KeyRing ring = ring_of_two(1);
  Message message = status();
  message.add("kid", "###\n%%%\n", FieldType::nested);
  std::string out;
  ring.sign_netstring(message, KeyRing::Inner::with, out);
  CHECK_FALSE(message.find("auth").has_value());
  CHECK(verdict(ring, out) == AuthVerdict::good);
}

TEST_CASE("each reason for a refusal is told apart") {
  KeyRing ring = ring_of_two(1);
  const std::string frame = netstring(ring);
  const std::size_t trailer = frame.rfind("42:1 ");
  REQUIRE(trailer != std::string::npos);
  const std::string bare = frame.substr(0, trailer);
  const std::string digits = frame.substr(trailer + 5);

  for (const auto* junk : {"", "#", "###", "<<<\n", "GET / HTTP/1.0\n"}) {
    CHECK(verdict(ring, junk) == AuthVerdict::no_frame);
  }
  CHECK(verdict(ring, frame + "ZZZ") == AuthVerdict::good);
  CHECK(verdict(ring, bare) == AuthVerdict::no_trailer);
  CHECK(verdict(ring, bare + "42:1 " + digits.substr(0, 40)) == AuthVerdict::no_trailer);
  CHECK(verdict(ring, bare + "042:1 " + digits) == AuthVerdict::no_trailer);
  CHECK(verdict(ring, bare + "41:1 " + digits) == AuthVerdict::no_trailer);
  CHECK(verdict(ring, bare + "42 1 " + digits) == AuthVerdict::no_trailer);
  CHECK(verdict(ring, frame.substr(0, trailer - 4)) == AuthVerdict::no_trailer);
  for (const auto* id : {"3", "x", " ", "-"}) {
    CHECK(verdict(ring, bare + "42:" + id + " " + digits) == AuthVerdict::unknown_key);
  }
  CHECK(verdict(ring, bare + "43:16 " + digits) == AuthVerdict::unknown_key);
  CHECK(verdict(ring, bare + "44:257 " + digits) == AuthVerdict::unknown_key);
  CHECK(verdict(ring, bare + "1:1,") == AuthVerdict::unknown_key);
  CHECK(verdict(ring, bare + "2:1 ,") == AuthVerdict::bad_digest);
  CHECK(verdict(ring, bare + "41:1 " + digits.substr(1)) == AuthVerdict::bad_digest);
  std::string changed = frame;
  changed[trailer + 6] = changed[trailer + 6] == '0' ? '1' : '0';
  CHECK(verdict(ring, changed) == AuthVerdict::bad_digest);
  CHECK(verdict(ring, frame.substr(0, 4) + "99999999999999999999:x," + frame.substr(4)) ==
        AuthVerdict::no_trailer);
}

TEST_CASE("in text framing the auth line must be the last") {
  KeyRing ring = ring_of_two(1);
  const std::string frame = text(ring);
  CHECK(verdict(ring, frame) == AuthVerdict::good);
  CHECK(verdict(ring, frame + '\0') == AuthVerdict::good);
  const std::size_t line = frame.find("auth=");
  const std::string lines = frame.substr(0, line);
  const std::string auth = frame.substr(line, frame.size() - 4 - line);
  CHECK(verdict(ring, lines + "<<<\n") == AuthVerdict::no_trailer);
  CHECK(verdict(ring, ">>>\n<<<\n") == AuthVerdict::no_trailer);
  CHECK(verdict(ring, lines + auth) == AuthVerdict::no_trailer);
  CHECK(verdict(ring, lines + auth + "x=y\n<<<\n") == AuthVerdict::no_trailer);
  CHECK(verdict(ring, lines + auth + "<<<") == AuthVerdict::no_trailer);
  CHECK(verdict(ring, lines + "auth=\n<<<\n") == AuthVerdict::unknown_key);
  CHECK(verdict(ring, lines + "auth=1\n<<<\n") == AuthVerdict::unknown_key);
  CHECK(verdict(ring, lines + "auth\n<<<\n") == AuthVerdict::no_trailer);
  CHECK(verdict(ring, lines + "x=y\n" + auth + "<<<\n") == AuthVerdict::bad_digest);
}

TEST_CASE("what lies behind a verified message is not handed on") {
  KeyRing ring = ring_of_two(1);
  const std::string frame = netstring(ring);
  const auto verified = ring.verify(as_bytes(frame));
  CHECK(as_text(verified.message_bytes).ends_with(",%%%\n"));
  const std::string lines = text(ring) + "\0>>>\nt=evil\n<<<\n";
  CHECK(as_text(ring.verify(as_bytes(lines)).message_bytes).ends_with("\n<<<\n"));
}

TEST_CASE("during a rotation both the old and the new key are heard") {
  KeyRing old_ring = ring_of_two(1);
  KeyRing new_ring = ring_of_two(2);
  CHECK(verdict(new_ring, netstring(old_ring)) == AuthVerdict::good);
  CHECK(verdict(old_ring, netstring(new_ring)) == AuthVerdict::good);
  CHECK(verdict(old_ring, text(new_ring)) == AuthVerdict::good);

  // habit: 3.0.6 takes the algorithm of the id with its own active key.
  KeyRing odd;
  odd.insert({2}, {AuthMethod::md5, "secret"});
  odd.activate({2});
  CHECK(verdict(old_ring, netstring(odd)) == AuthVerdict::good);
  CHECK(verdict(new_ring, netstring(odd)) == AuthVerdict::bad_digest);
}

TEST_CASE("a later key of an id replaces the earlier one, also as the active key") {
  KeyRing ring = ring_of_two(1);
  const std::string before = netstring(ring);
  ring.insert({1}, {AuthMethod::sha1, "changed"});
  CHECK(verdict(ring, before) == AuthVerdict::bad_digest);
  CHECK(verdict(ring, netstring(ring)) == AuthVerdict::good);
  KeyRing odd;
  odd.insert({2}, {AuthMethod::md5, "changed"});
  odd.activate({2});
  CHECK(verdict(ring, netstring(odd)) == AuthVerdict::good);
  const KeyRing moved = std::move(ring);
  CHECK(moved.active_method() == AuthMethod::sha1);
}

TEST_CASE("property: a frame with any change before the end of its trailer is refused") {
  KeyRing ring = ring_of_two(1);
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    CAPTURE(seed);
    Random random{seed};
    Message message = random_message(random, 2);
    message.remove("auth");
    std::string frame;
    const bool lines = seed % 2 != 0;
    if (lines) {
      ring.sign_text(message, frame);
    } else {
      ring.sign_netstring(message, KeyRing::Inner::with, frame);
    }
    const auto verified = ring.verify(as_bytes(frame));
    REQUIRE(verified.verdict == AuthVerdict::good);
    Message back;
    REQUIRE(decode(verified.message_bytes, back).has_value());
    REQUIRE(same_fields(message, back));

    std::string changed = frame;
    damage(random, changed);
    if (changed.starts_with(frame)) continue;
    REQUIRE(ring.verify(as_bytes(changed)).verdict != AuthVerdict::good);
  }
}
