// web_request: one HTTP question and its answer, over a connection of its own, within a time limit
#pragma once

#include "clients/tls.hpp"
#include "core/result.hpp"
#include "core/types.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace hb::clients::witness {

enum class Scheme : unsigned char { http, https };
struct Server {
  Scheme scheme;
  std::string host;  ///< an address, without brackets
  std::string port;
};

/// "http://HOST:PORT" or "https://HOST:PORT"; nothing if it is neither.
[[nodiscard]] std::optional<Server> split_url(std::string_view url);

/// The body of the answer to a POST of JSON. `tls` must be there for https: the server's
/// certificate must be signed by its authority and name the address. An Error if no good answer is
/// complete within `patience`; an answer is at most 64 KiB.
[[nodiscard]] core::Result<std::string> post_to(const Server& server, std::string_view path,
                                                const std::string& body, core::Duration patience,
                                                const TlsContext* tls);

}  // namespace hb::clients::witness
