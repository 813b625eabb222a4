// peers_test: generation, sequence, gaps, requests and acknowledgements of one sender
#include "core/peers.hpp"

#include <doctest/doctest.h>

using namespace hb::core;
using namespace std::chrono_literals;

namespace {

constexpr Instant start{1000s};
constexpr Generation first{100};

/// A stream with the default delay, fed at one instant unless told.
struct Stream {
  explicit Stream(std::uint64_t residue = 0) : peer(residue) {}
  Judgement take(std::uint64_t seqno, Generation generation = first, Instant at = start) {
    return peer.judge(generation, Seqno{seqno}, at, 250ms, random);
  }
  PeerStream peer;
  Random random{1};
};

std::vector<std::pair<std::uint64_t, std::uint64_t>> due(PeerStream& peer, Instant at) {
  std::vector<PeerStream::Range> ranges;
  peer.due(at, 250ms, ranges);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> result;
  for (const auto& range : ranges) result.emplace_back(range.first.value, range.last.value);
  return result;
}

}  // namespace

TEST_CASE("the first message of a sender is accepted whatever its number") {
  Stream stream;
  const Judgement judged = stream.take(77);
  CHECK(judged.arrival == Arrival::fresh);
  CHECK(judged.lost == 0);
  CHECK_FALSE(judged.restarted);
  CHECK(stream.peer.last() == Seqno{77});
}

TEST_CASE("the same number again is a duplicate, a lower one is stale") {
  Stream stream;
  (void)stream.take(5);
  (void)stream.take(6);
  CHECK(stream.take(6).arrival == Arrival::duplicate);
  CHECK(stream.take(5).arrival == Arrival::stale);
  CHECK(stream.take(1).arrival == Arrival::stale);
}

TEST_CASE("an older generation is a replay and changes nothing") {
  Stream stream;
  (void)stream.take(5);
  CHECK(stream.take(6, Generation{99}).arrival == Arrival::replay);
  CHECK(stream.peer.last() == Seqno{5});
  CHECK(stream.peer.generation() == first);
}

TEST_CASE("a newer generation is a restart and begins anew") {
  Stream stream;
  (void)stream.take(50);
  stream.peer.saw_status(Seqno{50});
  (void)stream.take(55);
  const Judgement judged = stream.take(1, Generation{101});
  CHECK(judged.arrival == Arrival::fresh);
  CHECK(judged.restarted);
  CHECK(stream.peer.missing() == 0);
  CHECK(stream.peer.is_newer_status(Seqno{1}));
}

TEST_CASE("a gap is asked for between 50 ms and max_rexmit_delay, then every max_rexmit_delay") {
  for (std::uint64_t seed = 1; seed < 50; ++seed) {
    PeerStream peer{0};
    Random random{seed};
    (void)peer.judge(first, Seqno{10}, start, 250ms, random);
    const Judgement judged = peer.judge(first, Seqno{14}, start, 250ms, random);
    CHECK(judged.arrival == Arrival::fresh);
    CHECK(judged.lost == 3);
    CHECK(judged.before == Seqno{10});
    CHECK(peer.next_request() >= start + 50ms);
    CHECK(peer.next_request() <= start + 250ms);
    const Instant asked = peer.next_request();
    CHECK(due(peer, asked - 1ns).empty());
    CHECK(due(peer, asked) == std::vector{std::pair<std::uint64_t, std::uint64_t>{11, 13}});
    CHECK(peer.next_request() == asked + 250ms);
  }
}

TEST_CASE("requests leave out what has arrived meanwhile") {
  Stream stream;
  (void)stream.take(10);
  (void)stream.take(15);
  CHECK(stream.take(12).arrival == Arrival::filled);
  using Pair = std::pair<std::uint64_t, std::uint64_t>;
  CHECK(due(stream.peer, start + 1s) == std::vector<Pair>{{11, 11}, {13, 14}});
  CHECK(stream.take(12).arrival == Arrival::stale);
}

TEST_CASE("the list is complete with the last missing number, or its NAK") {
  Stream stream;
  (void)stream.take(10);
  (void)stream.take(13);
  CHECK(stream.peer.first_missing() == Seqno{11});
  CHECK_FALSE(stream.take(11).complete);
  CHECK(stream.peer.give_up(Seqno{12}));
  CHECK_FALSE(stream.peer.give_up(Seqno{12}));
  CHECK(stream.peer.missing() == 0);
  CHECK(stream.peer.next_request() == never);
}

TEST_CASE("a gap above 250 is not asked for") {
  Stream stream;
  (void)stream.take(10);
  CHECK(stream.take(10 + 251).lost == 250);
  const Judgement judged = stream.take(10 + 251 + 252);
  CHECK(judged.lost_a_lot);
  CHECK(judged.lost == 0);
  CHECK(stream.peer.missing() == 0);
  CHECK(stream.take(11).arrival == Arrival::stale);
}

TEST_CASE("the missing list is bounded whatever arrives") {
  Stream stream;
  std::uint64_t seqno = 1;
  (void)stream.take(seqno);
  for (int i = 0; i < 100; ++i) (void)stream.take(seqno += 200);
  CHECK(stream.peer.missing() <= limits::missing);
}

TEST_CASE("every tenth number is acknowledged if nothing is missing") {
  Stream stream{3};
  for (std::uint64_t seqno = 1; seqno <= 40; ++seqno) {
    const Judgement judged = stream.take(seqno);
    CHECK((judged.ack == Seqno{seqno}) == (seqno % 10 == 3));
  }
}

TEST_CASE("filling the lowest gap acknowledges up to the next one") {
  Stream stream{0};
  for (const std::uint64_t seqno : {8u, 10u, 11u, 13u, 21u}) CHECK_FALSE(stream.take(seqno).ack);
  CHECK(stream.take(9).ack == Seqno{10});       // 12 is missing: 11 is whole, 10 is ours
  CHECK_FALSE(stream.take(15).ack);             // 12 is still missing
  for (const std::uint64_t seqno : {14u, 16u, 17u, 18u, 19u, 20u}) {
    CHECK_FALSE(stream.take(seqno).ack);
  }
  CHECK(stream.take(12).ack == Seqno{20});
}

TEST_CASE("after a death the sequence begins anew, generation and last status stay") {
  Stream stream;
  (void)stream.take(40);
  stream.peer.saw_status(Seqno{40});
  stream.peer.forget();
  CHECK_FALSE(stream.peer.last().has_value());
  CHECK(stream.peer.generation() == first);
  CHECK_FALSE(stream.peer.is_newer_status(Seqno{40}));
  CHECK(stream.peer.is_newer_status(Seqno{41}));
}

TEST_CASE("saved peers come back as they were; broken lines are skipped") {
  std::string text;
  Uuid uuid;
  uuid.bytes[15] = std::byte{0x7f};
  append_saved_peer({"n1", Generation{0xabc}, Seqno{17}, uuid}, text);
  text += "n2 nonsense 1 2\n\nn3\nn4 1 2 00\n";
  append_saved_peer({"n5", Generation{1}, Seqno{2}, Uuid{}}, text);
  text += "n6 1 1";  // cut
  const auto peers = parse_saved_peers(text);
  REQUIRE(peers.size() == 2);
  CHECK(peers[0].name == "n1");
  CHECK(peers[0].generation == Generation{0xabc});
  CHECK(peers[0].last_status == Seqno{17});
  CHECK(peers[0].uuid == uuid);
  CHECK(peers[1].name == "n5");
}
