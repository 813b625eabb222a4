// http_answer: what each request of the web page's server is answered, as bytes
#include "clients/mgmtd/http_answer.hpp"

#include "clients/mgmtd/page.hpp"

#include <fmt/core.h>

namespace hb::clients::mgmtd {

namespace {

/// Nothing is loaded from elsewhere, nothing is framed, nothing is kept.
constexpr std::string_view common_head =
    "Cache-Control: no-store\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; connect-src 'self'; img-src data:; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'\r\n"
    "Connection: close\r\n";

constexpr std::string_view metrics_type =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";

std::string whole(std::string_view status, std::string_view type, std::string_view body,
                  bool head_only) {
  return fmt::format("HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}\r\n{}", status,
                     type, body.size(), common_head, head_only ? std::string_view{} : body);
}

}  // namespace

std::string refusal(std::string_view status, bool head_only) {
  return whole(status, "text/plain; charset=utf-8", fmt::format("{}\n", status), head_only);
}

std::string events_head() {
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{}\r\n",
                     common_head);
}

std::string answer_http(const HttpRequest& request, const WebContent& content,
                        bool only_loopback) {
  const bool head_only = request.method() == "HEAD";
  if (request.method() != "GET" && !head_only) return refusal("405 Method Not Allowed");
  if (only_loopback && !names_loopback(request.host())) return refusal("421 Misdirected Request");
  const auto path = request.path();
  if (path == "/")
    return whole("200 OK", "text/html; charset=utf-8", page(content.json), head_only);
  if (path != "/status.json" && path != "/metrics") return refusal("404 Not Found", head_only);
  if (content.json.empty()) return refusal("503 Service Unavailable", head_only);
  if (path == "/metrics") return whole("200 OK", metrics_type, content.metrics, head_only);
  return whole("200 OK", "application/json", content.json, head_only);
}

}  // namespace hb::clients::mgmtd
