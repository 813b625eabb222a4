// fuzz_ring: a consumer on hostile shared memory, whose indices and bytes change between its steps
#include "ipc/ring.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

using namespace hb::ipc;

namespace {

constexpr std::uint64_t capacity = 4096;

struct Shared {
  alignas(128) std::uint64_t tail = 0;
  alignas(128) std::uint64_t head = 0;
  alignas(128) std::byte data[capacity];
};

}  // namespace

/// Input: the first part of the data area, then a script of steps. Whatever happens: no access
/// outside the ring, no record above a quarter, no endless loop, and no life after a violation.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  static Shared shared;
  static std::byte payload[capacity / 4];
  shared = Shared{};
  if (size < 8) return 0;
  const std::size_t bytes = std::min<std::size_t>(size / 2, capacity);
  std::memcpy(shared.data, input, bytes);
  const RingMemory memory{&shared.tail, &shared.head, shared.data, capacity};
  RingConsumer consumer{memory};
  RingProducer producer{memory};
  bool dead = false;
  for (std::size_t i = bytes; i + 4 <= size; i += 4) {
    const std::uint64_t value = static_cast<std::uint64_t>(input[i + 1]) << 8 | input[i + 2];
    switch (input[i] % 8) {
      case 0: shared.tail += value; break;
      case 1: shared.tail = (shared.tail + value) & ~std::uint64_t{15}; break;
      case 2: std::memcpy(shared.data + value % (capacity - 4), input + i, 4); break;
      case 3: shared.head = value; break;
      case 4: {
        const bool was = producer.violation() != Violation::none;
        const bool pushed = producer.push(RecordType::frame_in, 0, {},
                                          {payload, value % (capacity / 4)});
        ENSURE(!was || !pushed);
        break;
      }
      case 5: producer.flush(); break;
      default: {
        const Violation bad = consumer.begin();
        ENSURE(!dead || bad != Violation::none);
        dead = bad != Violation::none;
        RecordView record;
        std::size_t records = 0;
        RingConsumer::Next next{};
        while ((next = consumer.next(record)) == RingConsumer::Next::record) {
          ENSURE(!dead && record.payload.size() <= capacity / 4 - sizeof(RecordHeader));
          ENSURE(++records <= capacity / sizeof(RecordHeader));
          // It is a private copy: what the other side does to the ring changes nothing.
          std::vector<std::byte> before(record.payload.begin(), record.payload.end());
          std::memset(shared.data, input[i + 3], 64);
          ENSURE(std::equal(before.begin(), before.end(), record.payload.begin()));
          if (input[i + 3] % 4 == 0) shared.tail += input[i + 2];
        }
        dead = dead || next == RingConsumer::Next::violation;
        consumer.commit();
      }
    }
  }
  return 0;
}
