// mgmt_source_test: pictures of a cluster when the daemon is stopped, hung or gone
#include "clients/mgmtd/source.hpp"

#include <doctest/doctest.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace {

using namespace hb::clients::mgmtd;

/// A socket that somebody listens at and nobody answers: a hung daemon.
struct Hung {
  std::string folder = "/tmp/mgmt-source-XXXXXX", path;
  int listener = -1;
  Hung() {
    REQUIRE(::mkdtemp(folder.data()) != nullptr);
    path = folder + "/register";
    listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, path.size());
    REQUIRE(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener, 4) == 0);
  }
  ~Hung() {
    ::close(listener);
    std::filesystem::remove_all(folder);
  }
  Hung(const Hung&) = delete;
  Hung& operator=(const Hung&) = delete;
};

}  // namespace

TEST_CASE("a stopped daemon is told as stopped, at once") {
  Source source("/nonexistent/register", "/nonexistent/board");
  const auto picture = source.picture(Depth::nodes);
  REQUIRE_FALSE(picture.has_value());
  CHECK(picture.error().text.starts_with("heartbeat is stopped"));
  CHECK(source.socket() < 0);
  CHECK_FALSE(source.drain());
  CHECK_FALSE(source.groups_changed());
  CHECK(source.journal().empty());
}

TEST_CASE("a hung daemon costs bounded patience") {
  const Hung daemon;
  Source source(daemon.path, "/nonexistent/board");
  const auto began = std::chrono::steady_clock::now();
  const auto picture = source.picture(Depth::parameters);
  REQUIRE_FALSE(picture.has_value());
  CHECK_FALSE(picture.error().text.empty());
  CHECK(std::chrono::steady_clock::now() - began < 5 * picture_patience);
}
