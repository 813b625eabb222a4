// frame: text and netstring wire forms to and from message
#pragma once

#include "core/message.hpp"
#include "core/result.hpp"
#include "core/types.hpp"

#include <string>

namespace hb::core {

enum class Framing : std::uint8_t { text, netstring };

/// By the first four bytes: ">>>\n" or "###\n"; anything else is an Error.
[[nodiscard]] Result<Framing> framing_of(Bytes bytes);

/// The message alone: "###\n"...items..."%%%\n" (wire-protocol §1.2), appended to `out`.
void append_netstring(const Message& message, std::string& out);

/// ">>>\n"...lines..."<<<\n" without NUL (wire-protocol §1.3), appended to `out`.
void append_text(const Message& message, std::string& out);

/// The field lines alone, without marks: what an inner `auth` is computed over (§1.5).
void append_text_fields(const Message& message, std::string& out);

/// True if a field forbids the text framing and the inner `auth`: types 2, 4, 5 (§1.4).
[[nodiscard]] bool needs_netstring(const Message& message);

/// Decodes either framing; `out` is cleared first. For text a trailing NUL is optional. For
/// netstring, `consumed` bytes end after "%%%\n"; what follows (trailer, junk) is not looked at.
/// Hostile input: every length is checked, limits::fields and limits::nesting hold.
struct Decoded {
  Framing framing;
  std::size_t consumed;
};
[[nodiscard]] Result<Decoded> decode(Bytes bytes, Message& out);

/// The body that the API socket carries (client-api §1.3): text + NUL, or netstring when a field
/// needs it or `preferred` says so. Appended to `out`.
void append_client_body(const Message& message, Framing preferred, std::string& out);

}  // namespace hb::core
