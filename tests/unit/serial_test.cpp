// serial_test: a serial line's messages cut out of noise, its queue at its speed, its settings
#include "core/frame.hpp"
#include "os/file.hpp"
#include "os/serial.hpp"
#include "readers/message_cutter.hpp"
#include "writers/serial_queue.hpp"

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include <fcntl.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

namespace {

using namespace hb;
using readers::MessageCutter;
using writers::SerialQueue;

constexpr core::Instant start{std::chrono::hours{1}};
constexpr std::string_view status = ">>>\nt=status\nst=active\n<<<\n";

std::vector<std::string> cut(MessageCutter& cutter, std::string_view text,
                             core::Instant now = start) {
  std::vector<std::string> messages;
  cutter.add(text, now, [&](std::string_view message) { messages.emplace_back(message); });
  return messages;
}

struct Folder {
  std::string path;
  Folder() {
    char name[] = "/tmp/serial-test.XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
};

}  // namespace

TEST_CASE("messages of a serial line come whole, however they arrive") {
  const std::string text = std::string{status} + std::string{status};
  for (std::size_t part = 1; part < text.size(); ++part) {
    MessageCutter cutter{MessageCutter::serial_line};
    std::vector<std::string> found;
    for (std::size_t at = 0; at < text.size(); at += part) {
      for (auto& message : cut(cutter, std::string_view{text}.substr(at, part))) {
        found.push_back(message);
      }
    }
    REQUIRE(found.size() == 2);
    CHECK(found[0] == status);
    CHECK(found[1] == status);
    CHECK(cutter.take_refused() == 0);
  }
}

TEST_CASE("dirt on a serial line costs at most the message that it is in") {
  const std::string_view nulls{"\0\0", 2};
  for (const std::string_view dirt :
       {nulls, std::string_view{"xyz"}, std::string_view{">>>\nt=status\nst=act"},
        std::string_view{">>>\n"}, std::string_view{"<<<\n"}, std::string_view{"\n\n"},
        std::string_view{">>>\nno field\n"}, std::string_view{"a=b\n"},
        std::string_view{">>>\nt=x\n>>"}}) {
    MessageCutter cutter{MessageCutter::serial_line};
    auto found = cut(cutter, std::string{dirt} + std::string{status} + std::string{status});
    CAPTURE(dirt);
    REQUIRE(!found.empty());
    CHECK(found.back() == status);
  }
  // Dirt before a start mark is no dirt in the FIFO, which has no noise.
  MessageCutter clean{MessageCutter::fifo};
  CHECK(cut(clean, "dirt" + std::string{status}).empty());
  MessageCutter noisy{MessageCutter::serial_line};
  CHECK(cut(noisy, "dirt" + std::string{status}).size() == 1);
  // A value may end like a start mark.
  CHECK(cut(noisy, ">>>\nt=a>>>\n<<<\n").size() == 1);
}

TEST_CASE("a message that never ends is given up, and is bounded") {
  MessageCutter cutter{MessageCutter::serial_line};
  CHECK(cut(cutter, ">>>\nt=status\n").empty());
  CHECK(cut(cutter, "<<<\n", start + std::chrono::minutes{2}).empty());
  CHECK(cutter.take_refused() == 1);
  std::string endless = ">>>\n";
  for (int i = 0; i < 10'000; ++i) endless += "name=value\n";
  CHECK(cut(cutter, endless + "<<<\n").empty());
  CHECK(cut(cutter, ">>>\nt=" + std::string(100'000, 'x') + "\n<<<\n").empty());
  CHECK(cutter.take_refused() == 2);
  CHECK(cut(cutter, status).size() == 1);
}

TEST_CASE("random noise never makes a message longer than allowed") {
  std::mt19937 random{42};
  MessageCutter cutter{MessageCutter::serial_line};
  const std::string alphabet = ">><<\n\n=t(1)a";
  for (int round = 0; round < 2000; ++round) {
    std::string noise;
    for (int i = 0; i < 40; ++i) noise += alphabet[random() % alphabet.size()];
    for (const auto& message : cut(cutter, noise)) {
      CHECK(message.starts_with(">>>\n"));
      CHECK(message.ends_with("<<<\n"));
      CHECK(message.size() <= core::serial_line::message_bytes + 8);
    }
  }
}

TEST_CASE("a serial line is written at its speed, in pieces") {
  SerialQueue queue{os::Baud{9600}};
  CHECK(queue.next() == core::never);
  CHECK(queue.due(start).empty());
  CHECK(queue.add(std::string(700, 'a')) == 0);
  REQUIRE(queue.due(start).size() == SerialQueue::piece_bytes);
  queue.written(480, start);  // a half second at 960 bytes a second
  CHECK(queue.next() == start + std::chrono::milliseconds{500});
  CHECK(queue.due(start + std::chrono::milliseconds{499}).empty());
  CHECK(queue.due(start + std::chrono::milliseconds{500}).size() == 220);
  queue.written(220, start + std::chrono::milliseconds{500});
  CHECK(queue.next() == core::never);
}

TEST_CASE("what a slow line cannot carry is given up, the oldest first, nothing half") {
  SerialQueue queue{os::Baud{9600}};
  CHECK(queue.add(std::string(400, 'a')) == 0);
  queue.written(10, start);
  CHECK(queue.add(std::string(400, 'b')) == 0);
  CHECK(queue.add(std::string(400, 'c')) == 1);
  CHECK(queue.add(std::string(400, 'd')) == 1);
  std::string sent;
  for (core::Instant now = start; queue.next() != core::never;) {
    now = queue.next();
    const std::string_view piece = queue.due(now);
    REQUIRE(!piece.empty());
    sent += piece;
    queue.written(piece.size(), now);
  }
  CHECK(sent == std::string(390, 'a') + std::string(400, 'd'));
  // One that is longer than a second's worth is sent all the same.
  CHECK(queue.add(std::string(5000, 'e')) == 0);
  CHECK(queue.due(start + std::chrono::hours{1}).size() == SerialQueue::piece_bytes);
  queue.clear();
  CHECK(queue.next() == core::never);
  CHECK(queue.add("f") == 0);
  CHECK(queue.due(start + std::chrono::hours{1}) == "f");
  queue.stalled(start + std::chrono::hours{1});
  CHECK(queue.due(start + std::chrono::hours{1}).empty());
}

TEST_CASE("a serial line is opened raw, at its speed") {
  int master = -1, slave = -1;
  char name[64] = {};
  REQUIRE(::openpty(&master, &slave, name, nullptr, nullptr) == 0);
  const os::Fd holder{master}, other{slave};
  auto line = os::open_serial_line(name, os::Baud{57600});
  REQUIRE(line.has_value());
  CHECK(os::serial_speed(line->get())->value == 57600);
  termios settings{};
  REQUIRE(::tcgetattr(line->get(), &settings) == 0);
  CHECK((settings.c_lflag & (ICANON | ECHO | ISIG)) == 0);
  CHECK((settings.c_iflag & IGNCR) != 0);
  CHECK((settings.c_iflag & (IXON | ICRNL)) == 0);
  CHECK((settings.c_cflag & CSIZE) == CS8);
  CHECK((settings.c_cflag & CRTSCTS) != 0);
  CHECK((settings.c_oflag & OPOST) == 0);
  CHECK((::fcntl(line->get(), F_GETFL) & O_NONBLOCK) != 0);
  CHECK((::fcntl(line->get(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK_FALSE(os::open_serial_line(name, os::Baud{1}).has_value());
  CHECK(os::open_serial_line("/dev/null", os::Baud{9600}).error().text.find("no terminal line") !=
        std::string::npos);
  CHECK(os::open_serial_line("/nowhere/tty", os::Baud{9600}).error().text.find("/nowhere/tty") !=
        std::string::npos);
  const os::Fd null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  CHECK_FALSE(os::serial_speed(null.get()).has_value());
}

TEST_CASE("the lock of a serial line: ours, a living one's, a dead one's, and nonsense") {
  const Folder folder;
  const std::string path = folder.path + "/LCK..ttyS0";
  const auto put = [&](const std::string& text) {
    REQUIRE(os::write_atomically(path, text, 0644).has_value());
  };
  {
    auto lock = os::LineLock::take(folder.path, "/dev/ttyS0");
    REQUIRE(lock.has_value());
    CHECK(*os::read_file(path, 100) == fmt::format("{:>10}\n", ::getpid()));
    CHECK(os::LineLock::take(folder.path, "/dev/ttyS0").has_value());  // of an image before us
  }
  CHECK_FALSE(std::filesystem::exists(path));
  put("         1\n");
  const auto refused = os::LineLock::take(folder.path, "/dev/ttyS0");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().text.find("process 1 uses /dev/ttyS0") != std::string::npos);
  CHECK(std::filesystem::exists(path));
  for (const char* text : {"4194304999\n", "  99999999\n", "nonsense", "", "-1\n"}) {
    put(text);
    CHECK(os::LineLock::take(folder.path, "/dev/ttyS0").has_value());
    CHECK_FALSE(std::filesystem::exists(path));
  }
  CHECK_FALSE(os::LineLock::take(folder.path + "/nowhere", "/dev/ttyS0").has_value());
}
