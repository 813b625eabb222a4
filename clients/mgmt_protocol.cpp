// mgmt_protocol: requests, answers and events of the management connection, from and to bytes
#include "clients/mgmt_protocol.hpp"

#include <algorithm>
#include <utility>

namespace hb::clients::mgmt {

namespace {

using core::Error;
using core::Result;

bool is_control(char c) {
  return (c >= '\0' && c < ' ') || c == '\x7f';
}

void append_word(std::string_view word, std::string& out) {
  for (const char c : word) out.push_back(is_control(c) ? ' ' : c);
}

std::string join(std::string_view first, const std::vector<std::string>& rest) {
  std::string message;
  append_word(first, message);
  for (const std::string& word : rest) {
    message.push_back('\n');
    append_word(word, message);
  }
  message.push_back('\0');
  return message;
}

std::vector<std::string> lines_of(std::string_view message) {
  std::vector<std::string> lines;
  while (true) {
    const std::size_t end = message.find('\n');
    lines.emplace_back(message.substr(0, end));
    if (end == std::string_view::npos) return lines;
    message.remove_prefix(end + 1);
  }
}

}  // namespace

Answer good(std::vector<std::string> values) {
  return {Verdict::ok, std::move(values)};
}

Answer failed(std::string reason) {
  return {Verdict::fail, {std::move(reason)}};
}

std::string encode(const Request& request) {
  return join(request.name, request.arguments);
}

std::string encode(const Answer& answer) {
  return join(answer.verdict == Verdict::ok ? "ok" : "fail", answer.values);
}

std::string encode(const Event& event) {
  return join("event", event);
}

Result<Request> parse_request(std::string_view message) {
  // A newline at the end is what people and `echo` add; an empty last argument is not worth it.
  if (message.ends_with('\n')) message.remove_suffix(1);
  const auto words = std::count(message.begin(), message.end(), '\n') + 1;
  if (static_cast<std::size_t>(words) > request_words)
    return Error{"more than 16 lines in a request"};
  std::vector<std::string> lines = lines_of(message);
  for (const std::string& line : lines)
    if (std::any_of(line.begin(), line.end(), is_control))
      return Error{"a control character in a request"};
  Request request;
  request.name = std::move(lines.front());
  if (request.name.empty()) return Error{"a request without a name"};
  request.arguments.assign(std::make_move_iterator(lines.begin() + 1),
                           std::make_move_iterator(lines.end()));
  return request;
}

Result<FromServer> parse_from_server(std::string_view message) {
  std::vector<std::string> lines = lines_of(message);
  FromServer result;
  const std::string kind = std::move(lines.front());
  lines.erase(lines.begin());
  if (kind == "event") {
    result.is_event = true;
    result.event = std::move(lines);
    return result;
  }
  if (kind != "ok" && kind != "fail") return Error{"the server's answer is neither ok nor fail"};
  result.answer = {kind == "ok" ? Verdict::ok : Verdict::fail, std::move(lines)};
  return result;
}

MessageReader::State MessageReader::state() const {
  const std::size_t end = buffer_.find('\0');
  if (end == std::string::npos) return buffer_.size() >= limit_ ? State::too_long
                                                                : State::incomplete;
  return end < limit_ ? State::whole : State::too_long;
}

std::string MessageReader::take() {
  const std::size_t end = buffer_.find('\0');
  ENSURE(end != std::string::npos);
  std::string message = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  return message;
}

}  // namespace hb::clients::mgmt
