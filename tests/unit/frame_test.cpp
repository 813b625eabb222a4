// frame_test: both framings written as the specification shows them, read back, and refused
#include "core/base64.hpp"
#include "core/frame.hpp"

#include "tests/unit/random_message.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace hb::core;
using namespace hb::test;

namespace {

std::string netstring(const Message& message) {
  std::string out;
  append_netstring(message, out);
  return out;
}

std::string text(const Message& message) {
  std::string out;
  append_text(message, out);
  return out;
}

std::string refusal(std::string_view bytes) {
  Message message;
  message.add("left", "over");
  const auto decoded = decode(as_bytes(bytes), message);
  CHECK(message.empty());
  return decoded ? "accepted" : decoded.error().text;
}

/// A message nested `depth` times.
Message nested(std::size_t depth) {
  Message message;
  message.add("deep", "zz");
  for (; depth > 0; --depth) {
    const std::string child = netstring(message);
    message.clear();
    message.add("kid", child, FieldType::nested);
  }
  return message;
}

bool has_list(const Message& message) {
  for (std::size_t i = 0; i < message.size(); ++i) {
    if (message[i].type == FieldType::list) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("the begin mark tells the framing") {
  CHECK(*framing_of(as_bytes(">>>\n")) == Framing::text);
  CHECK(*framing_of(as_bytes("###\nrest")) == Framing::netstring);
  for (const auto* other : {"", "###", ">>> ", "<<<\n", "%%%\n"}) {
    CHECK_FALSE(framing_of(as_bytes(other)).has_value());
  }
}

TEST_CASE("netstring values are raw and LEN counts from the parenthesis") {
  Message message;
  message.add("nl", "line1\nline2");
  message.add("bin", std::string_view{"\0,=", 3}, FieldType::binary);
  message.add("lst", "3:abc,6:d,e fg,", FieldType::list);
  message.add("empty", "");
  const std::string expected{
      "###\n17:(0)nl=line1\nline2,10:(1)bin=\0,=,22:(3)lst=3:abc,6:d,e fg,,9:(0)empty=,%%%\n", 81};
  CHECK(netstring(message) == expected);

  Message back;
  const auto decoded = decode(as_bytes(expected + "42:1 trailer,"), back);
  REQUIRE(decoded.has_value());
  CHECK(decoded->framing == Framing::netstring);
  CHECK(decoded->consumed == expected.size());
  CHECK(same_fields(message, back));
}

TEST_CASE("text strings have no type mark, their newlines are 0x13, binaries are base64") {
  Message message;
  message.add("nl", "line1\nline2");
  message.add("gb", "hi", FieldType::binary);
  message.add("lst", "3:a\nc,", FieldType::list);
  message.add("empty", "");
  const std::string expected =
      ">>>\nnl=line1\x13line2\n(1)gb=aGk=\n(3)lst=3:a\x13" "c,\nempty=\n<<<\n";
  CHECK(text(message) == expected);
  for (const std::size_t nuls : {0u, 1u}) {
    Message back;
    const auto decoded = decode(as_bytes(expected + std::string(nuls, '\0')), back);
    REQUIRE(decoded.has_value());
    CHECK(decoded->framing == Framing::text);
    CHECK(decoded->consumed == expected.size() + nuls);
    CHECK(same_fields(message, back));
  }
}

TEST_CASE("a nested message in text has a newline of its own at each depth") {
  Message grandchild;
  grandchild.add("deep", "zz");
  grandchild.add("gb", "hi", FieldType::binary);
  Message child;
  child.add("k", "v1");
  child.add("g", netstring(grandchild), FieldType::nested);
  Message message;
  message.add("s", netstring(child), FieldType::nested);
  const std::string expected =
      ">>>\n(2)s=>>>\x14k=v1\x14(2)g=>>>\x15" "deep=zz\x15(1)gb=aGk=\x15<<<\x15\x14<<<\x14\n<<<\n";
  CHECK(text(message) == expected);
  Message back;
  REQUIRE(decode(as_bytes(expected), back).has_value());
  CHECK(same_fields(message, back));
}

TEST_CASE("nesting goes sixteen deep in both framings and no deeper") {
  for (std::size_t depth = 0; depth <= limits::nesting; ++depth) {
    const Message message = nested(depth);
    for (const std::string& bytes : {netstring(message), text(message)}) {
      Message back;
      REQUIRE(decode(as_bytes(bytes), back).has_value());
      CHECK(same_fields(message, back));
    }
  }
  const std::string one_more = netstring(nested(limits::nesting + 1));
  CHECK(refusal(one_more) == "message: field 1: messages nested too deep");

  std::string text_bytes = text(nested(limits::nesting));
  const std::size_t inmost = text_bytes.find("deep=zz");
  text_bytes.insert(inmost, "(2)x=>>>y\x12");
  CHECK(refusal(text_bytes) == "message: field 1: messages nested too deep");
}

TEST_CASE("a field to be compressed reads like a nested one and is written as one in text") {
  Message message;
  message.add("x", "###\n7:(0)k=v1,%%%\n", FieldType::uncompressed);
  Message back;
  REQUIRE(decode(as_bytes(netstring(message)), back).has_value());
  CHECK(same_fields(message, back));
  CHECK(text(message) == ">>>\n(2)x=>>>\x14k=v1\x14<<<\x14\n<<<\n");
  REQUIRE(decode(as_bytes(">>>\n(5)x=>>>\x14k=v1\x14<<<\x14\n<<<\n"), back).has_value());
  CHECK(same_fields(message, back));
}

TEST_CASE("list fields of one name become one list, below 1024 bytes") {
  Message back;
  for (const auto* bytes : {"###\n9:(3)l=1:a,,5:(0)x=,9:(3)l=1:b,,%%%\n",
                            ">>>\n(3)l=1:a,\nx=\n(3)l=1:b,\n<<<\n"}) {
    REQUIRE(decode(as_bytes(bytes), back).has_value());
    REQUIRE(back.size() == 2);
    CHECK(back[0].value == "1:a,1:b,");
  }
  const std::string half = "\n(3)l=595:" + std::string(595, 'x') + ",";
  CHECK(refusal(">>>" + half + half + "\n<<<\n") ==
        "message: field 2: a list of several fields is too long");
}

TEST_CASE("fields that forbid the text framing are known") {
  for (const auto type : {FieldType::nested, FieldType::compressed, FieldType::uncompressed}) {
    Message message;
    message.add("a", "");
    CHECK_FALSE(needs_netstring(message));
    message.add("x", "###\n%%%\n", type);
    CHECK(needs_netstring(message));
    std::string body;
    append_client_body(message, Framing::text, body);
    CHECK(body.starts_with("###\n"));
  }
}

TEST_CASE("a client's body is text and NUL unless netstring is preferred") {
  Message message;
  message.add("t", "x");
  std::string body;
  append_client_body(message, Framing::text, body);
  CHECK(body == std::string{">>>\nt=x\n<<<\n\0", 13});
  body.clear();
  append_client_body(message, Framing::netstring, body);
  CHECK(body == "###\n6:(0)t=x,%%%\n");
}

TEST_CASE("malformed netstring messages are refused by name") {
  const std::pair<std::string, std::string_view> cases[] = {
      {"", "message: begins with neither >>> nor ###"},
      {"###", "message: begins with neither >>> nor ###"},
      {"###\n", "message: field 1: no LEN: before a field, and no end mark"},
      {"###\n%%%", "message: field 1: no LEN: before a field, and no end mark"},
      {"###\n3:abc,%%%\n", "message: field 1: no (TYPE) in a field"},
      {"###\n0:,%%%\n", "message: field 1: no (TYPE) in a field"},
      {"###\n06:(0)t=x,%%%\n", "message: field 1: no LEN: before a field, and no end mark"},
      {"###\n-6:(0)t=x,%%%\n", "message: field 1: no LEN: before a field, and no end mark"},
      {"###\n99999999999999999999:(0)t=x,%%%\n",
       "message: field 1: no LEN: before a field, and no end mark"},
      {"###\n9999999:(0)t=x,%%%\n", "message: field 1: a field's length runs past the end"},
      {"###\n6:(0)t=x", "message: field 1: a field's length runs past the end"},
      {"###\n6:(0)t=x,", "message: field 2: no LEN: before a field, and no end mark"},
      {"###\n6:(0)t=xy%%%\n", "message: field 1: a field does not end with a comma"},
      {"###\n6:(6)t=x,%%%\n", "message: field 1: unknown field type"},
      {"###\n6:(-)t=x,%%%\n", "message: field 1: unknown field type"},
      {"###\n5:(0)tx,%%%\n", "message: field 1: a field without '='"},
      {"###\n5:(0)=x,%%%\n", "message: field 1: bad field name"},
      {"###\n9:(0)(1)t=x,%%%\n", "message: field 1: bad field name"},
      {"###\n7:(0)t\n=x,%%%\n", "message: field 1: bad field name"},
      {"###\n6:(2)t=x,%%%\n", "message: field 1: a nested message without begin mark"},
      {"###\n14:(2)t=###\n%%%\nx,%%%\n", "message: field 1: bytes behind a nested message"},
      {"###\n9:(2)t=###\n,%%%\n",
       "message: field 1: no LEN: before a field, and no end mark"},
      {"###\n8:(3)l=1:,,%%%\n", "message: field 1: a malformed list"},
      {"###\n10:(3)l=1:ab,,%%%\n", "message: field 1: a malformed list"},
      {"###\n9:(3)l=9:a,,%%%\n", "message: field 1: a malformed list"},
  };
  for (const auto& entry : cases) {
    CHECK_MESSAGE(refusal(entry.first) == entry.second, entry.first);
  }
}

TEST_CASE("malformed text messages are refused by name") {
  const std::pair<std::string, std::string_view> cases[] = {
      {">>>\n", "message: field 1: no end mark"},
      {">>>\nt=x\n", "message: field 2: no end mark"},
      {">>>\nt=x\n<<<", "message: field 2: no end mark"},
      {">>>\nt\n<<<\n", "message: field 1: a line without '='"},
      {">>>\n\n<<<\n", "message: field 1: a line without '='"},
      {">>>\n=x\n<<<\n", "message: field 1: bad field name"},
      {">>>\nt\x13=x\n<<<\n", "message: field 1: bad field name"},
      {">>>\n(0)t=x\n<<<\n", "message: field 1: a string with (TYPE)"},
      {">>>\n(7)t=x\n<<<\n", "message: field 1: unknown field type"},
      {">>>\n(1t=x\n<<<\n", "message: field 1: a bad (TYPE) in a line"},
      {">>>\n(1)(1)t=aGk=\n<<<\n", "message: field 1: bad field name"},
      {">>>\n(1)t=a\n<<<\n", "message: field 1: bad base64"},
      {">>>\n(1)t=aGk\n<<<\n", "message: field 1: bad base64"},
      {">>>\n(1)t=aG=k\n<<<\n", "message: field 1: bad base64"},
      {">>>\n(1)t=aGl=\n<<<\n", "message: field 1: bad base64"},
      {">>>\n(1)t=aGk=aGk=\n<<<\n", "message: field 1: bad base64"},
      {">>>\n(3)l=x\n<<<\n", "message: field 1: a malformed list"},
      {">>>\n(2)s=x\n<<<\n", "message: field 1: a nested message without begin mark"},
      {">>>\n(2)s=>>>\x15<<<\x15\n<<<\n", "message: field 1: a nested message without begin mark"},
      {">>>\n(2)s=>>>\x14\n<<<\n", "message: field 1: no end mark"},
      {">>>\n(2)s=>>>\x14<<<\x14x\n<<<\n", "message: field 1: bytes behind a nested message"},
  };
  for (const auto& entry : cases) {
    CHECK_MESSAGE(refusal(entry.first) == entry.second, entry.first);
  }
}

TEST_CASE("the number of fields and the size of a message are bounded") {
  Message message;
  for (std::size_t i = 0; i < limits::fields; ++i) message.add("n", "");
  const std::string most = netstring(message);
  Message back;
  CHECK(decode(as_bytes(most), back).has_value());
  CHECK(decode(as_bytes(text(message)), back).has_value());
  message.add("n", "");
  CHECK(refusal(netstring(message)) == "message: field 1025: too many fields");
  CHECK(refusal(text(message)) == "message: field 1025: too many fields");
  Message parent;
  parent.add("kid", netstring(message), FieldType::nested);
  CHECK(refusal(netstring(parent)) == "message: field 1: too many fields");
  CHECK(refusal(text(parent)) == "message: field 1: too many fields");
  CHECK(refusal("###\n" + std::string(limits::uncompressed_bytes, '1')) ==
        "message: longer than 2 MiB");
}

TEST_CASE("base64 is what RFC 4648 says, both ways") {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}, {"\xff\xfe\xfd", "//79"}};
  for (const auto& [bytes, encoded] : cases) {
    std::string out;
    append_base64(bytes, out);
    CHECK(out == encoded);
    std::string back(base64_room(encoded), '\0');
    std::size_t size = 0;
    CHECK(read_base64(encoded, back.data(), size));
    CHECK(back.substr(0, size) == bytes);
  }
}

TEST_CASE("property: every message survives both framings") {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    CAPTURE(seed);
    Random random{seed};
    const Message message = random_message(random, seed % (limits::nesting + 1));
    Message back;
    const std::string as_netstring = netstring(message);
    REQUIRE(decode(as_bytes(as_netstring + random_bytes(random, 9)), back).has_value());
    REQUIRE(same_fields(message, back));
    const std::string as_lines = text(message);
    REQUIRE(decode(as_bytes(as_lines), back).has_value());
    REQUIRE(same_fields(message, back));
    REQUIRE(netstring(back) == as_netstring);
  }
}

TEST_CASE("property: damaged bytes are refused, or mean one message and no other") {
  Message back;
  std::size_t accepted = 0;
  for (std::uint64_t seed = 0; seed < 20000; ++seed) {
    CAPTURE(seed);
    Random random{seed};
    const Message message = random_message(random, seed % 4);
    const bool lines = seed % 2 != 0;
    std::string bytes = lines ? text(message) : netstring(message);
    damage(random, bytes);
    const auto decoded = decode(as_bytes(bytes), back);
    if (!decoded) {
      REQUIRE(back.empty());
      continue;
    }
    ++accepted;
    REQUIRE(decoded->consumed <= bytes.size());
    // What was read can be written and read again, and a netstring only has one spelling.
    Message again;
    REQUIRE(decode(as_bytes(netstring(back)), again).has_value());
    REQUIRE(same_fields(back, again));
    if (lines) {
      REQUIRE(decode(as_bytes(text(back)), again).has_value());
      REQUIRE(same_fields(back, again));
    } else if (!has_list(back)) {
      REQUIRE(netstring(back) == bytes.substr(0, decoded->consumed));
    }
  }
  CHECK(accepted > 1000);  // the damage leaves enough to look at
}
