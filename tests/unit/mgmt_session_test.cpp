// mgmt_session_test: management protocol and dialogue: framing, login, events, hostile clients
#include "clients/mgmt_protocol.hpp"
#include "clients/mgmtd/login_limits.hpp"
#include "clients/mgmtd/session.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <variant>

namespace {

using namespace hb::clients;
using namespace hb::clients::mgmtd;
using namespace std::string_view_literals;
using mgmt::MessageReader;

/// What a session said, NULs shown as '|'; other acts as <ask NAME>, <login USER>, <end>.
std::string shown(const SessionActs& acts) {
  std::string text;
  for (const SessionAct& one : acts) {
    if (const auto* say = std::get_if<Say>(&one)) text += say->bytes;
    if (const auto* ask = std::get_if<Ask>(&one)) text += "<ask " + ask->request.name + ">";
    if (const auto* login = std::get_if<LogIn>(&one)) text += "<login " + login->user + ">";
    if (std::holds_alternative<End>(one)) text += "<end>";
  }
  for (char& c : text)
    if (c == '\0') c = '|';
  return text;
}

std::string take(Session& session, std::string_view bytes) {
  SessionActs acts;
  session.take(bytes, acts);
  return shown(acts);
}

std::string decide(Session& session, LoginResult result) {
  SessionActs acts;
  session.login_answered(result, acts);
  return shown(acts);
}

}  // namespace

TEST_CASE("messages are cut at NULs, however they come") {
  MessageReader reader(16);
  reader.append("al");
  CHECK(reader.state() == MessageReader::State::incomplete);
  reader.append("l\0b\0"sv);
  CHECK(reader.take() == "all");
  CHECK(reader.state() == MessageReader::State::whole);
  CHECK(reader.take() == "b");
  CHECK(reader.size() == 0);
  reader.append("0123456789abcdef");
  CHECK(reader.state() == MessageReader::State::too_long);
}

TEST_CASE("a request is lines without control bytes, at most 16") {
  const auto request = mgmt::parse_request("link_status\nn2\neth0");
  REQUIRE(request.has_value());
  CHECK(request->name == "link_status");
  CHECK(request->arguments == std::vector<std::string>{"n2", "eth0"});
  CHECK(mgmt::parse_request("all_nodes\n")->arguments.empty());
  CHECK_FALSE(mgmt::parse_request("").has_value());
  CHECK_FALSE(mgmt::parse_request("\nx").has_value());
  CHECK_FALSE(mgmt::parse_request("echo\n\x1b[2J").has_value());
  CHECK_FALSE(mgmt::parse_request(std::string(16, '\n') + "x").has_value());
}

TEST_CASE("no word of an answer can forge another") {
  CHECK(mgmt::encode(mgmt::good({"a\nfail", "b"})) == "ok\na fail\nb\0"sv);
  const auto back = mgmt::parse_from_server("fail\nno\nyes");
  REQUIRE(back.has_value());
  CHECK(back->answer.verdict == mgmt::Verdict::fail);
  CHECK(back->answer.values.size() == 2);
  CHECK(mgmt::parse_from_server("event\nnode\nn2\ndead")->event.size() == 3);
  CHECK_FALSE(mgmt::parse_from_server("HTTP/1.1 400 Bad Request").has_value());
}

TEST_CASE("before the login nothing is answered, not even whether a request exists") {
  Session session(Session::Trust::must_log_in);
  CHECK(take(session, "all_nodes\0"sv) == "fail\nlog in first|");
  CHECK(take(session, "nonsense\0"sv) == "fail\nlog in first|");
  CHECK(take(session, "login\nann\npw\0"sv) == "<login ann>");
  CHECK(session.busy());
  CHECK(decide(session, LoginResult::right) == "ok|");
  CHECK(take(session, "all_nodes\0"sv) == "<ask all_nodes>");
}

TEST_CASE("three wrong passwords end the connection, with one text for every cause") {
  Session session(Session::Trust::must_log_in);
  for (int i = 0; i < 2; ++i) {
    CHECK(take(session, "login\nann\npw\0"sv) == "<login ann>");
    CHECK(decide(session, LoginResult::wrong) == "fail\nlogin refused|");
  }
  take(session, "login\nann\npw\0"sv);
  CHECK(decide(session, LoginResult::wrong) == "fail\nlogin refused|<end>");
  CHECK(take(session, "login\nann\npw\0"sv).empty());
  CHECK_FALSE(session.logged_in());
}

TEST_CASE("requests that come at once are answered one after the other") {
  Session session(Session::Trust::known);
  CHECK(take(session, "echo\nx\0links\nn2\0all_nodes\0"sv) == "ok\nx|<ask links>");
  SessionActs acts;
  session.answered(mgmt::good({"eth0"}), acts);
  CHECK(shown(acts) == "ok\neth0|<ask all_nodes>");
  acts.clear();
  session.answered(mgmt::good({"n1"}), acts);
  session.answered(mgmt::good({"late"}), acts);  // nobody waits for this one
  CHECK(shown(acts) == "ok\nn1|");
}

TEST_CASE("a request without end closes the connection") {
  Session session(Session::Trust::known);
  CHECK(take(session, std::string(mgmt::request_bytes, 'x')).ends_with("<end>"));
}

TEST_CASE("logout is answered, then the connection ends") {
  Session session(Session::Trust::known);
  CHECK(take(session, "logout\0echo\nx\0"sv) == "ok|<end>");
}

TEST_CASE("events of the wanted kinds are told, and only to whoever asked") {
  Session session(Session::Trust::known);
  SessionActs acts;
  session.event({"node", "n2", "dead"}, acts);
  CHECK(acts.empty());
  CHECK(take(session, "regevt\nweather\0"sv).starts_with("fail"));
  CHECK(take(session, "regevt\nlink\0"sv) == "ok|");
  session.event({"node", "n2", "dead"}, acts);
  CHECK(acts.empty());
  session.event({"link", "n2", "eth0", "dead"}, acts);
  CHECK(shown(acts) == "event\nlink\nn2\neth0\ndead|");
}

TEST_CASE("an address that guesses must wait; another one need not") {
  LoginLimits limits;
  hb::core::Instant now{std::chrono::seconds{1000}};
  for (int i = 0; i < wrong_limit; ++i) {
    CHECK(limits.allowed("10.0.0.9", now));
    limits.wrong("10.0.0.9", now);
  }
  CHECK_FALSE(limits.allowed("10.0.0.9", now));
  CHECK(limits.allowed("10.0.0.8", now));
  CHECK_FALSE(limits.allowed("10.0.0.9", now + wrong_window - std::chrono::seconds{1}));
  CHECK(limits.allowed("10.0.0.9", now + wrong_window));
}

TEST_CASE("the memory of wrong passwords is bounded") {
  LoginLimits limits;
  const hb::core::Instant now{std::chrono::seconds{1000}};
  for (std::size_t i = 0; i < addresses_limit + 10; ++i)
    limits.wrong(std::to_string(i), now + std::chrono::seconds{i});
  CHECK(limits.size() == addresses_limit);
}
