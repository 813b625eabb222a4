// master_watch_test: when a master hangs, and when its watcher was late himself
#include "status/master_watch.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>

using namespace hb;
using namespace std::chrono_literals;

namespace {

/// Looks whenever it is due until `end`; turns are taken until `last_turn`. When it hung, if so.
std::optional<core::Instant> watch(status::TurnWatch& watch, core::Instant& now, core::Instant end,
                                   core::Instant last_turn) {
  while (now < end) {
    now = std::max(now, watch.next_look());
    const core::Instant lived = std::min(now, last_turn);
    if (watch.is_hung(now, static_cast<std::uint64_t>(lived.time_since_epoch() / 50ms))) return now;
  }
  return {};
}

}  // namespace

TEST_CASE("a master without a turn for the patience hangs, one with a turn now and then does not") {
  status::TurnWatch turns{800ms};
  core::Instant now{100s};
  CHECK_FALSE(watch(turns, now, core::Instant{110s}, core::Instant{1000s}));
  const auto hung = watch(turns, now, core::Instant{130s}, core::Instant{120s});
  REQUIRE(hung);
  CHECK(*hung >= core::Instant{120s} + 800ms - 100ms);  // its last turn was seen at the last look
  CHECK(*hung <= core::Instant{120s} + 900ms + 100ms);
}

TEST_CASE("when the whole machine stood still nobody hangs") {
  status::TurnWatch turns{800ms};
  core::Instant now{100s};
  CHECK_FALSE(watch(turns, now, core::Instant{110s}, core::Instant{1000s}));
  now += 60s;  // both were paused
  CHECK_FALSE(turns.is_hung(now, 2200));
  CHECK_FALSE(turns.is_hung(now + 100ms, 2200));
  CHECK_FALSE(turns.is_hung(now + 700ms, 2200));  // late again
  CHECK_FALSE(turns.is_hung(now + 800ms, 2200));
  CHECK_FALSE(watch(turns, now, now + 500ms, core::Instant{}));
}
