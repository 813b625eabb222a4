// http_answer: what each request of the web page's server is answered, as bytes
#pragma once

#include "clients/mgmtd/http_request.hpp"

#include <string>
#include <string_view>

namespace hb::clients::mgmtd {

/// What the asker told last; empty before it told anything.
struct WebContent {
  std::string json, metrics;
};

/// Head and body of the whole answer: the page, status.json, metrics, or a refusal.
/// `only_loopback`: whoever asks must have meant this host by number or localhost.
[[nodiscard]] std::string answer_http(const HttpRequest& request, const WebContent& content,
                                      bool only_loopback);
[[nodiscard]] std::string refusal(std::string_view status, bool head_only = false);
/// Before the events of /events.
[[nodiscard]] std::string events_head();

}  // namespace hb::clients::mgmtd
