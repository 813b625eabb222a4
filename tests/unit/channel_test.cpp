// channel_test: master and child talk through sealed memory; rule breakers are found out
#include "ipc/channel.hpp"
#include "os/process.hpp"
#include "tests/unit/child_roles.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace hb::ipc;
using hb::core::as_bytes;
using hb::core::as_text;
using hb::core::Instant;
using hb::core::LinkId;

namespace {

struct Pair {
  explicit Pair(Role role) {
    auto made = Channel::create(role, LinkId{3}, 9);
    REQUIRE(made.has_value());
    master.emplace(std::move(made->first));
    up = hb::os::Fd{::dup(made->second.up.get())};
    down = hb::os::Fd{::dup(made->second.down.get())};
    bell = made->second.bell.get();
    auto adopted = Channel::adopt(std::move(made->second));
    REQUIRE(adopted.has_value());
    child.emplace(std::move(*adopted));
  }
  std::optional<Channel> master, child;
  hb::os::Fd up, down;
  int bell = -1;
};

std::vector<std::string> drain(Channel& channel, std::size_t most = 100) {
  std::vector<std::string> texts;
  const auto taken = channel.drain(most, [&](const RecordView& record) {
    texts.emplace_back(as_text(record.payload));
  });
  REQUIRE(taken.has_value());
  REQUIRE(*taken == texts.size());
  return texts;
}

std::string broken(Channel& channel) {
  const auto taken = channel.drain(100, [](const RecordView&) {});
  return taken ? "" : taken.error().text;
}

bool wait_for_bell(const Channel& channel, int milliseconds) {
  pollfd waiting{channel.bell(), POLLIN, 0};
  return ::poll(&waiting, 1, milliseconds) == 1;
}

}  // namespace

TEST_CASE("records go both ways, and both ends know what they are") {
  Pair pair{Role::status};
  CHECK(pair.child->role() == Role::status);
  CHECK(pair.child->link() == LinkId{3});
  CHECK(pair.child->incarnation() == 9);
  CHECK(pair.master->push(RecordType::log_line, 0, Instant{}, as_bytes("down")));
  CHECK(pair.child->push(RecordType::log, 0, Instant{}, as_bytes("up "), as_bytes("and away")));
  pair.master->flush();
  pair.child->flush();
  CHECK(drain(*pair.child) == std::vector<std::string>{"down"});
  CHECK(drain(*pair.master) == std::vector<std::string>{"up and away"});
  CHECK(pair.master->counters().records_sent == 1);
  CHECK(pair.master->counters().bytes_taken == 11);
}

TEST_CASE("the largest datagram and the largest message fit") {
  Pair link{Role::reader};
  const std::string datagram(hb::core::limits::datagram_bytes, 'd');
  CHECK(link.child->push(RecordType::frame_in, 0, Instant{}, as_bytes(datagram)));
  link.child->flush();
  CHECK(drain(*link.master) == std::vector<std::string>{datagram});
  for (const Role role : {Role::fifo, Role::status}) {
    Pair pair{role};
    const std::string message(hb::core::limits::message_bytes + 8, 'm');
    const auto type = role == Role::fifo ? RecordType::fifo_message : RecordType::client_message;
    CHECK(pair.child->push(type, 0, Instant{}, as_bytes(message)));
    pair.child->flush();
    CHECK(drain(*pair.master) == std::vector<std::string>{message});
  }
}

TEST_CASE("drain takes no more than asked for, and a burst rings the bell once") {
  Pair pair{Role::writer};
  CHECK(pair.child->prepare_to_sleep());
  for (int i = 0; i < 10; ++i) {
    CHECK(pair.master->push(RecordType::frame_out, 0, Instant{}, as_bytes("frame")));
    pair.master->flush();
  }
  CHECK(pair.master->counters().rings == 1);
  CHECK(pair.child->take_bell() == BellState::rung);
  CHECK(pair.child->take_bell() == BellState::none);
  pair.child->awake();
  CHECK(drain(*pair.child, 4).size() == 4);
  CHECK_FALSE(pair.child->prepare_to_sleep());
  CHECK(drain(*pair.child).size() == 6);
  CHECK(pair.child->prepare_to_sleep());
}

TEST_CASE("nobody rings for one who is awake") {
  Pair pair{Role::writer};
  CHECK(pair.master->push(RecordType::frame_out, 0, Instant{}, as_bytes("frame")));
  pair.master->flush();
  CHECK(pair.master->counters().rings == 0);
  CHECK(pair.child->take_bell() == BellState::none);
}

TEST_CASE("a full ring drops the newest and counts, without waiting") {
  Pair pair{Role::writer};
  const std::string frame(60'000, 'x');
  int accepted = 0;
  for (int i = 0; i < 100; ++i) {
    accepted += pair.master->push(RecordType::frame_out, 0, Instant{}, as_bytes(frame)) ? 1 : 0;
  }
  pair.master->flush();
  CHECK(accepted == 8);
  CHECK(pair.master->counters().drops == 92);
  CHECK(drain(*pair.child).size() == 8);
}

TEST_CASE("a record that the permit table lacks ends the child") {
  SUBCASE("a reader that speaks like a client") {
    Pair pair{Role::reader};
    pair.child->push(RecordType::client_message, 0, Instant{}, as_bytes("stand by"));
    pair.child->flush();
    CHECK(broken(*pair.master) ==
          "a record of a type or size that is not permitted of the reader's ring");
    CHECK(pair.master->counters().violations == 1);
    CHECK(broken(*pair.master) != "");
  }
  SUBCASE("an unknown type") {
    Pair pair{Role::status};
    pair.child->push(static_cast<RecordType>(9999), 0, Instant{}, {});
    pair.child->flush();
    CHECK(broken(*pair.master) != "");
  }
  SUBCASE("a permitted type of too many bytes") {
    Pair pair{Role::runner};
    pair.child->push(RecordType::client_done, 0, Instant{}, as_bytes(std::string(5000, 'x')));
    pair.child->flush();
    CHECK(broken(*pair.master) != "");
  }
  SUBCASE("a position out of range") {
    Pair pair{Role::reader};
    const std::uint64_t tail = std::uint64_t{1} << 40;
    CHECK(::pwrite(pair.up.get(), &tail, sizeof tail, offsetof(SegmentPage, tail)) == sizeof tail);
    CHECK(broken(*pair.master) == "the writing position is out of range of the reader's ring");
  }
  SUBCASE("a reading position out of range") {
    Pair pair{Role::writer};
    const std::uint64_t head = std::uint64_t{1} << 40;
    CHECK(::pwrite(pair.up.get(), &head, sizeof head, offsetof(SegmentPage, head)) == sizeof head);
    for (int i = 0; i < 20; ++i) {
      pair.master->push(RecordType::frame_out, 0, Instant{}, as_bytes(std::string(60'000, 'x')));
    }
    CHECK(broken(*pair.master) == "the reading position is out of range of the writer's ring");
  }
}

TEST_CASE("memory can be neither resized nor, where the master writes, written by the child") {
  Pair pair{Role::reader};
  for (const int fd : {pair.up.get(), pair.down.get()}) {
    CHECK(::ftruncate(fd, 0) != 0);
    CHECK(::ftruncate(fd, 1 << 24) != 0);
  }
  const char byte = 1;
  CHECK(::pwrite(pair.down.get(), &byte, 1, 0) != 1);
  CHECK(::mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, pair.down.get(), 0) ==
        MAP_FAILED);
  void* seen = ::mmap(nullptr, page_bytes, PROT_READ, MAP_SHARED, pair.down.get(), 0);
  REQUIRE(seen != MAP_FAILED);
  CHECK(::mprotect(seen, page_bytes, PROT_READ | PROT_WRITE) != 0);
  CHECK(::munmap(seen, page_bytes) == 0);
  const std::string path = "/proc/self/fd/" + std::to_string(pair.down.get());
  const hb::os::Fd again{::open(path.c_str(), O_RDWR | O_CLOEXEC)};
  if (again.valid()) {
    CHECK(::mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, again.get(), 0) ==
          MAP_FAILED);
  }
  CHECK(pair.master->push(RecordType::goodbye, 0, Instant{}, {}));  // the master still writes
  pair.master->flush();
  CHECK(drain(*pair.child).size() == 1);
}

TEST_CASE("descriptors pass where the design has them, and nowhere else") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const hb::os::Fd read_end{ends[0]}, write_end{ends[1]};
  SUBCASE("from the runner to the master") {
    Pair pair{Role::runner};
    REQUIRE(pair.child->send_fd('l', write_end.get()).has_value());
    CHECK(pair.master->take_bell() == BellState::rung);
    auto got = pair.master->take_fd();
    REQUIRE(got.has_value());
    CHECK(got->tag == 'l');
    CHECK((::fcntl(got->fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(::write(got->fd.get(), "x", 1) == 1);
    char byte = 0;
    CHECK(::read(read_end.get(), &byte, 1) == 1);
    CHECK_FALSE(pair.master->take_fd().has_value());
  }
  SUBCASE("from the master to the status process") {
    Pair pair{Role::status};
    REQUIRE(pair.master->send_fd('d', write_end.get()).has_value());
    CHECK(pair.child->take_bell() == BellState::rung);
    CHECK(pair.child->take_fd().has_value());
  }
  SUBCASE("not from a reader: the kernel throws it away") {
    Pair pair{Role::reader};
    const int before = ::dup(0);
    ::close(before);
    REQUIRE(pair.child->send_fd('l', write_end.get()).has_value());
    CHECK(pair.master->take_bell() == BellState::rung);
    CHECK_FALSE(pair.master->take_fd().has_value());
    const int after = ::dup(0);
    ::close(after);
    CHECK(before == after);
  }
  SUBCASE("two in one message: the second is closed") {
    Pair pair{Role::runner};
    std::uint8_t tag = 'l';
    iovec part{&tag, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(2 * sizeof(int));
    const int both[] = {read_end.get(), write_end.get()};
    std::memcpy(CMSG_DATA(head), both, sizeof both);
    const int before = ::dup(0);
    ::close(before);
    REQUIRE(::sendmsg(pair.child->bell(), &message, MSG_DONTWAIT) == 1);
    CHECK(pair.master->take_bell() == BellState::rung);
    CHECK(pair.master->take_fd().has_value());  // closed here, at the end of the statement
    const int after = ::dup(0);
    ::close(after);
    CHECK(before == after);
  }
}

TEST_CASE("the bell tells that the other side is gone") {
  Pair pair{Role::reader};
  CHECK(pair.master->take_bell() == BellState::none);
  CHECK(hb::os::lifeline_holds(pair.master->bell()));
  pair.child.reset();
  CHECK_FALSE(hb::os::lifeline_holds(pair.master->bell()));
  CHECK(pair.master->take_bell() == BellState::closed);
  pair.master->push(RecordType::goodbye, 0, Instant{}, {});
  pair.master->flush();  // no SIGPIPE
}

TEST_CASE("bells that nobody takes never hold the ringer up") {
  Pair pair{Role::writer};
  for (int i = 0; i < 5000; ++i) {
    REQUIRE(pair.child->prepare_to_sleep());
    pair.master->push(RecordType::frame_out, 0, Instant{}, as_bytes("x"));
    pair.master->flush();
    REQUIRE(drain(*pair.child).size() == 1);
    pair.child->awake();
  }
  CHECK(pair.master->counters().rings == 5000);
  CHECK(pair.master->counters().drops == 0);
}

TEST_CASE("two threads that sleep between records never miss a bell") {
  Pair pair{Role::status};
  constexpr int rounds = 20'000;
  const auto answer = [](Channel& channel, RecordType type, int first) {
    // Waits for a record, answers it; the starter sends one unasked. Returns false if a bell was
    // missing: five seconds of silence with something in the ring.
    int seen = 0;
    for (int i = 0; i < first; ++i) channel.push(type, 0, Instant{}, as_bytes("ball"));
    channel.flush();
    while (seen < rounds) {
      channel.awake();
      const auto taken = channel.drain(16, [&](const RecordView&) {
        ++seen;
        if (seen < rounds || first == 0) channel.push(type, 0, Instant{}, as_bytes("ball"));
      });
      if (!taken) return false;
      channel.flush();
      if (seen >= rounds || !channel.prepare_to_sleep()) continue;
      if (!wait_for_bell(channel, 5000)) return false;
      if (channel.take_bell() == BellState::closed) return false;
    }
    return true;
  };
  bool there = false;
  std::thread other{[&] { there = answer(*pair.child, RecordType::log, 0); }};
  const bool here = answer(*pair.master, RecordType::log_line, 1);
  other.join();
  CHECK(here);
  CHECK(there);
}

TEST_CASE("a child's counters and progress can be seen by the master") {
  Pair pair{Role::reader};
  pair.child->count(ChildCounter::datagrams, 5);
  pair.child->count(ChildCounter::datagrams);
  pair.child->set_count(ChildCounter::kernel_drops, 7);
  pair.child->stamp_progress(Instant{hb::core::Duration{99}});
  CHECK(pair.master->child_count(ChildCounter::datagrams) == 6);
  CHECK(pair.master->child_count(ChildCounter::kernel_drops) == 7);
  CHECK(pair.master->other_progress() == Instant{hb::core::Duration{99}});
}

namespace {

/// An echo through descriptors 3, 4 and 5, until the master's end closes.
int echo_child() {
  hb::os::begin_child();
  auto channel = Channel::adopt();
  if (!channel) return 2;
  for (;;) {
    channel->awake();
    const auto taken = channel->drain(64, [&](const RecordView& record) {
      channel->push(RecordType::log, record.flags, record.time, as_bytes("echo "), record.payload);
    });
    if (!taken) return 3;
    channel->flush();
    if (!channel->prepare_to_sleep()) continue;
    wait_for_bell(*channel, -1);
    if (channel->take_bell() == BellState::closed) return 0;
  }
}
const bool echo_role = hb::test::serve_role("unit-echo", echo_child);

}  // namespace

TEST_CASE("a re-executed child adopts its channel, and leaves when the master's end closes") {
  const auto image = hb::test::own_image();
  auto made = Channel::create(Role::status, hb::core::no_link, 1);
  REQUIRE(made.has_value());
  std::optional<Channel> master{std::move(made->first)};
  auto process = hb::os::spawn_self(
      image.get(), "heartbeat: echo", "unit-echo",
      {made->second.bell.get(), made->second.up.get(), made->second.down.get()});
  REQUIRE(process.has_value());
  made->second = ChildEnds{};
  for (int i = 0; i < 1000; ++i) {
    master->push(RecordType::log_line, 0, Instant{}, as_bytes(std::to_string(i)));
    master->flush();
    std::string answer;
    while (answer.empty()) {
      master->awake();
      REQUIRE(master->drain(1, [&](const RecordView& record) {
        answer = as_text(record.payload);
      }).has_value());
      if (!answer.empty() || !master->prepare_to_sleep()) continue;
      REQUIRE(wait_for_bell(*master, 10'000));
      REQUIRE(master->take_bell() != BellState::closed);
    }
    REQUIRE(answer == "echo " + std::to_string(i));
  }
  master.reset();
  pollfd waiting{process->pidfd.get(), POLLIN, 0};
  REQUIRE(::poll(&waiting, 1, 10'000) == 1);
  const auto end = process->reap();
  REQUIRE(end.has_value());
  CHECK_FALSE(end->signaled);
  CHECK(end->code == 0);
}
