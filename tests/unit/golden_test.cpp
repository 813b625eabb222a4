// golden_test: every captured frame is verified, decoded, and made again byte for byte
#include "core/auth.hpp"
#include "core/compress.hpp"
#include "core/frame.hpp"

#include <doctest/doctest.h>

#include <charconv>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

using namespace hb::core;

namespace {

struct Vector {
  std::string file, framing, method, id, keys, inner, t, src, dest, seq, auth, reencode, ours,
      theirs, note;
};

/// Tests run at the root of the tree.
const std::string folder = "tests/golden/";

std::string content(const std::string& name) {
  std::ifstream file{folder + name, std::ios::binary};
  REQUIRE_MESSAGE(file.good(), name);
  return {std::istreambuf_iterator<char>{file}, {}};
}

std::vector<Vector> vectors() {
  std::vector<Vector> result;
  std::istringstream index{content("INDEX")};
  for (std::string line; std::getline(index, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream columns{line};
    Vector vector;
    for (std::string* column :
         {&vector.file, &vector.framing, &vector.method, &vector.id, &vector.keys, &vector.inner,
          &vector.t, &vector.src, &vector.dest, &vector.seq, &vector.auth, &vector.reencode,
          &vector.ours, &vector.theirs, &vector.note}) {
      std::getline(columns, *column, '\t');
    }
    REQUIRE_MESSAGE(!vector.note.empty(), line);
    result.push_back(vector);
  }
  return result;
}

KeyId key_id(const std::string& text) {
  KeyId id;
  std::from_chars(text.data(), text.data() + text.size(), id.value);
  return id;
}

/// The receiver's ring, from ID:METHOD:SECRET, ...; it signs with id 1 if it has that.
KeyRing ring_of(const Vector& vector) {
  KeyRing ring;
  std::istringstream keys{vector.keys};
  bool active = false;
  for (std::string key; std::getline(keys, key, ',');) {
    std::istringstream parts{key};
    std::string id, method, secret;
    std::getline(parts, id, ':');
    std::getline(parts, method, ':');
    std::getline(parts, secret);
    REQUIRE(auth_method(method).has_value());
    ring.insert(key_id(id), {*auth_method(method), secret});
    if (!active) ring.activate(key_id(id));
    active = true;
  }
  return ring;
}

std::string field(const Message& message, std::string_view name) {
  return std::string{message.text(name).value_or("-")};
}

/// The bytes that the sender must have started from, as far as INDEX says they are its own.
std::string remade(const Vector& vector, Message message) {
  KeyRing ring = ring_of(vector);
  ring.activate(key_id(vector.id));
  std::string out;
  if (vector.framing == "text") {
    ring.sign_text(message, out);
  } else {
    const bool with = vector.inner == "yes" && vector.reencode != "keep-inner";
    ring.sign_netstring(message, with ? KeyRing::Inner::with : KeyRing::Inner::without, out);
  }
  return out;
}

void check_remade(const Vector& vector, const std::string& frame, const Message& message) {
  std::string expected = frame;
  std::string made = remade(vector, message);
  if (vector.reencode == "without-nul") expected.resize(expected.size() - 1);
  if (vector.reencode == "without-junk") expected.resize(expected.size() - 3);
  if (vector.reencode == "message") {
    made.clear();
    append_netstring(message, made);
    expected.resize(made.size());
  }
  CHECK(made == expected);
}

}  // namespace

TEST_CASE("golden: every frame gets its verdict, and the good ones are made again") {
  const auto all = vectors();
  CHECK(all.size() == 93);
  for (const Vector& vector : all) {
    CAPTURE(vector.file);
    const std::string frame = content(vector.file);
    KeyRing ring = ring_of(vector);
    const auto verified = ring.verify(as_bytes(frame));
    CHECK(name_of(verified.verdict) == vector.auth);
    if (verified.verdict != AuthVerdict::good) {
      CHECK(vector.ours == "drop");
      continue;
    }
    CHECK(verified.key == key_id(vector.id));
    Message message;
    const auto decoded = decode(verified.message_bytes, message);
    REQUIRE(decoded.has_value());
    CHECK(decoded->framing == (vector.framing == "text" ? Framing::text : Framing::netstring));
    CHECK(decoded->consumed == verified.message_bytes.size());
    CHECK(field(message, "t") == vector.t);
    CHECK(field(message, "src") == vector.src);
    CHECK(field(message, "dest") == vector.dest);
    CHECK(field(message, "seq") == vector.seq);
    if (vector.inner != "-") CHECK(message.find("auth").has_value() == (vector.inner == "yes"));
    check_remade(vector, frame, message);
  }
}

TEST_CASE("golden: our verdict differs from that of 3.0.6 only where it meant to accept") {
  for (const Vector& vector : vectors()) {
    if (vector.theirs == "-" || vector.ours == vector.theirs) continue;
    CHECK(vector.file == "83-made-id2-ownkey.bin");
    CHECK(vector.ours == "accept");
  }
}

TEST_CASE("golden: whole compressed messages are unpacked and packed again byte for byte") {
  for (const Vector& vector : vectors()) {
    if (vector.t != "-" || vector.auth != "good") continue;
    CAPTURE(vector.file);
    const std::string frame = content(vector.file);
    KeyRing ring = ring_of(vector);
    Message message;
    REQUIRE(decode(ring.verify(as_bytes(frame)).message_bytes, message).has_value());
    const auto method = compression(message.text_or_empty("_compression_algorithm"));
    REQUIRE(method.has_value());
    REQUIRE(unpack(message).has_value());
    CHECK(message.type() == "bigtest");

    std::string encoded;
    ring.sign_text(message, encoded);  // the inner auth is inside, and right
    encoded += '\0';
    CHECK(encoded.size() == 2408);
    REQUIRE(pack(*method, as_bytes(encoded), message).has_value());
    std::string again;
    ring.sign_netstring(message, KeyRing::Inner::without, again);
    CHECK(again == frame);
  }
}

TEST_CASE("golden: a client's compressed field is made again byte for byte") {
  const std::string frame = content("52-client-compressed-field.bin");
  Message message;
  REQUIRE(decode(as_bytes(frame), message).has_value());
  const auto before = message.find("cs");
  REQUIRE(before.has_value());
  REQUIRE(before->type == FieldType::compressed);
  const std::string packed{before->value};
  std::string plain;
  REQUIRE(decompress(Compression::zlib, as_bytes(packed), 1000, plain).has_value());
  Message child;
  REQUIRE(decode(as_bytes(plain), child).has_value());
  std::string nested;
  append_netstring(child, nested);

  message.set("cs", nested, FieldType::uncompressed);
  message.remove("_compression_algorithm");
  REQUIRE(compress_fields(Compression::zlib, message).has_value());
  CHECK(message.find("cs")->value == packed);
  CHECK(message.text("_compression_algorithm") == "zlib");
}
