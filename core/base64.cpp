// base64: RFC 4648 with padding and without line breaks, as binary values travel in text framing
#include "core/base64.hpp"

#include <array>

namespace hb::core {

namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint32_t not_a_digit = 64;

constexpr auto digits = [] {
  std::array<std::uint8_t, 256> table{};
  table.fill(not_a_digit);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return table;
}();

std::uint32_t digit(char c) {
  return digits[static_cast<unsigned char>(c)];
}

std::uint32_t byte(char c) {
  return static_cast<unsigned char>(c);
}

}  // namespace

void append_base64(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    const std::size_t count = bytes.size() < 3 ? bytes.size() : 3;
    const std::uint32_t word = byte(bytes[0]) << 16 | (count > 1 ? byte(bytes[1]) << 8 : 0) |
                               (count > 2 ? byte(bytes[2]) : 0);
    out += alphabet[word >> 18];
    out += alphabet[word >> 12 & 63];
    out += count > 1 ? alphabet[word >> 6 & 63] : '=';
    out += count > 2 ? alphabet[word & 63] : '=';
    bytes.remove_prefix(count);
  }
}

bool read_base64(std::string_view encoded, char* out, std::size_t& size) {
  size = 0;
  if (encoded.size() % 4 != 0) return false;
  for (; !encoded.empty(); encoded.remove_prefix(4)) {
    // Padding may stand only at the very end: one or two.
    const std::size_t padding = encoded.size() > 4 || encoded[3] != '=' ? 0
                                : encoded[2] != '='                     ? 1
                                                                        : 2;
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const std::uint32_t value = i < 4 - padding ? digit(encoded[i]) : 0;
      if (value == not_a_digit) return false;
      word = word << 6 | value;
    }
    for (std::size_t i = 0; i < 3; ++i) {
      const auto octet = static_cast<char>(word >> (16 - 8 * i) & 255);
      if (i < 3 - padding) out[size++] = octet;
      else if (octet != 0) return false;
    }
  }
  return true;
}

}  // namespace hb::core
