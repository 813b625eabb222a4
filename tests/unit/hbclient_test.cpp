// hbclient_test: the client library against daemons that answer, lie, stay silent or vanish
#include "clients/hbclient.hpp"

#include "tests/unit/api_daemon.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>

namespace {

using namespace hb::core;
using hb::clients::HbClient;
using Daemon = hb::test::ApiDaemon;
using std::chrono::milliseconds;

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

TEST_CASE("an answer that comes too late is not taken for that to the next question") {
  Daemon daemon([](Daemon& d) {
    d.accept_sign_on();
    d.next();  // of clientstatus: answered only after the client has given up and asks again
    CHECK(d.next().text_or_empty("reqtype") == "nodestatus");
    d.say("t=hbapi-resp\nreqtype=clientstatus\nsubt=respond-cstatus\ncs=offline\nresult=OK\n");
    d.say("t=hbapi-resp\nreqtype=nodestatus\nst=active\nresult=OK\n");
    CHECK(d.next().text_or_empty("reqtype") == "numnodes");
    d.say("t=hbapi-resp\nreqtype=numnodes\nnumnodes=2\nresult=OK\n");
    CHECK(d.next().text_or_empty("cn") == "second");
    d.say("t=hbapi-resp\nreqtype=clientstatus\nsubt=respond-cstatus\ncs=online\nresult=OK\n");
  });
  HbClient client(daemon.path, patience);
  REQUIRE(client.sign_on("").has_value());
  CHECK_FALSE(client.client_status("n2", "first", short_patience).has_value());
  const auto status = client.node_status("n2");
  REQUIRE(status.has_value());
  CHECK(*status == "active");
  const auto second = client.client_status("n2", "second", patience);
  REQUIRE(second.has_value());
  CHECK(*second == "online");
}

TEST_CASE("sending at once never waits, and loses nothing that it accepted") {
  std::atomic<bool> read_now{false};
  constexpr int most = 100'000;
  Daemon daemon([&](Daemon& d) {
    d.accept_sign_on();
    while (!read_now) std::this_thread::yield();
    for (int i = 0;; ++i) {
      const Message message = d.next();
      if (message.type() == "last" || message.empty()) break;
      if (message.text_or_empty("number") != std::to_string(i)) FAIL_CHECK(i);
    }
    d.say("t=seen\n");
  });
  HbClient client(daemon.path, patience);
  REQUIRE(client.sign_on("x").has_value());
  int accepted = 0;
  for (bool full = false; !full && accepted < most;) {
    Message message;
    message.add("t", "many");
    message.add("number", std::to_string(accepted));
    message.add("text", std::string(1000, 'x'));
    full = !client.send(message, HbClient::Sending::at_once).has_value();
    if (!full) ++accepted;
  }
  CHECK(accepted > 10);
  CHECK(accepted < most);
  CHECK(client.is_sending_blocked());
  read_now = true;
  Message last;
  last.add("t", "last");
  REQUIRE(client.send(last).has_value());  // waits
  CHECK_FALSE(client.is_sending_blocked());
  const auto seen = client.receive(patience);
  REQUIRE(seen.has_value());
  REQUIRE(seen->has_value());
  CHECK((*seen)->type() == "seen");
}
