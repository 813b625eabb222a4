// mgmt_web_test: HTTP requests and answers, status.json and metrics
#include "clients/mgmtd/http_answer.hpp"
#include "clients/mgmtd/http_request.hpp"
#include "clients/mgmtd/overview.hpp"
#include "clients/mgmtd/page.hpp"

#include <doctest/doctest.h>

#include <string>

namespace {

using namespace hb::clients::mgmtd;
using State = HttpRequest::State;

std::string get(const std::string& path, const std::string& host = "localhost:5561",
                const std::string& method = "GET") {
  HttpRequest request;
  const std::string text = method + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
  REQUIRE(request.append(text) == State::whole);
  const std::string answer = answer_http(request, {R"({"x":"</script>"})", "# EOF\n"}, true);
  return answer;
}

Overview overview() {
  Overview made;
  made.reachable = true;
  made.picture.self = "n1";
  made.picture.nodes = {{"n1", "normal", "active", "", "", {{"eth0", "up"}}},
                        {"n\"2\xff", "normal", "dead", "", "", {{"eth0", "dead"}}}};
  made.picture.groups = {{"apache", "n1", "n1", "running", 1}};
  made.picture.counters = {{"frames_in", 7}, {"read eth0 datagrams", 8}, {"write eth0 bytes", 9},
                           {"read eth1 datagrams", 10}};
  return made;
}

}  // namespace

TEST_CASE("a request is understood in any pieces") {
  const std::string text = "GET /metrics?x=1 HTTP/1.1\r\nHost: 127.0.0.1:5561\r\n\r\n";
  HttpRequest request;
  for (std::size_t i = 0; i + 1 < text.size(); ++i)
    REQUIRE(request.append(text.substr(i, 1)) == State::incomplete);
  CHECK(request.append("\n") == State::whole);
  CHECK(request.method() == "GET");
  CHECK(request.path() == "/metrics");
  CHECK(request.host() == "127.0.0.1");
}

TEST_CASE("what is no request, or too long, is broken") {
  HttpRequest babble, endless;
  CHECK(babble.append("\x16\x03\x01 hello\r\n\r\n") == State::broken);
  auto state = endless.append("GET / HTTP/1.1\r\n");
  for (int i = 0; i < 1000 && state == State::incomplete; ++i)
    state = endless.append("X-Header: 0123456789\r\n");
  CHECK(state == State::broken);
}

TEST_CASE("page, status and metrics are answered; nothing else is, nor any other method") {
  CHECK(get("/").starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/html"));
  CHECK(get("/status.json").ends_with("\r\n\r\n{\"x\":\"</script>\"}"));
  CHECK(get("/metrics").find("application/openmetrics-text") != std::string::npos);
  CHECK(get("/metrics").ends_with("\r\n\r\n# EOF\n"));
  CHECK(get("/status.json", "localhost", "HEAD").ends_with("\r\n\r\n"));
  CHECK(get("/etc/passwd").starts_with("HTTP/1.1 404 "));
  CHECK(get("/", "localhost", "POST").starts_with("HTTP/1.1 405 "));
  CHECK(get("/", "localhost", "DELETE").starts_with("HTTP/1.1 405 "));
}

TEST_CASE("a site whose name was made to point at us is refused") {
  for (const char* host : {"127.0.0.1", "127.0.0.1:5561", "localhost", "[::1]:5561"})
    CHECK(get("/", host).starts_with("HTTP/1.1 200 "));
  for (const char* host : {"evil.example", "127.evil.example", "localhost.evil.example", ""})
    CHECK(get("/", host).starts_with("HTTP/1.1 421 "));
}

TEST_CASE("nothing that names say ends the page's script") {
  const std::string text = page(R"({"x":"</script><b>"})");
  CHECK(text.find("</script><b>") == std::string::npos);
  CHECK(text.find("\\u003c/script>\\u003cb>") != std::string::npos);
}

TEST_CASE("status.json is one object of clean text") {
  const std::string json = to_json(overview());
  CHECK(json.starts_with("{\"node\":\"n1\""));
  CHECK(json.find(R"("name":"n\"2?")") != std::string::npos);
  CHECK(json.find(R"("owner":"n1","here":true,"state":"running","failures":1)") !=
        std::string::npos);
}

TEST_CASE("metrics: the samples of a family stand together, labels are quoted") {
  const std::string text = to_metrics(overview());
  CHECK(text.find("# TYPE heartbeat_up gauge\nheartbeat_up 1\n") != std::string::npos);
  CHECK(text.find("heartbeat_node_active{node=\"n\\\"2?\",type=\"normal\"} 0\n") !=
        std::string::npos);
  CHECK(text.find("heartbeat_frames_in 7\n") != std::string::npos);
  CHECK(text.find("# TYPE heartbeat_process_datagrams unknown\n"
                  "heartbeat_process_datagrams{process=\"read eth0\"} 8\n"
                  "heartbeat_process_datagrams{process=\"read eth1\"} 10\n") !=
        std::string::npos);
  CHECK(text.ends_with("# EOF\n"));
  Overview gone = overview();
  gone.reachable = false;
  CHECK(to_metrics(gone) == "# TYPE heartbeat_up gauge\nheartbeat_up 0\n# EOF\n");
}

TEST_CASE("a move is remembered with the latest cause of the journal, and not for ever") {
  Overview made = overview();
  made.journal = {{1, "WARN", "node n2: is dead"}, {2, "info", "Taking over resource group x"}};
  Picture next = made.picture;
  (*next.groups)[0].owner = "n2";
  made.advance(next, 77);
  REQUIRE(made.moves.size() == 1);
  CHECK(made.moves[0].why == "node n2: is dead");
  CHECK(made.moves[0].from == "n1");
  CHECK(made.moves[0].to == "n2");
  CHECK(made.moves[0].wall_seconds == 77);
  for (int i = 0; i < 50; ++i) {
    (*next.groups)[0].owner = i % 2 == 0 ? "n1" : "n2";
    made.advance(next, i);
  }
  CHECK(made.moves.size() == moves_kept);
  CHECK(made.moves.front().wall_seconds == 49);
}
