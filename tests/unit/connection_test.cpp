// connection_test: framing of the API socket and the bounded connection behind it
#include "status/connection.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace hb::core;
using hb::status::Connection;
using State = ApiFrameReader::State;

std::string header(std::int32_t length, std::uint32_t magic = api_magic) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 4);
  std::memcpy(bytes.data() + 4, &magic, 4);
  return bytes;
}

std::string frame(std::string_view body) {
  std::string bytes;
  append_api_frame(as_bytes(body), bytes);
  return bytes;
}

/// Our connection and the client's end of it.
struct Pair {
  Pair() {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    ours = std::make_unique<Connection>(ends[0]);
    client = ends[1];
    ::fcntl(client, F_SETFL, O_NONBLOCK);
  }
  ~Pair() { ::close(client); }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  void send(std::string_view bytes) const {
    REQUIRE(::send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(bytes.size()));
  }
  Connection::Queue push(std::string_view body, Delivery kind = Delivery::unasked) const {
    return ours->push(as_bytes(body), kind);
  }
  Connection::Stream fill() {
    std::array<std::byte, 4096> scratch{};
    return ours->fill(scratch);
  }
  std::string read_all() const {
    std::string all;
    std::array<char, 65536> bytes{};
    ssize_t got = 0;
    while ((got = ::recv(client, bytes.data(), bytes.size(), 0)) > 0)
      all.append(bytes.data(), static_cast<std::size_t>(got));
    return all;
  }

  std::unique_ptr<Connection> ours;
  int client = -1;
};

}  // namespace

TEST_CASE("a frame is a signed length, the magic and the body, in host order") {
  CHECK(frame("ab") == header(2) + "ab");
  CHECK(frame("").size() == 8);
  CHECK(header(2) == std::string("\x02\0\0\0\xcd\xab\0\0", 8));
}

TEST_CASE("frames are found however the stream is split or merged") {
  std::mt19937 random(7);
  for (unsigned round = 0; round < 50; ++round) {
    std::vector<std::string> bodies;
    std::string stream;
    for (int i = 0; i < 20; ++i) {
      bodies.emplace_back(random() % 300, static_cast<char>('a' + i));
      stream += frame(bodies.back());
    }
    ApiFrameReader reader;
    std::vector<std::string> found;
    for (std::string_view rest = stream; !rest.empty();) {
      const std::size_t size = std::min<std::size_t>(rest.size(), 1 + random() % (round + 1));
      reader.append(as_bytes(rest.substr(0, size)));
      rest.remove_prefix(size);
      while (reader.state() == State::whole) {
        found.emplace_back(as_text(reader.body()));
        reader.pop();
      }
    }
    CHECK(found == bodies);
    CHECK(reader.size() == 0);
  }
}

TEST_CASE("wrong magic, a negative length and one above 256 KiB break the stream") {
  const auto state_of = [](const std::string& bytes) {
    ApiFrameReader reader;
    reader.append(as_bytes(bytes));
    return reader.state();
  };
  CHECK(state_of(header(4, 0xabce)) == State::broken);
  CHECK(state_of(header(-1)) == State::broken);
  CHECK(state_of(header(std::numeric_limits<std::int32_t>::min())) == State::broken);
  CHECK(state_of(header(262'145)) == State::broken);
  CHECK(state_of(header(262'144)) == State::incomplete);
  CHECK(state_of(header(0)) == State::whole);
  CHECK(state_of(header(0).substr(0, 7)) == State::incomplete);
  CHECK(state_of("GET / HTTP/1.1\r\n") == State::broken);
}

TEST_CASE("a connection reads frames, sees the end of file and knows its peer") {
  Pair pair;
  CHECK(pair.ours->peer().pid == static_cast<std::uint32_t>(::getpid()));
  CHECK(pair.ours->peer().uid == ::getuid());
  CHECK(pair.fill() == Connection::Stream::open);  // nothing there: no waiting
  pair.send(frame("one") + frame("two").substr(0, 9));
  CHECK(pair.fill() == Connection::Stream::open);
  CHECK(as_text(pair.ours->in().body()) == "one");
  pair.ours->in().pop();
  CHECK(pair.ours->in().state() == State::incomplete);
  ::shutdown(pair.client, SHUT_WR);
  CHECK(pair.fill() == Connection::Stream::gone);
}

TEST_CASE("a client that sends without end fills one turn's bytes, not our memory") {
  Pair pair;
  const std::string flood(32 << 10, 'x');
  for (int i = 0; i < 20 && ::send(pair.client, flood.data(), flood.size(), 0) > 0; ++i) {}
  CHECK(pair.fill() == Connection::Stream::open);
  CHECK(pair.ours->in().size() <= hb::status::limits::bytes_a_turn + 4096);
}

TEST_CASE("queued frames arrive whole and in order") {
  Pair pair;
  std::string expected;
  for (int i = 0; i < 60; ++i) {
    const std::string body = "message " + std::to_string(i);
    CHECK(pair.push(body) == Connection::Queue::taken);
    expected += frame(body);
  }
  CHECK(pair.ours->queued_bytes() == expected.size());
  CHECK(pair.ours->flush() == Connection::Stream::open);
  CHECK_FALSE(pair.ours->has_queued());
  CHECK(pair.ours->queued_bytes() == 0);
  CHECK(pair.read_all() == expected);
}

TEST_CASE("a client that never reads fills its queue, and the queue ends") {
  Pair pair;
  const std::string body(10'000, 'x');
  std::size_t sent = 0;
  while (pair.push(body) == Connection::Queue::taken) {
    REQUIRE(pair.ours->flush() == Connection::Stream::open);
    REQUIRE(++sent < 1000);
  }
  CHECK(pair.ours->has_queued());
  CHECK(pair.ours->queued_bytes() <= hb::status::limits::queued_bytes);
  // What was queued before is still delivered, cut at no frame's middle, once the client reads.
  std::string arrived;
  while (pair.ours->has_queued()) {
    arrived += pair.read_all();
    REQUIRE(pair.ours->flush() == Connection::Stream::open);
  }
  arrived += pair.read_all();
  CHECK(arrived.size() == sent * frame(body).size());
}

TEST_CASE("few huge messages fill the queue as well as many small ones") {
  Pair pair;
  const std::string huge(262'144, 'x');
  CHECK(pair.push(huge) == Connection::Queue::taken);
  CHECK(pair.push(huge) == Connection::Queue::taken);
  CHECK(pair.push(huge) == Connection::Queue::taken);
  CHECK(pair.push(huge) == Connection::Queue::full);
  CHECK(pair.push(huge + "x") == Connection::Queue::full);
}

TEST_CASE("set_sendqlen changes the number of unasked messages that are kept") {
  Pair pair;
  pair.ours->set_room(2);
  CHECK(pair.push("1", Delivery::unasked) == Connection::Queue::taken);
  CHECK(pair.push("2", Delivery::unasked) == Connection::Queue::taken);
  CHECK(pair.push("3", Delivery::unasked) == Connection::Queue::full);
  CHECK(pair.push("4", Delivery::reply) == Connection::Queue::taken);
}

TEST_CASE("a vanished client is noticed by reading and by writing, without a signal") {
  Pair pair;
  CHECK(pair.push("hello", Delivery::unasked) == Connection::Queue::taken);
  ::close(pair.client);
  CHECK(pair.ours->flush() == Connection::Stream::gone);
  CHECK(pair.fill() == Connection::Stream::gone);
  pair.client = -1;
}
