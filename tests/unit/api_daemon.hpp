// api_daemon: a daemon's side of the client API, played by a thread as a test says
#pragma once

#include "core/api_frame.hpp"
#include "core/frame.hpp"

#include <doctest/doctest.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace hb::test {

using core::ApiFrameReader;
using core::Bytes;
using core::Message;

/// A listening socket in a folder of its own, whose one client a thread plays the daemon for.
class ApiDaemon {
 public:
  explicit ApiDaemon(std::function<void(ApiDaemon&)> play) {
    REQUIRE(::mkdtemp(folder_.data()) != nullptr);
    path = std::string(folder_.data()) + "/register";
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, path.size());
    REQUIRE(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_, 4) == 0);
    thread_ = std::thread([this, play = std::move(play)] {
      client_ = ::accept(listener_, nullptr, nullptr);
      play(*this);
      ::close(client_);
    });
  }
  ~ApiDaemon() {
    ::shutdown(listener_, SHUT_RDWR);  // ends an accept that nobody came to
    thread_.join();
    ::close(listener_);
    ::unlink(path.c_str());
    ::rmdir(folder_.data());
  }
  ApiDaemon(const ApiDaemon&) = delete;
  ApiDaemon& operator=(const ApiDaemon&) = delete;

  /// The next request; empty at end of file.
  Message next() {
    Message message;
    while (reader_.state() != ApiFrameReader::State::whole) {
      std::array<std::byte, 4096> bytes{};
      const ssize_t got = ::recv(client_, bytes.data(), bytes.size(), 0);
      if (got <= 0) return message;
      reader_.append(Bytes{bytes.data(), static_cast<std::size_t>(got)});
    }
    static_cast<void>(core::decode(reader_.body(), message).has_value());
    reader_.pop();
    return message;
  }
  void say(std::string_view lines) {
    std::string frame;
    core::append_api_frame(core::as_bytes(">>>\n" + std::string(lines) + "<<<\n"), frame);
    raw(frame);
  }
  void raw(std::string_view bytes) {
    ::send(client_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  void accept_sign_on() {
    next();
    say("t=hbapi-resp\nreqtype=signon\nresult=OK\ndeadtime=1770\nkeepalive=3e8\nnode=n1\n"
        "hbversion=3.0.6 (x)\npacemaker=false\nlogfacility=128\n");
  }

  std::string path;

 private:
  std::array<char, 32> folder_{"/tmp/hbclient-XXXXXX"};
  int listener_ = -1, client_ = -1;
  ApiFrameReader reader_;
  std::thread thread_;
};

}  // namespace hb::test
