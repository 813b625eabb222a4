// hbclient_test: the client library against daemons that answer, lie, stay silent or vanish
#include "clients/hbclient.hpp"

#include "core/frame.hpp"

#include <doctest/doctest.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>

namespace {

using namespace hb::core;
using hb::clients::HbClient;
using std::chrono::milliseconds;

/// A listening socket in a folder of its own, whose one client a thread plays the daemon for.
class Daemon {
 public:
  explicit Daemon(std::function<void(Daemon&)> play) {
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
  ~Daemon() {
    ::shutdown(listener_, SHUT_RDWR);  // ends an accept that nobody came to
    thread_.join();
    ::close(listener_);
    ::unlink(path.c_str());
    ::rmdir(folder_.data());
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// The next request; empty at end of file.
  Message next() {
    Message message;
    while (reader_.state() != ApiFrameReader::State::whole) {
      std::array<std::byte, 4096> bytes{};
      const ssize_t got = ::recv(client_, bytes.data(), bytes.size(), 0);
      if (got <= 0) return message;
      reader_.append(Bytes{bytes.data(), static_cast<std::size_t>(got)});
    }
    static_cast<void>(decode(reader_.body(), message).has_value());
    reader_.pop();
    return message;
  }
  void say(std::string_view lines) {
    std::string frame;
    append_api_frame(as_bytes(">>>\n" + std::string(lines) + "<<<\n"), frame);
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

constexpr milliseconds patience{5000}, short_patience{100};

}  // namespace

TEST_CASE("a sign-on brings the daemon's facts") {
  Daemon daemon([](Daemon& d) { d.accept_sign_on(); });
  HbClient client(daemon.path, patience);
  REQUIRE(client.sign_on("").has_value());
  CHECK(client.is_signed_on());
  CHECK(client.facts().deadtime == milliseconds{6000});
  CHECK(client.facts().keepalive == milliseconds{1000});
  CHECK(client.facts().node == "n1");
  CHECK(client.facts().logfacility == 128);
}

TEST_CASE("a refused sign-on tells the daemon's reason, and the facts nevertheless") {
  Daemon daemon([](Daemon& d) {
    d.next();
    d.say("t=hbapi-resp\nreqtype=signon\ninfo=client failed authorization\nresult=badreq\n"
          "deadtime=1770\nkeepalive=3e8\nnode=n1\n");
  });
  HbClient client(daemon.path, patience);
  const auto signed_on = client.sign_on("ipfail");
  REQUIRE_FALSE(signed_on.has_value());
  CHECK(signed_on.error().text == "client failed authorization");
  CHECK(client.facts().deadtime == milliseconds{6000});
  CHECK_FALSE(client.is_signed_on());
}

TEST_CASE("nobody listening is the error that people know") {
  HbClient client("/nonexistent/register", patience);
  const auto signed_on = client.sign_on("");
  REQUIRE_FALSE(signed_on.has_value());
  CHECK(signed_on.error().text == "hb_api_signon: Can't initiate connection to heartbeat");
  CHECK_FALSE(client.facts().deadtime.has_value());
}

TEST_CASE("a daemon that never answers is given up") {
  Daemon daemon([](Daemon& d) {
    d.next();
    d.next();  // waits until the client has gone
  });
  HbClient client(daemon.path, short_patience);
  CHECK_FALSE(client.sign_on("").has_value());
  CHECK_FALSE(client.node_status("n1").has_value());  // unusable from then on, at once
}

TEST_CASE("junk, half an answer and a vanished daemon are errors, not waits") {
  const std::array<std::string, 3> answers{"HTTP/1.1 400 Bad Request\r\n",
                                           std::string("\xff\xff\xff\xff\xcd\xab\0\0", 8),
                                           std::string("\x40\0\0\0\xcd\xab\0\0>>>\n", 12)};
  for (const std::string& answer : answers) {
    Daemon daemon([&](Daemon& d) {
      d.next();
      d.raw(answer);
    });
    HbClient client(daemon.path, patience);
    CHECK_FALSE(client.sign_on("").has_value());
  }
}

TEST_CASE("lists are read to their end, links once each, events kept for later") {
  Daemon daemon([](Daemon& d) {
    d.accept_sign_on();
    const Message request = d.next();
    d.say("t=ifstat\nnode=n2\nifname=eth0\nst=dead\n");
    for (const char* more : {"ok/more", "ok/more", "OK"})
      d.say("t=hbapi-resp\nreqtype=" + std::string(request.text_or_empty("reqtype")) +
            "\nifname=" + (more[0] == 'O' ? "eth1" : "eth0") + "\nst=up\nresult=" + more + "\n");
  });
  HbClient client(daemon.path, patience);
  REQUIRE(client.sign_on("").has_value());
  const auto links = client.links("n2");
  REQUIRE(links.has_value());
  REQUIRE(links->size() == 2);
  CHECK((*links)[0].name == "eth0");
  CHECK((*links)[1].name == "eth1");
  const auto event = client.receive(short_patience);
  REQUIRE(event.has_value());
  REQUIRE(event->has_value());
  CHECK((*event)->type() == "ifstat");
}

TEST_CASE("another node's client status comes as a cluster message, or not in time") {
  Daemon daemon([](Daemon& d) {
    d.accept_sign_on();
    d.next();
    d.say("t=respond-cstatus\ncn=other\ncs=offline\n");  // the answer to somebody else's question
    d.say("t=respond-cstatus\ncn=ipfail\ncs=online\n");
    d.next();
    d.next();
  });
  HbClient client(daemon.path, patience);
  REQUIRE(client.sign_on("").has_value());
  const auto status = client.client_status("n2", "ipfail", patience);
  REQUIRE(status.has_value());
  CHECK(*status == "online");
  const auto late = client.client_status("n2", "ipfail", short_patience);
  REQUIRE_FALSE(late.has_value());
  CHECK(late.error().text == "No timely response.");
}
