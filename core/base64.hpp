// base64: RFC 4648 with padding and without line breaks, as binary values travel in text framing
#pragma once

#include "core/types.hpp"

#include <string>
#include <string_view>

namespace hb::core {

/// Appends ceil(size / 3) * 4 characters.
void append_base64(std::string_view bytes, std::string& out);

/// Bytes that `encoded` stands for at most.
[[nodiscard]] constexpr std::size_t base64_room(std::string_view encoded) {
  return encoded.size() / 4 * 3;
}

/// Writes at most base64_room(encoded) bytes to `out` and sets `size`. False if `encoded` is not
/// what append_base64 would have written (length, alphabet, padding, bits that must be zero).
[[nodiscard]] bool read_base64(std::string_view encoded, char* out, std::size_t& size);

}  // namespace hb::core
