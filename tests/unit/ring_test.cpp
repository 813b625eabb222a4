// ring_test: records arrive whole, in order or not at all, and a hostile other side is found out
#include "ipc/ring.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

using namespace hb::ipc;
using hb::core::as_bytes;
using hb::core::as_text;
using hb::core::Instant;

namespace {

/// Both indices and the bytes of a ring, as they lie in shared memory.
struct Memory {
  explicit Memory(std::uint64_t room) : capacity{room}, data(room / sizeof(Block)) {}
  RingMemory ring() {
    return {&tail, &head, reinterpret_cast<std::byte*>(data.data()), capacity};
  }
  std::byte* at(std::uint64_t offset) { return ring().data + offset; }

  struct alignas(16) Block {
    std::byte bytes[16];
  };
  std::uint64_t capacity;
  alignas(128) std::uint64_t tail = 0;
  alignas(128) std::uint64_t head = 0;
  std::vector<Block> data;
};

bool put(RingProducer& producer, std::string_view text) {
  return producer.push(RecordType::frame_in, 7, Instant{hb::core::Duration{42}}, as_bytes(text));
}

std::vector<std::string> take_all(RingConsumer& consumer) {
  std::vector<std::string> texts;
  RecordView record;
  REQUIRE(consumer.begin() == Violation::none);
  while (consumer.next(record) == RingConsumer::Next::record) {
    texts.emplace_back(as_text(record.payload));
  }
  consumer.commit();
  return texts;
}

void forge(Memory& memory, std::uint64_t offset, RecordHeader header) {
  std::memcpy(memory.at(offset), &header, sizeof header);
}

Violation look(Memory& memory, RingConsumer& consumer) {
  RecordView record;
  (void)memory;
  if (const auto bad = consumer.begin(); bad != Violation::none) return bad;
  while (consumer.next(record) == RingConsumer::Next::record) {
  }
  return consumer.violation();
}

}  // namespace

TEST_CASE("a record carries type, flags, time and bytes, and is invisible before the flush") {
  Memory memory{1024};
  RingProducer producer{memory.ring()};
  RingConsumer consumer{memory.ring()};
  CHECK(producer.push(RecordType::frame_out, 3, Instant{hb::core::Duration{-5}}, as_bytes("ab"),
                      as_bytes("cde")));
  CHECK(take_all(consumer).empty());
  CHECK(producer.flush());
  CHECK_FALSE(producer.flush());
  RecordView record;
  REQUIRE(consumer.begin() == Violation::none);
  REQUIRE(consumer.next(record) == RingConsumer::Next::record);
  CHECK(record.type == RecordType::frame_out);
  CHECK(record.flags == 3);
  CHECK(record.time == Instant{hb::core::Duration{-5}});
  CHECK(as_text(record.payload) == "abcde");
  CHECK(consumer.next(record) == RingConsumer::Next::empty);
}

TEST_CASE("a full ring drops the newest record and keeps the others") {
  Memory memory{256};
  RingProducer producer{memory.ring()};
  RingConsumer consumer{memory.ring()};
  std::vector<std::string> put_in;
  for (int i = 0; i < 20; ++i) {
    const std::string text = "record " + std::to_string(i);
    if (put(producer, text)) put_in.push_back(text);
    producer.flush();
  }
  CHECK(put_in.size() == 8);
  CHECK(take_all(consumer) == put_in);
  CHECK(put(producer, "there is room again"));
}

TEST_CASE("a record above a quarter of the ring is refused") {
  Memory memory{1024};
  RingProducer producer{memory.ring()};
  CHECK(producer.largest_payload() == 240);
  CHECK(put(producer, std::string(240, 'x')));
  CHECK_FALSE(put(producer, std::string(241, 'x')));
}

TEST_CASE("records of all sizes pass many laps unchanged and in order") {
  Memory memory{4096};
  RingProducer producer{memory.ring()};
  RingConsumer consumer{memory.ring()};
  std::mt19937 random{1};
  std::vector<std::string> sent;
  std::vector<std::string> got;
  for (int i = 0; i < 20'000; ++i) {
    std::string text(random() % 900, static_cast<char>('a' + i % 26));
    if (put(producer, text)) sent.push_back(std::move(text));
    if (random() % 3 == 0) producer.flush();
    if (random() % 5 == 0) {
      for (auto& part : take_all(consumer)) got.push_back(std::move(part));
    }
  }
  producer.flush();
  for (auto& part : take_all(consumer)) got.push_back(std::move(part));
  CHECK(sent.size() > 10'000);
  CHECK(got == sent);
}

TEST_CASE("a quiet ring stays at its begin, a burst still gets all the room") {
  constexpr std::uint64_t capacity = 512 << 10;
  Memory memory{capacity};
  std::memset(memory.at(0), 0xff, capacity);
  RingProducer producer{memory.ring()};
  RingConsumer consumer{memory.ring()};
  const std::string text(350, 'x');
  for (int i = 0; i < 20'000; ++i) {  // 7 MiB
    REQUIRE(put(producer, text));
    producer.flush();
    REQUIRE(take_all(consumer).size() == 1);
  }
  std::uint64_t touched = 0;
  for (std::uint64_t offset = 0; offset < capacity; offset += page_bytes) {
    std::uint64_t word = 0;
    std::memcpy(&word, memory.at(offset), sizeof word);
    if (word != ~0UL) touched = offset + page_bytes;
  }
  CHECK(touched <= RingProducer::recycle_bytes + page_bytes);

  int burst = 0;  // nobody reads: at least the part behind us fits, later the whole ring
  while (put(producer, text)) ++burst;
  CHECK(burst * 368 >= 60'000);
  producer.flush();
  CHECK(take_all(consumer).size() == static_cast<std::size_t>(burst));
}

TEST_CASE("a burst that fitted once fits again after the ring ran empty") {
  Memory memory{512 << 10};
  RingProducer producer{memory.ring()};
  RingConsumer consumer{memory.ring()};
  const std::string text(350, 'x');
  int dropped = 0;
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 250; ++i) dropped += put(producer, text) ? 0 : 1;  // 90 KiB
    producer.flush();
    (void)take_all(consumer);
  }
  // Only the second burst may meet the rest of a lap that was given up early.
  CHECK(dropped <= 250);
  dropped = 0;
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 250; ++i) dropped += put(producer, text) ? 0 : 1;
    producer.flush();
    (void)take_all(consumer);
  }
  CHECK(dropped == 0);
}

TEST_CASE("in all interleavings of three records the consumer sees a prefix of what was flushed") {
  // Producer: push, flush, three times. Consumer: begin, next, next, commit, three times.
  constexpr int producer_steps = 6, consumer_steps = 12;
  int schedules = 0;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{16}}) {
    for (std::uint32_t mask = 0; mask < 1U << (producer_steps + consumer_steps); ++mask) {
      if (std::popcount(mask) != producer_steps) continue;
      ++schedules;
      Memory memory{128};  // a lap and a half of the largest records
      RingProducer producer{memory.ring()};
      RingConsumer consumer{memory.ring()};
      std::array<bool, 3> accepted{};
      int pushed = 0, flushed = 0, seen = 0, produce = 0, consume = 0;
      for (int step = 0; step < producer_steps + consumer_steps; ++step) {
        if ((mask >> step & 1U) != 0) {
          if (produce++ % 2 == 0) {
            accepted[static_cast<std::size_t>(pushed)] =
                put(producer, std::string(size, static_cast<char>('a' + pushed)));
            ++pushed;
          } else {
            producer.flush();
            flushed = pushed;
          }
          continue;
        }
        const int part = consume++ % 4;
        if (part == 0) REQUIRE(consumer.begin() == Violation::none);
        if (part == 1 || part == 2) {
          RecordView record;
          const auto next = consumer.next(record);
          REQUIRE(next != RingConsumer::Next::violation);
          if (next == RingConsumer::Next::record) {
            while (!accepted[static_cast<std::size_t>(seen)]) ++seen;
            REQUIRE(seen < flushed);
            REQUIRE(as_text(record.payload) ==
                    std::string(size, static_cast<char>('a' + seen)));
            ++seen;
          }
        }
        if (part == 3) consumer.commit();
      }
      for (const auto& text : take_all(consumer)) {
        while (!accepted[static_cast<std::size_t>(seen)]) ++seen;
        REQUIRE(text == std::string(size, static_cast<char>('a' + seen)));
        ++seen;
      }
      while (seen < 3 && !accepted[static_cast<std::size_t>(seen)]) ++seen;
      REQUIRE(seen == 3);
    }
  }
  CHECK(schedules == 3 * 18'564);
}

TEST_CASE("two threads exchange records through a ring without loss or tearing") {
  Memory memory{8192};
  constexpr int count = 100'000;
  std::thread writer{[&] {
    RingProducer producer{memory.ring()};
    for (int i = 0; i < count;) {
      const std::string text(static_cast<std::size_t>(i % 700), static_cast<char>('a' + i % 26));
      const std::string number = std::to_string(i);
      if (producer.push(RecordType::frame_in, 0, Instant{}, as_bytes(number), as_bytes(text))) {
        ++i;
        if (i % 7 == 0) producer.flush();
      } else {
        producer.flush();
        std::this_thread::yield();
      }
    }
    producer.flush();
  }};
  RingConsumer consumer{memory.ring()};
  int wrong = 0;
  for (int i = 0; i < count;) {
    RecordView record;
    REQUIRE(consumer.begin() == Violation::none);
    int taken = 0;
    while (consumer.next(record) == RingConsumer::Next::record) {
      const std::string number = std::to_string(i);
      const auto text = as_text(record.payload);
      if (!text.starts_with(number) ||
          text.substr(number.size()) != std::string(static_cast<std::size_t>(i % 700),
                                                    static_cast<char>('a' + i % 26))) {
        ++wrong;
      }
      ++i;
      ++taken;
    }
    consumer.commit();
    if (taken == 0) std::this_thread::yield();
  }
  writer.join();
  CHECK(wrong == 0);
}

TEST_CASE("every kind of forged ring is a violation, for good") {
  Memory memory{1024};
  RingConsumer consumer{memory.ring()};
  SUBCASE("tail beyond the capacity") {
    memory.tail = 1040;
    CHECK(look(memory, consumer) == Violation::tail_out_of_range);
  }
  SUBCASE("tail not aligned") {
    memory.tail = 24;
    CHECK(look(memory, consumer) == Violation::tail_unaligned);
  }
  SUBCASE("tail goes back") {
    RingProducer producer{memory.ring()};
    put(producer, "one");
    producer.flush();
    CHECK(take_all(consumer).size() == 1);
    memory.tail = 0;
    CHECK(look(memory, consumer) == Violation::tail_out_of_range);
  }
  SUBCASE("a length beyond the tail") {
    forge(memory, 0, {100, 10, 0, 0});
    memory.tail = 64;
    CHECK(look(memory, consumer) == Violation::length_beyond_tail);
  }
  SUBCASE("the largest length") {
    forge(memory, 0, {0xffffffff, 10, 0, 0});
    memory.tail = 1024;
    CHECK(look(memory, consumer) == Violation::length_beyond_tail);
  }
  SUBCASE("a record longer than a quarter") {
    forge(memory, 0, {512, 10, 0, 0});
    memory.tail = 1024;
    CHECK(look(memory, consumer) == Violation::length_beyond_limit);
  }
  SUBCASE("a pad that does not end the lap") {
    forge(memory, 0, {16, 0, 0, 0});
    memory.tail = 64;
    CHECK(look(memory, consumer) == Violation::bad_pad);
  }
  SUBCASE("a record across the end of the lap") {
    for (std::uint64_t at = 0; at < 1024; at += 64) forge(memory, at, {48, 10, 0, 0});
    forge(memory, 960, {100, 10, 0, 0});
    memory.tail = 1024;
    CHECK(look(memory, consumer) == Violation::length_beyond_tail);
  }
  CHECK(consumer.begin() != Violation::none);
  RecordView record;
  CHECK(consumer.next(record) == RingConsumer::Next::violation);
  CHECK_FALSE(consumer.anything_waiting());
}

TEST_CASE("a record that crosses the end of the lap, with the tail in the next lap") {
  Memory memory{1024};
  RingProducer producer{memory.ring()};
  RingConsumer consumer{memory.ring()};
  for (int i = 0; i < 12; ++i) put(producer, std::string(48, 'x'));
  producer.flush();
  CHECK(take_all(consumer).size() == 12);  // now at 768 of 1024
  forge(memory, 768, {300, 10, 0, 0});
  memory.tail = 768 + 512;
  CHECK(look(memory, consumer) == Violation::length_beyond_lap);
}

TEST_CASE("a consumer that claims an impossible position gets nothing more") {
  Memory memory{1024};
  RingProducer producer{memory.ring()};
  for (int i = 0; i < 16; ++i) put(producer, std::string(48, 'x'));
  producer.flush();
  memory.head = 4096;  // more than was ever written
  CHECK_FALSE(put(producer, "more"));
  CHECK(producer.violation() == Violation::head_out_of_range);
  memory.head = 1024;
  CHECK_FALSE(put(producer, "more"));
}
