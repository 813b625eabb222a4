// fuzz_http: hostile bytes of a visitor through the request parser, and what they are answered
#include "clients/mgmtd/http_answer.hpp"
#include "clients/mgmtd/http_request.hpp"
#include "core/result.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

/// First byte: in what pieces the rest comes, and whether only loopback may ask.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hb::clients::mgmtd;
  if (size == 0) return 0;
  const unsigned how = data[0];
  std::string_view rest{reinterpret_cast<const char*>(data + 1), size - 1};
  HttpRequest request;
  auto state = HttpRequest::State::incomplete;
  std::size_t given = 0;
  while (!rest.empty() && state == HttpRequest::State::incomplete) {
    const std::size_t piece = std::min<std::size_t>(1 + how / 2, rest.size());
    state = request.append(rest.substr(0, piece));
    rest.remove_prefix(piece);
    given += piece;
    // Bounded, whatever comes.
    ENSURE(state != HttpRequest::State::incomplete || given <= 2 * http_head_bytes);
  }
  if (state != HttpRequest::State::whole) return 0;
  const WebContent content{R"({"node":"n1"})", "# EOF\n"};
  const bool only_loopback = (how & 1U) != 0;
  const std::string answer = answer_http(request, content, only_loopback);
  ENSURE(answer.starts_with("HTTP/1.1 ") && answer.find("\r\n\r\n") != std::string::npos);
  const bool is_good = answer.starts_with("HTTP/1.1 200 ");
  if (is_good) ENSURE(request.method() == "GET" || request.method() == "HEAD");
  if (is_good && only_loopback) ENSURE(names_loopback(request.host()));
  return 0;
}
