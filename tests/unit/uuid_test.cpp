// uuid_test: text form, and uuids derived from names as 3.0.6 derives them
#include "core/uuid.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

using namespace hb::core;

TEST_CASE("a name gives the uuid that 3.0.6 gives it") {
  CHECK(to_text(uuid_from_name("n1")) == "dbf0a978-e76b-438c-ddb2-32fac6d43cf0");
  CHECK(uuid_from_name("n2") != uuid_from_name("n1"));
}

TEST_CASE("our generator is the C library's, also for seeds 0, negative and huge") {
  std::uint32_t random = 1;
  for (int round = 0; round < 500; ++round) {
    std::string name;
    for (std::uint32_t i = random >> 28; i > 0; --i) {
      random = random * 1'103'515'245 + 12'345;
      name += static_cast<char>(random >> 16 & 0xff);
    }
    random = random * 1'103'515'245 + 12'345;

    unsigned hash = 0;
    for (const char byte : name) {
      hash = hash * 31 + static_cast<unsigned>(static_cast<signed char>(byte));
    }
    std::srand(hash);
    Uuid expected;
    for (std::byte& byte : expected.bytes) {
      const int high = std::rand() % 16, low = std::rand() % 16;
      byte = std::byte{static_cast<unsigned char>(high * 16 + low)};
    }
    REQUIRE(to_text(uuid_from_name(name)) == to_text(expected));
  }
}

TEST_CASE("text and uuid are inverse; anything else is refused") {
  const std::string text = "47c75e83-013e-4f0a-9b1c-00ff10aa55ee";
  const auto uuid = uuid_from_text(text);
  REQUIRE(uuid);
  CHECK(uuid->bytes[0] == std::byte{0x47});
  CHECK(uuid->bytes[15] == std::byte{0xee});
  CHECK(to_text(*uuid) == text);
  CHECK(uuid_from_text("47C75E83-013E-4F0A-9B1C-00FF10AA55EE") == uuid);
  CHECK(to_text(Uuid{}) == "00000000-0000-0000-0000-000000000000");
  for (const char* bad : {"", "47c75e83", "47c75e83-013e-4f0a-9b1c-00ff10aa55e",
                          "47c75e83-013e-4f0a-9b1c-00ff10aa55eeX",
                          "47c75e83x013e-4f0a-9b1c-00ff10aa55ee",
                          "47c75e83-013e-4f0a-9b1c-00ff10aa55eg",
                          "47c75e8-3013e-4f0a-9b1c-00ff10aa55ee"}) {
    CHECK_MESSAGE(!uuid_from_text(bad), bad);
  }
}
