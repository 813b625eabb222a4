// file_test: reading is bounded and never waits, writing is whole or not at all
#include "os/file.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <sys/stat.h>
#include <unistd.h>

using namespace hb::os;

namespace {

struct Folder {
  Folder() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
  ~Folder() { std::filesystem::remove_all(path); }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path + "/" + name; }
  [[nodiscard]] long files() const {
    return std::distance(std::filesystem::directory_iterator{path}, {});
  }
  std::string path = "/tmp/file_test.XXXXXX";
};

void write(const std::string& path, const std::string& text) { std::ofstream{path} << text; }

}  // namespace

TEST_CASE("a file of exactly the limit is read, one byte more is refused") {
  const Folder folder;
  write(folder / "a", "12345678");
  CHECK(*read_file(folder / "a", 8) == "12345678");
  const auto longer = read_file(folder / "a", 7);
  CHECK(longer.error().os_error == EFBIG);
  CHECK(longer.error().text.ends_with("is longer than 7 bytes; shorten it"));
  CHECK(read_file(folder / "none", 7).error().os_error == ENOENT);
}

TEST_CASE("FIFOs, devices and folders are refused at once") {
  const Folder folder;
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  CHECK(read_file(folder / "fifo", 100).error().os_error == EINVAL);
  CHECK(read_file("/dev/zero", 100).error().os_error == EINVAL);
  CHECK(read_file(folder.path, 100).error().os_error == EINVAL);
}

TEST_CASE("a symbolic link is followed only where asked") {
  const Folder folder;
  write(folder / "a", "text");
  REQUIRE(::symlink((folder / "a").c_str(), (folder / "link").c_str()) == 0);
  CHECK(read_file(folder / "link", 100).error().os_error == ELOOP);
  CHECK(*read_file(folder / "link", 100, Links::follow) == "text");
}

TEST_CASE("a file without a size, as in /proc, is read to its end") {
  CHECK(read_file("/proc/self/status", 100'000)->find("file_test") == std::string::npos);
  CHECK(read_file("/proc/self/status", 100'000)->size() > 100);
  CHECK(read_file("/proc/self/status", 100).error().os_error == EFBIG);
}

TEST_CASE("writing replaces the content and sets the mode, and leaves nothing else behind") {
  const Folder folder;
  const mode_t umask_before = ::umask(077);
  CHECK(write_atomically(folder / "a", "old", 0644).has_value());
  CHECK(write_atomically(folder / "a", std::string(100'000, 'n'), 0640).has_value());
  ::umask(umask_before);
  CHECK(read_file(folder / "a", 100'000)->size() == 100'000);
  struct stat info {};
  REQUIRE(::stat((folder / "a").c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0640);
  CHECK(folder.files() == 1);
}

TEST_CASE("a failed write leaves the old content and no temporary file") {
  const Folder folder;
  REQUIRE(::mkdir((folder / "a").c_str(), 0700) == 0);  // a file cannot be renamed over a folder
  const auto failed = write_atomically(folder / "a", "text", 0644);
  REQUIRE(failed.has_error());
  CHECK(failed.error().text.find(folder / "a") != std::string::npos);
  CHECK(folder.files() == 1);
  CHECK(write_atomically(folder / "none/b", "text", 0644).has_error());
}

TEST_CASE("writing over a link replaces the link, not what it points to") {
  const Folder folder;
  write(folder / "target", "precious");
  REQUIRE(::symlink((folder / "target").c_str(), (folder / "a").c_str()) == 0);
  CHECK(write_atomically(folder / "a", "new", 0644).has_value());
  CHECK(*read_file(folder / "target", 100) == "precious");
  CHECK(*read_file(folder / "a", 100) == "new");
}

TEST_CASE("a pid file has 11 bytes, and only numbers are taken from it") {
  const Folder folder;
  REQUIRE(write_pid_file(folder / "pid", 4711).has_value());
  CHECK(*read_file(folder / "pid", 100) == "      4711\n");
  CHECK(read_pid_file(folder / "pid") == pid_t{4711});
  CHECK(read_pid_file(folder / "none") == std::nullopt);
  for (const char* text : {"", "\n", "abc\n", "12a\n", "-5\n", "0\n", "99999999999999\n"}) {
    write(folder / "pid", text);
    CAPTURE(text);
    CHECK(read_pid_file(folder / "pid") == std::nullopt);
  }
  write(folder / "pid", "12\n");
  CHECK(read_pid_file(folder / "pid") == pid_t{12});
  CHECK(process_exists(::getpid()));
  CHECK(process_exists(1));
  CHECK_FALSE(process_exists(0));
  CHECK_FALSE(process_exists(0x3fffffff));
}
