// history_test: what was sent is found again, as long as it may be asked for
#include "core/history.hpp"

#include <doctest/doctest.h>

using namespace hb::core;
using namespace std::chrono_literals;

namespace {

constexpr Instant start{1000s};

void send(History& history, std::string_view bytes, Instant at = start) {
  history.prepare().assign(bytes);
  history.commit(at);
}

}  // namespace

TEST_CASE("a sent frame is resent unchanged, the very latest too") {
  History history{Seqno{1}};
  send(history, "one");
  send(history, "two");
  CHECK(history.highest() == Seqno{2});
  CHECK(as_text(history.answer(Seqno{1}, start, 240ms).bytes) == "one");
  CHECK(as_text(history.answer(Seqno{2}, start, 240ms).bytes) == "two");
}

TEST_CASE("a request that came over two links is answered once") {
  History history{Seqno{1}};
  send(history, "one");
  CHECK(history.answer(Seqno{1}, start + 1s, 240ms).found == History::Found::resend);
  CHECK(history.answer(Seqno{1}, start + 1s + 1ms, 240ms).found == History::Found::just_sent);
  CHECK(history.answer(Seqno{1}, start + 1s + 240ms, 240ms).found == History::Found::resend);
}

TEST_CASE("numbers never sent are told from numbers that are gone") {
  History history{Seqno{50}};
  send(history, "fifty");
  CHECK(history.answer(Seqno{51}, start, 240ms).found == History::Found::too_high);
  CHECK(history.answer(Seqno{49}, start, 240ms).found == History::Found::too_low);
}

TEST_CASE("the oldest of more than 500 is evicted") {
  History history{Seqno{1}};
  for (int i = 0; i < 501; ++i) send(history, std::to_string(i));
  CHECK(history.size() == limits::history);
  CHECK(history.answer(Seqno{1}, start, 0ms).found == History::Found::too_low);
  CHECK(as_text(history.answer(Seqno{2}, start, 0ms).bytes) == "1");
  CHECK(as_text(history.answer(Seqno{501}, start, 0ms).bytes) == "500");
}

TEST_CASE("what is acknowledged is freed, but only when it is old enough") {
  History history{Seqno{1}};
  send(history, "one");
  send(history, "two", start + 1s);
  history.release(Seqno{2}, start + 2s);
  CHECK(history.size() == 2);
  history.release(Seqno{2}, start + 2600ms);
  CHECK(history.lowest() == Seqno{2});
  history.release(Seqno{1}, start + 1h);
  CHECK(history.lowest() == Seqno{2});
}

TEST_CASE("large frames do not pile up") {
  History history{Seqno{1}};
  const std::string large(60'000, 'x');
  for (int i = 0; i < 400; ++i) {
    send(history, large);
    history.release(Seqno{}, start);
  }
  CHECK(history.size() * large.size() <= 4u * 1024 * 1024);
  CHECK(history.answer(Seqno{400}, start, 0ms).found == History::Found::resend);
  CHECK(history.answer(Seqno{1}, start, 0ms).found == History::Found::too_low);
}
