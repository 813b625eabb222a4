// compress_test: both methods back and forth, bounded output, whole messages and fields
#include "core/compress.hpp"

#include "core/auth.hpp"
#include "core/frame.hpp"
#include "tests/unit/random_message.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace hb::core;
using namespace hb::test;

namespace {

constexpr Compression methods[] = {Compression::zlib, Compression::bz2};

std::string packed(Compression method, std::string_view plain) {
  std::string out;
  REQUIRE(compress(method, as_bytes(plain), out).has_value());
  return out;
}

std::string refusal(Compression method, std::string_view bytes, std::size_t limit) {
  std::string out = "kept";
  const auto done = decompress(method, as_bytes(bytes), limit, out);
  CHECK((done.has_value() || out == "kept"));
  return done ? "accepted" : done.error().text;
}

std::string refusal(Message& message) {
  const auto done = unpack(message);
  return done ? "accepted" : done.error().text;
}

Message sample() {
  Message message;
  message.add("t", "bigtest");
  message.add("field", std::string(5000, 'x'));
  return message;
}

}  // namespace

TEST_CASE("what is compressed comes back, appended to what was there") {
  Random random{1};
  for (const auto method : methods) {
    for (const std::size_t size : {0u, 1u, 2408u, 16384u, 16385u, 300000u}) {
      std::string plain;
      while (plain.size() < size) plain += random_text(random, 100);
      plain.resize(size);
      std::string out = "kept";
      REQUIRE(decompress(method, as_bytes(packed(method, plain)), size, out).has_value());
      CHECK(out == "kept" + plain);
    }
  }
}

TEST_CASE("output is bounded to the byte, whatever the input would grow to") {
  for (const auto method : methods) {
    const std::string bytes = packed(method, std::string(100'000, 'x'));
    CHECK(bytes.size() < 1000);
    CHECK(refusal(method, bytes, 100'000) == "accepted");
    CHECK(refusal(method, bytes, 99'999) == "decompressed data is too long");
    CHECK(refusal(method, bytes, 0) == "decompressed data is too long");
    const std::string most = packed(method, std::string(limits::uncompressed_bytes, 'x'));
    CHECK(refusal(method, most, limits::uncompressed_bytes) == "accepted");
    const std::string beyond(limits::uncompressed_bytes + 1, 'x');
    std::string out;
    CHECK(compress(method, as_bytes(beyond), out).error().text == "too long to compress");
    CHECK(refusal(method, beyond, 1) == "compressed data is too long");
  }
}

TEST_CASE("damaged, cut and continued streams are refused") {
  for (const auto method : methods) {
    const std::string bytes = packed(method, "some text that is compressed");
    CHECK(refusal(method, bytes + "x", 1000) == "bytes behind the compressed data");
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      CHECK(refusal(method, bytes.substr(0, size), 1000) != "accepted");
    }
    std::string changed = bytes;
    changed[bytes.size() / 2] = static_cast<char>(changed[bytes.size() / 2] ^ 1);
    CHECK(refusal(method, changed, 1000) == "compressed data is corrupt");
    CHECK(refusal(method, "this is no compressed data", 1000) == "compressed data is corrupt");
  }
}

TEST_CASE("property: damaged streams never grow beyond the limit") {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    CAPTURE(seed);
    Random random{seed};
    const auto method = methods[seed % 2];
    std::string bytes = packed(method, random_text(random, 3000));
    damage(random, bytes);
    std::string out;
    const auto done = decompress(method, as_bytes(bytes), 4000, out);
    REQUIRE(out.size() <= 4000);
    REQUIRE((done.has_value() || out.empty()));
  }
}

TEST_CASE("a whole message is packed into two fields and unpacked again") {
  for (const auto method : methods) {
    for (const auto framing : {Framing::text, Framing::netstring}) {
      std::string encoded;
      append_client_body(sample(), framing, encoded);
      Message message;
      message.add("left", "over");
      REQUIRE(pack(method, as_bytes(encoded), message).has_value());
      REQUIRE(message.size() == 2);
      CHECK(message[0].name == "_compressed_payload");
      CHECK(message[0].type == FieldType::binary);
      CHECK(message[1].name == "_compression_algorithm");
      CHECK(compression(message[1].value) == method);
      REQUIRE(unpack(message).has_value());
      CHECK(same_fields(message, sample()));
      REQUIRE(unpack(message).has_value());  // nothing to do
      CHECK(same_fields(message, sample()));
    }
  }
}

TEST_CASE("a message that is packed twice is unpacked once") {
  std::string encoded;
  append_netstring(sample(), encoded);
  Message inner;
  REQUIRE(pack(Compression::zlib, as_bytes(encoded), inner).has_value());
  encoded.clear();
  append_netstring(inner, encoded);
  Message outer;
  REQUIRE(pack(Compression::bz2, as_bytes(encoded), outer).has_value());
  REQUIRE(unpack(outer).has_value());
  CHECK(same_fields(outer, inner));
}

TEST_CASE("a payload that is none is refused and the message left alone") {
  Message message;
  message.add("_compressed_payload", "text");
  CHECK(refusal(message) == "_compressed_payload is not binary");
  message.set("_compressed_payload", "junk", FieldType::binary);
  CHECK(refusal(message) == "_compression_algorithm is neither zlib nor bz2");
  message.add("_compression_algorithm", "lzma");
  CHECK(refusal(message) == "_compression_algorithm is neither zlib nor bz2");
  message.set("_compression_algorithm", "zlib");
  CHECK(refusal(message) == "_compressed_payload: compressed data is corrupt");
  message.set("_compressed_payload", packed(Compression::zlib, "junk"), FieldType::binary);
  CHECK(refusal(message) == "_compressed_payload: message: begins with neither >>> nor ###");
  CHECK(message.size() == 2);
}

TEST_CASE("a client's fields to be compressed become compressed ones") {
  Message child;
  child.add("k", std::string(500, 'v'));
  std::string nested;
  append_netstring(child, nested);
  for (const auto method : methods) {
    Message message;
    message.add("t", "comptype");
    message.add("cs", nested, FieldType::uncompressed);
    message.add("kid", nested, FieldType::nested);
    message.add("cs", nested, FieldType::uncompressed);
    REQUIRE(compress_fields(method, message).has_value());
    REQUIRE(message.size() == 5);
    CHECK(message[2].value == nested);
    CHECK(message[2].type == FieldType::nested);
    CHECK(message[4].name == "_compression_algorithm");
    CHECK(compression(message[4].value) == method);
    for (const std::size_t i : {1u, 3u}) {
      CHECK(message[i].type == FieldType::compressed);
      std::string plain;
      REQUIRE(decompress(method, as_bytes(message[i].value), 10'000, plain).has_value());
      CHECK(plain == std::string{">>>\nk="} + std::string(500, 'v') + std::string{"\n<<<\n\0", 6});
    }
    Message untouched = sample();
    REQUIRE(compress_fields(method, untouched).has_value());
    CHECK(same_fields(untouched, sample()));
  }
}
