// sources_test: strangers on ucast links, and senders that send too much
#include "readers/sources.hpp"

#include <doctest/doctest.h>

using namespace hb;
using namespace std::chrono_literals;
using readers::Sources;
namespace source_limits = readers::source_limits;

namespace {

os::IpAddress address(std::string_view text) { return os::parse_ip(text).value(); }

/// How many of `count` at one moment are let through.
std::size_t admitted(Sources& sources, const os::IpAddress& from, core::Instant now,
                     std::size_t count) {
  std::size_t passed = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (sources.judge(from, now) == Sources::Verdict::admitted) ++passed;
  }
  return passed;
}

}  // namespace

TEST_CASE("a ucast link listens to its peers only") {
  Sources sources;
  CHECK(sources.judge(address("192.0.2.9"), core::Instant{1s}) == Sources::Verdict::admitted);
  sources.allow_only({address("192.0.2.1"), address("192.0.2.2"), address("fe80::1")});
  CHECK(sources.judge(address("192.0.2.1"), core::Instant{1s}) == Sources::Verdict::admitted);
  CHECK(sources.judge(address("fe80::1"), core::Instant{1s}) == Sources::Verdict::admitted);
  CHECK(sources.judge(address("192.0.2.3"), core::Instant{1s}) == Sources::Verdict::stranger);
  CHECK(sources.judge(address("fe80::2"), core::Instant{1s}) == Sources::Verdict::stranger);
}

TEST_CASE("a sender has its own allowance, which comes back with time") {
  Sources sources;
  const auto flood = address("192.0.2.66"), peer = address("192.0.2.1");
  const core::Instant now{100s};
  CHECK(admitted(sources, flood, now, 50000) == source_limits::burst);
  CHECK(admitted(sources, peer, now, 100) == 100);
  CHECK(admitted(sources, flood, now + 1s, 50000) == source_limits::rate);
  CHECK(admitted(sources, flood, now + 1h, 50000) == source_limits::burst);
}

TEST_CASE("a flood of forged senders takes nothing from who is known") {
  Sources sources;
  const auto peer = address("192.0.2.1");
  core::Instant now{100s};
  CHECK(sources.judge(peer, now) == Sources::Verdict::admitted);
  std::size_t passed = 0;
  for (unsigned i = 0; i < 200000; ++i) {
    auto forged = address("10.0.0.0");
    forged.bytes[1] = static_cast<std::uint8_t>(i >> 16);
    forged.bytes[2] = static_cast<std::uint8_t>(i >> 8);
    forged.bytes[3] = static_cast<std::uint8_t>(i);
    if (sources.judge(forged, now) == Sources::Verdict::admitted) ++passed;
    if (i % 1000 == 0) CHECK(sources.judge(peer, now) == Sources::Verdict::admitted);
  }
  // As many as have a place of their own, and one burst for all the others together.
  CHECK(passed <= source_limits::senders + source_limits::burst);
  now += source_limits::memory + 1s;
  CHECK(sources.judge(address("192.0.2.2"), now) == Sources::Verdict::admitted);
}

TEST_CASE("a clock that does not move gives nothing, and takes nothing away") {
  Sources sources;
  const auto from = address("192.0.2.1");
  CHECK(sources.judge(from, core::Instant{100s}) == Sources::Verdict::admitted);
  CHECK(admitted(sources, from, core::Instant{50s}, 50000) == source_limits::burst - 1);
}
