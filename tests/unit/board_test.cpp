// board_test: readers see whole snapshots, however the writer dies, and refuse other versions
#include "core/snapshot.hpp"
#include "ipc/board.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace hb::ipc;
using hb::core::Snapshot;

namespace {

struct Folder {
  Folder() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
  ~Folder() {
    ::unlink(board().c_str());
    ::rmdir(path.c_str());
  }
  [[nodiscard]] std::string board() const { return path + "/board"; }
  std::string path = "/tmp/board_test.XXXXXX";
};

std::unique_ptr<Snapshot> snapshot_of(std::uint64_t number) {
  auto snapshot = std::make_unique<Snapshot>();
  snapshot->node_count = 3;
  snapshot->link_count = 2;
  snapshot->group_count = 4;
  snapshot->next_seqno.value = number;
  for (std::size_t i = 0; i < 3; ++i) {
    snapshot->nodes[i].name.assign("n" + std::to_string(i));
    snapshot->nodes[i].last_seqno = number;
  }
  for (std::size_t i = 0; i < 4; ++i) snapshot->groups[i].since_ns = static_cast<long>(number);
  snapshot->links[1].name.assign("eth1");
  snapshot->link_status[2][1] = hb::core::LinkStatus::up;
  return snapshot;
}

}  // namespace

TEST_CASE("testament and memory outlive their board, and say whether it ended in order") {
  const Folder folder;
  {
    auto board = Board::create(folder.board());
    REQUIRE(board.has_value());
    const auto reader = BoardReader::open(folder.board());
    REQUIRE(reader.has_value());
    CHECK(reader->memory() == nullptr);
    const std::array crashes = {hb::core::Instant{std::chrono::seconds{7}}};
    board->begin_testament("a-boot", crashes);
    for (const std::uint64_t number : {41U, 42U, 43U}) {
      board->remember([&](hb::core::Continuity& memory) {
        CHECK(memory.next_seqno.value == (number < 43 ? 0 : 41));  // of two turns ago
        memory.next_seqno.value = number;
      });
    }
  }
  const auto reader = BoardReader::open(folder.board());
  REQUIRE(reader.has_value());
  const Testament found = reader->testament();
  CHECK(found.boot == "a-boot");
  CHECK_FALSE(found.is_settled);
  CHECK(found.crashes[0] == hb::core::Instant{std::chrono::seconds{7}});
  CHECK(found.crashes[1] == hb::core::Instant{});
  REQUIRE(reader->memory() != nullptr);
  CHECK(reader->memory()->next_seqno.value == 43);

  auto orderly = Board::create(folder.board());
  REQUIRE(orderly.has_value());
  orderly->settle_testament();
  CHECK(BoardReader::open(folder.board())->testament().is_settled);
}

TEST_CASE("whenever its writer is killed, the memory is a whole one") {
  const Folder folder;
  {
    auto made = Board::create(folder.board());  // before the fork: doctest's output is shared
    REQUIRE(made.has_value());
  }
  for (int life = 0; life < 20; ++life) {
    auto board = Board::create(folder.board());
    REQUIRE(board.has_value());
    board->remember([](hb::core::Continuity&) {});
    const pid_t writer = ::fork();
    if (writer == 0) {
      for (std::uint64_t number = 1;; ++number) {
        board->remember([&](hb::core::Continuity& memory) {
          memory.next_seqno.value = number;
          for (auto& node : memory.nodes) node.last.value = number;
        });
      }
    }
    ::usleep(500U + 97U * static_cast<unsigned>(life));
    ::kill(writer, SIGKILL);
    ::waitpid(writer, nullptr, 0);
    const auto memory = BoardReader::open(folder.board())->memory();
    REQUIRE(memory != nullptr);
    for (const auto& node : memory->nodes) CHECK(node.last.value == memory->next_seqno.value);
  }
}

TEST_CASE("a reader gets what was published, with its age") {
  const Folder folder;
  auto board = Board::create(folder.board());
  REQUIRE(board.has_value());
  const auto reader = BoardReader::open(folder.board());
  REQUIRE(reader.has_value());
  auto read = std::make_unique<Snapshot>();
  CHECK(reader->read_snapshot(*read).error().text == "heartbeat has published nothing yet");

  board->publish(*snapshot_of(1));
  board->publish(*snapshot_of(2));
  const auto age = reader->read_snapshot(*read);
  REQUIRE(age.has_value());
  CHECK(*age >= hb::core::Duration::zero());
  CHECK(*age < std::chrono::seconds{10});
  CHECK(read->next_seqno.value == 2);
  CHECK(read->nodes[2].name.view() == "n2");
  CHECK(read->groups[3].since_ns == 2);
  CHECK(read->links[1].name.view() == "eth1");
  CHECK(read->link_status[2][1] == hb::core::LinkStatus::up);
  CHECK(reader->identity().boards == 2);
  CHECK(reader->identity().pid == ::getpid());
}

TEST_CASE("the file is 0640, and the descriptor for the status process cannot write") {
  const Folder folder;
  auto board = Board::create(folder.board());
  REQUIRE(board.has_value());
  struct stat info {};
  REQUIRE(::stat(folder.board().c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0640);
  CHECK((::fcntl(board->reader_fd(), F_GETFL) & O_ACCMODE) == O_RDONLY);
  CHECK(BoardReader::adopt(hb::os::Fd{::dup(board->reader_fd())}).has_value());
}

TEST_CASE("a new board does not disturb readers of the old one") {
  const Folder folder;
  auto old = Board::create(folder.board());
  REQUIRE(old.has_value());
  old->publish(*snapshot_of(7));
  const auto reader = BoardReader::open(folder.board());
  auto fresh = Board::create(folder.board());
  REQUIRE(fresh.has_value());
  auto read = std::make_unique<Snapshot>();
  REQUIRE(reader->read_snapshot(*read).has_value());
  CHECK(read->next_seqno.value == 7);
  CHECK_FALSE(BoardReader::open(folder.board())->read_snapshot(*read).has_value());
}

TEST_CASE("a board that is missing, short or of another version is refused with the cure") {
  const Folder folder;
  const auto refusal = [&] { return BoardReader::open(folder.board()).error().text; };
  CHECK(refusal().ends_with("heartbeat does not run here"));
  {
    const hb::os::Fd file{::open(folder.board().c_str(), O_CREAT | O_WRONLY, 0600)};
    REQUIRE(::write(file.get(), "short", 5) == 5);
  }
  CHECK(refusal().find("restart heartbeat") != std::string::npos);
  {
    auto board = Board::create(folder.board());
    REQUIRE(board.has_value());
    const hb::os::Fd file{::open(folder.board().c_str(), O_WRONLY)};
    REQUIRE(::pwrite(file.get(), "other!!!", 8, 8) == 8);  // the layout's hash
  }
  CHECK(refusal().find("another version") != std::string::npos);
}

TEST_CASE("names and values of counters") {
  const Folder folder;
  auto board = Board::create(folder.board());
  REQUIRE(board.has_value());
  const std::vector<std::string> labels{"frames_in", std::string(80, 'x')};
  board->name_counters(labels);
  board->set_counter(0, 12);
  board->set_counter(board_counters, 5);  // ignored
  const auto counters = BoardReader::open(folder.board())->counters();
  REQUIRE(counters.size() == 2);
  CHECK(counters[0].label == "frames_in");
  CHECK(counters[0].value == 12);
  CHECK(counters[1].label == std::string(board_label_bytes - 1, 'x'));
}

TEST_CASE("snapshots read in one thread while another publishes are never torn") {
  const Folder folder;
  auto board = Board::create(folder.board());
  REQUIRE(board.has_value());
  std::atomic<bool> done = false;
  board->publish(*snapshot_of(0));
  std::thread writer{[&] {
    auto snapshot = snapshot_of(0);
    for (std::uint64_t number = 1; number < 30'000; ++number) {
      snapshot->next_seqno.value = number;
      for (std::size_t i = 0; i < 3; ++i) snapshot->nodes[i].last_seqno = number;
      for (std::size_t i = 0; i < 4; ++i) snapshot->groups[i].since_ns = static_cast<long>(number);
      board->publish(*snapshot);
    }
    done = true;
  }};
  const auto reader = BoardReader::open(folder.board());
  auto read = std::make_unique<Snapshot>();
  std::uint64_t last = 0;
  int torn = 0, backwards = 0;
  while (!done) {
    if (!reader->read_snapshot(*read)) continue;
    const std::uint64_t number = read->next_seqno.value;
    if (read->nodes[0].last_seqno != number || read->nodes[2].last_seqno != number ||
        read->groups[3].since_ns != static_cast<long>(number)) {
      ++torn;
    }
    if (number < last) ++backwards;
    last = number;
  }
  writer.join();
  CHECK(torn == 0);
  CHECK(backwards == 0);
}
