// http_request: the head of one HTTP request from bytes, bounded (Boost.Beast's parser)
#include "clients/mgmtd/http_request.hpp"

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include <algorithm>
#include <utility>

namespace hb::clients::mgmtd {

namespace {

namespace http = boost::beast::http;

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace

struct HttpRequest::Parser {
  http::request_parser<http::empty_body> beast;
  Parser() { beast.header_limit(http_head_bytes); }
};

HttpRequest::HttpRequest() : parser_(std::make_unique<Parser>()) {}
HttpRequest::~HttpRequest() = default;
HttpRequest::HttpRequest(HttpRequest&&) noexcept = default;
HttpRequest& HttpRequest::operator=(HttpRequest&&) noexcept = default;

HttpRequest::State HttpRequest::append(std::string_view bytes) {
  if (state_ != State::incomplete) return state_;
  buffer_.append(bytes);
  boost::beast::error_code error;
  const std::size_t used =
      parser_->beast.put(boost::asio::const_buffer(buffer_.data(), buffer_.size()), error);
  buffer_.erase(0, used);
  if (parser_->beast.is_header_done())
    state_ = State::whole;
  else if ((error && error != http::error::need_more) || buffer_.size() > http_head_bytes)
    state_ = State::broken;
  return state_;
}

std::string_view HttpRequest::method() const {
  return view(parser_->beast.get().method_string());
}

std::string_view HttpRequest::path() const {
  const std::string_view target = view(parser_->beast.get().target());
  return target.substr(0, target.find('?'));
}

std::string HttpRequest::host() const {
  const auto& fields = parser_->beast.get();
  if (fields.count(http::field::host) != 1) return {};
  std::string_view host = view(fields[http::field::host]);
  if (host.starts_with('[')) return std::string(host.substr(0, host.find(']') + 1));
  return std::string(host.substr(0, host.find(':')));
}

bool names_loopback(std::string_view host) {
  if (host == "localhost" || host == "[::1]") return true;
  // 127.0.0.0/8 as numbers; `127.example.org` is somebody's name.
  return host.starts_with("127.") && std::all_of(host.begin(), host.end(), [](char c) {
    return c == '.' || (c >= '0' && c <= '9');
  });
}

}  // namespace hb::clients::mgmtd
