// ip_address: one IPv4 or IPv6 address, from and to text
#pragma once

#include "core/result.hpp"

#include <arpa/inet.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hb::os {

/// numeric: no name is looked up, which may block as long as the resolver does.
enum class Names : std::uint8_t { look_up, numeric };

enum class Family : std::uint8_t { v4, v6 };

/// Bytes in network order; IPv4 uses the first four, the others stay zero.
struct IpAddress {
  Family family = Family::v4;
  std::array<std::uint8_t, 16> bytes{};

  bool operator==(const IpAddress&) const = default;
  [[nodiscard]] std::size_t size() const { return family == Family::v4 ? 4 : 16; }
  /// Length of the address in bits: the longest prefix it can have.
  [[nodiscard]] std::uint8_t bits() const { return family == Family::v4 ? 32 : 128; }
  /// AF_INET or AF_INET6.
  [[nodiscard]] int domain() const { return family == Family::v4 ? AF_INET : AF_INET6; }
  [[nodiscard]] bool is_link_local_v6() const {
    return family == Family::v6 && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
  }
};

/// Dotted quad or RFC 4291 text, no prefix, no zone. The error names the text.
[[nodiscard]] inline core::Result<IpAddress> parse_ip(std::string_view text) {
  const std::string copy(text);
  IpAddress address;
  address.family = text.find(':') == std::string_view::npos ? Family::v4 : Family::v6;
  if (text.size() >= INET6_ADDRSTRLEN ||
      ::inet_pton(address.domain(), copy.c_str(), address.bytes.data()) != 1)
    return core::Error{"'" + copy.substr(0, INET6_ADDRSTRLEN) + "' is not an IP address"};
  return address;
}

[[nodiscard]] inline std::string text_of(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const char* done = ::inet_ntop(address.domain(), address.bytes.data(), text.data(), text.size());
  ENSURE(done != nullptr);
  return done;
}

}  // namespace hb::os
