// message_test: fields keep order and duplicates; memory is reused; numbers are read strictly
#include "core/message.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace hb::core;

TEST_CASE("fields keep their order, and the first of a name is found") {
  Message message;
  message.add("t", "status");
  message.add("ccmmajor", "1");
  message.add("ccmmajor", "2");
  CHECK(message.size() == 3);
  CHECK(message[2].value == "2");
  CHECK(message.text("ccmmajor") == "1");
  CHECK(message.type() == "status");
  CHECK_FALSE(message.find("absent").has_value());
  CHECK(message.text_or_empty("absent").empty());
}

TEST_CASE("a string getter does not see a field of another type") {
  Message message;
  message.add("x", "raw", FieldType::binary);
  CHECK_FALSE(message.text("x").has_value());
  CHECK(message.find("x")->value == "raw");
  message.add("x", "text");
  CHECK(message.text("x") == "text");
  CHECK(message.find("x")->type == FieldType::binary);
}

TEST_CASE("set replaces the first field in place, longer, shorter and by another type") {
  Message message;
  for (const auto* name : {"a", "b", "a", "c"}) message.add(name, "old");
  message.set("a", "much longer than before");
  message.set("b", "x");
  message.set("c", "");
  message.set("d", "new");
  CHECK(message.size() == 5);
  CHECK(message[0].value == "much longer than before");
  CHECK(message[1].value == "x");
  CHECK(message[2].value == "old");
  CHECK(message[3].value.empty());
  CHECK(message[4].name == "d");
  message.set("a", "raw", FieldType::binary);
  CHECK(message[0].type == FieldType::binary);
  CHECK(message[0].value == "raw");
}

TEST_CASE("remove takes every field of the name and no other") {
  Message message;
  for (const auto* name : {"a", "b", "a", "c", "a"}) message.add(name, name);
  message.remove("a");
  REQUIRE(message.size() == 2);
  CHECK(message[0].value == "b");
  CHECK(message[1].value == "c");
}

TEST_CASE("a view into the message itself may be added to it or set in it") {
  Message message;
  message.add("src", "node-with-a-rather-long-name");
  for (int i = 0; i < 100; ++i) message.add(message[0].name, *message.text("src"));
  for (std::size_t i = 0; i < message.size(); ++i) {
    CHECK(message[i].value == "node-with-a-rather-long-name");
  }
  message.set("src", message.text("src")->substr(10));
  CHECK(message.text("src") == "a-rather-long-name");
  message.add("short", "x");
  message.set("short", *message.text("src"));
  CHECK(message.text("short") == "a-rather-long-name");
}

TEST_CASE("numbers are written without leading zeros and read to the last digit or not at all") {
  Message message;
  message.add_hex("hg", 0x6b033049);
  message.add_hex("zero", 0);
  message.add_decimal("firstseq", 103);
  message.add_hex("most", ~std::uint64_t{0});
  CHECK(message.text("hg") == "6b033049");
  CHECK(message.text("zero") == "0");
  CHECK(message.text("firstseq") == "103");
  CHECK(message.hex("hg") == 0x6b033049);
  CHECK(message.hex("most") == ~std::uint64_t{0});
  CHECK(message.decimal("firstseq") == 103);
  message.set_hex("hg", 10);
  CHECK(message.text("hg") == "a");

  for (const auto* bad : {"", " 1", "1 ", "-1", "+1", "0x1", "1g", "11111111111111111"}) {
    message.set("bad", bad);
    CHECK_MESSAGE(!message.hex("bad").has_value(), bad);
  }
  message.set("bad", "18446744073709551616");
  CHECK_FALSE(message.decimal("bad").has_value());
  message.set("bad", "a");
  CHECK_FALSE(message.decimal("bad").has_value());
  CHECK_FALSE(message.hex("absent").has_value());
  message.add("raw", "1", FieldType::binary);
  CHECK_FALSE(message.hex("raw").has_value());
}

TEST_CASE("a UUID is a binary field of exactly sixteen bytes") {
  Uuid uuid;
  uuid.bytes[15] = std::byte{7};
  Message message;
  message.add_uuid("srcuuid", uuid);
  CHECK(message.uuid("srcuuid") == uuid);
  message.set_uuid("srcuuid", Uuid{});
  CHECK(message.uuid("srcuuid")->is_nil());
  message.set("srcuuid", "fifteen bytes..", FieldType::binary);
  CHECK_FALSE(message.uuid("srcuuid").has_value());
  message.set("srcuuid", "sixteen bytes...");
  CHECK_FALSE(message.uuid("srcuuid").has_value());
}

TEST_CASE("a cleared message is empty and keeps its memory") {
  Message message;
  message.add("name", std::string(1000, 'x'));
  const char* const before = message[0].value.data();
  message.clear();
  CHECK(message.empty());
  CHECK_FALSE(message.find("name").has_value());
  message.add("name", std::string(1000, 'y'));
  CHECK(message[0].value.data() == before);
}

TEST_CASE("names that a framing cannot carry are told apart") {
  CHECK(is_field_name("ccmmajor"));
  CHECK(is_field_name("_compressed_payload"));
  CHECK(is_field_name("a("));
  for (const auto* bad : {"", "(1)x", "a=b", "a\nb", "a\x13", "\x14"}) {
    CHECK_FALSE_MESSAGE(is_field_name(bad), bad);
  }
  CHECK_FALSE(is_field_name(std::string_view{"a\0b", 3}));
}
