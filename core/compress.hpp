// compress: zlib and bz2 fields and whole messages, output bounded
#pragma once

#include "core/message.hpp"
#include "core/result.hpp"

#include <string>

namespace hb::core {

enum class Compression : std::uint8_t { zlib, bz2 };
[[nodiscard]] std::optional<Compression> compression(std::string_view name);

/// plain compress() stream, or level-1 BZ2 buffer (wire-protocol §1.6); appended to `out`.
[[nodiscard]] Result<void> compress(Compression method, Bytes plain, std::string& out);
/// Fails if the plain form would exceed `limit` (limits::uncompressed_bytes).
[[nodiscard]] Result<void> decompress(Compression method, Bytes packed, std::size_t limit,
                                      std::string& out);

/// If `message` is a whole compressed message (_compressed_payload), replaces it by the message
/// that it holds; else leaves it alone. Never recurses.
[[nodiscard]] Result<void> unpack(Message& message);

/// The whole-message form for `encoded` (text + NUL, or netstring, either with its inner `auth`):
/// two fields, to be signed with KeyRing::Inner::without.
[[nodiscard]] Result<void> pack(Compression method, Bytes encoded, Message& out);

/// Client fields of type 5 become type 4 and `_compression_algorithm` is appended (§1.6, row 2).
[[nodiscard]] Result<void> compress_fields(Compression method, Message& message);

}  // namespace hb::core
