// adopt_test: which master may go on where another one died
#include "master/adopt.hpp"
#include "os/clock.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include <unistd.h>

using namespace hb;
using master::Estate;
using master::Succession;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr core::Duration deadtime = seconds{10};

struct Scene {
  Scene() { REQUIRE(::mkdtemp(folder.data()) != nullptr); }
  ~Scene() {
    ::unlink(path().c_str());
    ::rmdir(folder.c_str());
  }
  [[nodiscard]] std::string path() const { return folder + "/board"; }

  /// A master that began with these crashes behind it, and took its last turn at `turn`.
  ipc::Board leave(core::Instant turn, std::span<const core::Instant> crashes = {}) const {
    auto board = ipc::Board::create(path());
    REQUIRE(board.has_value());
    board->begin_testament("boot", crashes);
    board->remember([&](core::Continuity& memory) {
      memory.saved_at = turn;
      memory.generation = core::Generation{77};
      memory.next_seqno = core::Seqno{1234};
      memory.active = active;
    });
    return std::move(*board);
  }
  Succession find(core::Instant now, std::string_view boot = "boot") {
    return master::find_estate(path(), boot, now, deadtime, estate);
  }
  Estate estate;
  std::uint8_t active = 1;
  std::string folder = "/tmp/adopt_test.XXXXXX";
  const core::Instant start{seconds{1000}};
};

}  // namespace

TEST_CASE("a master that died a moment ago is followed with its generation and next number") {
  Scene scene;
  (void)scene.leave(scene.start);
  REQUIRE(scene.find(scene.start + milliseconds{300}) == Succession::go_on);
  CHECK(scene.estate.memory->generation == core::Generation{77});
  CHECK(scene.estate.memory->next_seqno == core::Seqno{1234});
  CHECK(scene.estate.crashes[0] == scene.start + milliseconds{300});
  CHECK(scene.estate.crashes[1] == core::Instant{});
}

TEST_CASE("nobody is followed without a board, after an orderly end, too late, or after a boot") {
  Scene scene;
  CHECK(scene.find(scene.start) == Succession::none);
  ipc::Board board = scene.leave(scene.start);
  CHECK(scene.find(scene.start + deadtime) == Succession::none);
  CHECK(scene.find(scene.start - seconds{1}) == Succession::none);
  CHECK(scene.find(scene.start, "another boot") == Succession::none);
  CHECK(scene.find(scene.start, "") == Succession::none);
  board.settle_testament();
  CHECK(scene.find(scene.start) == Succession::none);
}

TEST_CASE("nor one that was not active yet, or whose memory makes no sense") {
  Scene scene;
  scene.active = 0;
  (void)scene.leave(scene.start);
  CHECK(scene.find(scene.start) == Succession::none);
  scene.active = 7;
  (void)scene.leave(scene.start);
  CHECK(scene.find(scene.start) == Succession::none);
}

TEST_CASE("the third crash within ten dead times is the last one that is tried to repair") {
  Scene scene;
  const std::array crashes = {scene.start - seconds{30}, scene.start - seconds{90}};
  (void)scene.leave(scene.start, crashes);
  CHECK(scene.find(scene.start + seconds{1}) == Succession::too_often);
  const std::array old = {scene.start - seconds{30}, scene.start - seconds{120}};
  (void)scene.leave(scene.start, old);
  CHECK(scene.find(scene.start + seconds{1}) == Succession::go_on);
  CHECK(scene.estate.crashes[1] == scene.start - seconds{30});
}
