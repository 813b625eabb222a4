// blackbox_test: the newest lines stay, readers are told of gaps, and no line is torn
#include "ipc/blackbox.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

using namespace hb::ipc;
using hb::core::LogLevel;
using hb::core::WallTime;

namespace {

WallTime at(std::int64_t seconds) { return WallTime{std::chrono::seconds{seconds}}; }

}  // namespace

TEST_CASE("lines come out as they went in") {
  auto page = std::make_unique<BlackBoxPage>();
  BlackBoxWriter writer{*page};
  BlackBoxReader reader{*page, BlackBoxReader::From::oldest};
  CHECK_FALSE(reader.next().has_value());
  writer.write(LogLevel::warn, at(17), "node n2: is dead");
  writer.write(LogLevel::info, at(18), "");
  const auto line = reader.next();
  REQUIRE(line.has_value());
  CHECK(line->level == LogLevel::warn);
  CHECK(line->wall_seconds == 17);
  CHECK(line->text == "node n2: is dead");
  CHECK(reader.next()->text.empty());
  CHECK_FALSE(reader.next().has_value());
}

TEST_CASE("long lines are cut") {
  auto page = std::make_unique<BlackBoxPage>();
  BlackBoxWriter writer{*page};
  writer.write(LogLevel::info, at(0), std::string(2 * blackbox_line_bytes, 'x'));
  BlackBoxReader reader{*page, BlackBoxReader::From::oldest};
  CHECK(reader.next()->text == std::string(blackbox_line_bytes, 'x'));
}

TEST_CASE("a reader that was overtaken goes on with the oldest line there is") {
  auto page = std::make_unique<BlackBoxPage>();
  BlackBoxWriter writer{*page};
  BlackBoxReader reader{*page, BlackBoxReader::From::oldest};
  constexpr int count = 20'000;
  for (int i = 0; i < count; ++i) {
    writer.write(LogLevel::info, at(i), std::string(static_cast<std::size_t>(i % 90), 'x'));
  }
  int lines = 0;
  std::int64_t expected = -1;
  while (const auto line = reader.next()) {
    if (expected >= 0) REQUIRE(line->wall_seconds == expected);
    expected = line->wall_seconds + 1;
    REQUIRE(line->text.size() == static_cast<std::size_t>(line->wall_seconds % 90));
    ++lines;
  }
  CHECK(reader.gaps() == 1);
  CHECK(expected == count);
  CHECK(lines > 3000);
  BlackBoxReader late{*page, BlackBoxReader::From::now};
  CHECK_FALSE(late.next().has_value());
}

TEST_CASE("a reader thread never sees a torn line, however fast the writer is") {
  auto page = std::make_unique<BlackBoxPage>();
  BlackBoxWriter writer{*page};
  std::atomic<bool> done = false;
  std::thread thread{[&] {
    for (int i = 0; i < 100'000; ++i) {
      writer.write(LogLevel::info, at(i),
                   std::string(static_cast<std::size_t>(i % 200), static_cast<char>('a' + i % 26)));
    }
    done = true;
  }};
  BlackBoxReader reader{*page, BlackBoxReader::From::oldest};
  int torn = 0;
  std::int64_t last = -1;
  const auto look = [&] {
    while (const auto line = reader.next()) {
      const auto i = line->wall_seconds;
      if (line->text != std::string(static_cast<std::size_t>(i % 200),
                                    static_cast<char>('a' + i % 26)) || i <= last) {
        ++torn;
      }
      last = i;
    }
  };
  while (!done) look();
  thread.join();
  look();
  CHECK(torn == 0);
  CHECK(last == 99'999);
}
