// http_request: the head of one HTTP request from bytes, bounded (Boost.Beast's parser)
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace hb::clients::mgmtd {

/// A head with more is no browser's.
inline constexpr std::size_t http_head_bytes = 8192;

/// One request; what follows its head is not looked at. No input or output.
class HttpRequest {
 public:
  HttpRequest();
  ~HttpRequest();
  HttpRequest(HttpRequest&&) noexcept;
  HttpRequest& operator=(HttpRequest&&) noexcept;

  enum class State : std::uint8_t { incomplete, whole, broken };
  State append(std::string_view bytes);

  /// When whole. `GET`, `HEAD`, or anything else that somebody sent.
  [[nodiscard]] std::string_view method() const;
  /// Without the query behind `?`.
  [[nodiscard]] std::string_view path() const;
  /// The Host field without port; empty if there is none, or more than one.
  [[nodiscard]] std::string host() const;

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
  std::string buffer_;
  State state_ = State::incomplete;
};

/// Whether a page of another site, whose name was made to point at us, may not read us: a browser
/// that means this very host names it as number or localhost.
[[nodiscard]] bool names_loopback(std::string_view host);

}  // namespace hb::clients::mgmtd
