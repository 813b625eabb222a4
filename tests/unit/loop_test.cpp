// loop_test: readiness, deadlines and the turn hook, in the right order and without allocation
#include "os/clock.hpp"
#include "os/fd.hpp"
#include "os/loop.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace hb::os;
using namespace std::chrono_literals;

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
namespace {
std::atomic<std::size_t> allocations = 0;
}

// Every allocation of the test program is counted, to prove that a turn makes none.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#else
namespace {
constexpr std::size_t allocations = 0;
}
#endif

namespace {

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) == 0);
    in.reset(ends[0]);
    out.reset(ends[1]);
  }
  void put(std::size_t bytes = 1) const {
    const std::vector<char> text(bytes, 'x');
    REQUIRE(::write(out.get(), text.data(), bytes) == static_cast<ssize_t>(bytes));
  }
  bool take() const {
    char byte = 0;
    return ::read(in.get(), &byte, 1) == 1;
  }
  Fd in, out;
};

}  // namespace

TEST_CASE("what stays readable is reported again in its turn, and the hook comes after each") {
  Loop loop;
  const Pipe a, b;
  std::vector<char> order;
  loop.watch(a.in.get(), [&] {
    order.push_back('a');
    (void)a.take();
  });
  loop.watch(b.in.get(), [&] {
    order.push_back('b');
    (void)b.take();
  });
  loop.on_turn([&] {
    order.push_back('.');
    if (order.size() > 12) loop.stop();
  });
  a.put(10);
  b.put(2);
  loop.run();
  CHECK(std::string{order.begin(), order.end()} == "a.b.a.b.a.a.a.");
}

TEST_CASE("a flood on one descriptor does not keep the hook away") {
  Loop loop;
  const Pipe flood;
  int seen = 0, turns = 0;
  loop.watch(flood.in.get(), [&] {
    (void)flood.take();
    ++seen;
    flood.put();
  });
  loop.on_turn([&] {
    if (++turns == 100) loop.stop();
  });
  flood.put();
  loop.run();
  CHECK(seen == 100);
}

TEST_CASE("the deadline wakes the loop, never before its time") {
  Loop loop;
  const auto start = instant_now();
  std::vector<hb::core::Duration> turns;
  loop.on_turn([&] {
    turns.push_back(instant_now() - start);
    if (instant_now() >= start + 30ms) loop.stop();
  });
  SUBCASE("one") { loop.deadline(start + 30ms); }
  SUBCASE("moved to later: the early turn is allowed, the late one must come") {
    loop.deadline(start + 10ms);
    loop.deadline(start + 30ms);
  }
  SUBCASE("moved to earlier") {
    loop.deadline(start + 10s);
    loop.deadline(start + 30ms);
  }
  loop.run();
  REQUIRE_FALSE(turns.empty());
  CHECK(turns.size() <= 2);
  CHECK(turns.back() >= 30ms);
  CHECK(turns.back() < 10s);
}

TEST_CASE("a deadline in the past makes a turn at once") {
  Loop loop;
  int turns = 0;
  loop.on_turn([&] {
    if (++turns == 3) return loop.stop();
    loop.deadline(hb::core::Instant{});
  });
  loop.deadline(instant_now() - 1s);
  loop.run();
  CHECK(turns == 3);
}

TEST_CASE("callbacks may watch and unwatch, themselves and others") {
  Loop loop;
  const Pipe a, b, late;
  int of_b = 0, of_late = 0;
  loop.watch(a.in.get(), [&] {
    (void)a.take();
    loop.unwatch(a.in.get());
    loop.unwatch(b.in.get());  // ready in this very turn, must not be called any more
    loop.watch(late.in.get(), [&] {
      ++of_late;
      loop.stop();
    });
  });
  loop.watch(b.in.get(), [&] { ++of_b; });
  loop.unwatch(12345);
  a.put(5);
  b.put();
  late.put();
  loop.run();
  CHECK(of_b == 0);
  CHECK(of_late == 1);
}

TEST_CASE("a number that is closed and used again is a new descriptor") {
  Loop loop;
  auto first = std::make_unique<Pipe>();
  const int number = first->in.get();
  loop.watch(number, [] {});
  loop.unwatch(number);
  first.reset();
  const Pipe second;
  REQUIRE(second.in.get() == number);
  int seen = 0;
  loop.watch(number, [&] {
    ++seen;
    loop.stop();
  });
  second.put();
  loop.run();
  CHECK(seen == 1);
}

TEST_CASE("paused descriptors are silent, and nothing is lost") {
  Loop loop;
  const Pipe pipe, other;
  int seen = 0, turns = 0;
  loop.watch(pipe.in.get(), [&] {
    (void)pipe.take();
    ++seen;
  });
  loop.watch(other.in.get(), [&] { (void)other.take(); });
  loop.on_turn([&] {
    ++turns;
    if (turns == 1) CHECK(seen == 0);
    if (turns == 1) loop.resume(pipe.in.get());
    if (seen == 1) loop.stop();
    if (turns < 50) other.put();
  });
  loop.pause(pipe.in.get());
  pipe.put();
  other.put();
  loop.run();
  CHECK(seen == 1);
}

TEST_CASE("writability is told once") {
  Loop loop;
  const Pipe pipe;
  int told = 0;
  loop.watch(pipe.in.get(), [] {});
  loop.when_writable(pipe.in.get(), [&] { ++told; });
  int turns = 0;
  loop.on_turn([&] {
    if (++turns == 3) loop.stop();
    loop.deadline(instant_now());
  });
  loop.deadline(instant_now());
  loop.run();
  CHECK(told == 1);
}

TEST_CASE("the end of a stream is readiness") {
  Loop loop;
  Pipe pipe;
  int told = 0;
  loop.watch(pipe.in.get(), [&] {
    ++told;
    loop.stop();
  });
  pipe.out.reset();
  loop.run();
  CHECK(told == 1);
}

TEST_CASE("a turn allocates nothing") {
  Loop loop;
  const std::array<Pipe, 4> pipes;
  for (const Pipe& pipe : pipes) {
    loop.watch(pipe.in.get(), [&pipe] { (void)pipe.take(); });
  }
  int turns = 0;
  std::size_t before = 0;
  loop.on_turn([&] {
    for (const Pipe& pipe : pipes) (void)!::write(pipe.out.get(), "x", 1);
    loop.deadline(instant_now() + 1ms);
    if (++turns == 100) before = allocations;
    if (turns == 1100) {
      CHECK(allocations == before);
      loop.stop();
    }
  });
  pipes[0].put();
  loop.run();
}
