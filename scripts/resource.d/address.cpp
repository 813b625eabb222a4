// address: the argument of IPaddr, IPaddr2 and IPv6addr, from text
#include "scripts/resource.d/address.hpp"

#include <net/if.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <utility>
#include <vector>

namespace hb::scripts {
namespace {

using core::Error;
using core::Result;
using os::Family;
using os::IpAddress;
using os::PrefixBits;

constexpr std::string_view form =
    "write ip[/bits[/interface[:label]][/broadcast]], e.g. 10.0.0.1/24/eth0";
/// ip, bits, interface, broadcast.
constexpr std::size_t parts_at_most = 4;
/// No valid argument is longer; bounds what an error message repeats.
constexpr std::size_t argument_bytes = 200;

Error bad(std::string text) { return Error{std::move(text) + "; " + std::string(form)}; }
std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto slash = text.find('/');
    parts.push_back(text.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    text.remove_prefix(slash + 1);
  }
}

Result<PrefixBits> bits_of_mask(std::string_view text) {
  const auto mask = os::parse_ip(text);
  if (!mask || mask->family != Family::v4) return bad(quoted(text) + " is not a netmask");
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < mask->size(); ++i) value = value << 8 | mask->bytes[i];
  const int ones = std::countl_one(value);
  if (ones == 0 || std::popcount(value) != ones)
    return bad(quoted(text) + " is not a netmask: its ones must stand on the left");
  return PrefixBits{static_cast<std::uint8_t>(ones)};
}

Result<PrefixBits> parse_bits(std::string_view text, const IpAddress& address) {
  if (address.family == Family::v4 && text.find('.') != std::string_view::npos)
    return bits_of_mask(text);
  PrefixBits bits;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits.value);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  if (!whole || bits.value == 0 || bits.value > address.bits())
    return bad(quoted(text) + " is no prefix length from 1 to " +
               std::to_string(address.bits()));
  return bits;
}

bool is_name(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c > ' ' && c < '\x7f' && c != '/' && c != '%'; });
}

Result<void> parse_interface(std::string_view text, Flavour flavour, ServiceAddress& into) {
  const std::string_view name = text.substr(0, text.find(':'));
  if (name.empty() || name.size() >= IFNAMSIZ || !is_name(text))
    return bad(quoted(text) + " is not an interface name of 1 to 15 characters");
  into.interface = name;
  // habit: IPaddr numbers its labels itself and ignores ours; IPv6 addresses have none
  const bool labelled = flavour != Flavour::ipaddr && into.address.family == Family::v4;
  if (name.size() == text.size() || !labelled) return {};
  if (text.size() >= IFNAMSIZ)
    return bad("the label " + quoted(text) + " is longer than 15 characters");
  into.label = text;
  return {};
}

Result<void> parse_broadcast(std::string_view text, ServiceAddress& into) {
  const auto broadcast = os::parse_ip(text);
  if (!broadcast || broadcast->family != Family::v4)
    return bad(quoted(text) + " is not a broadcast address");
  if (into.address.family != Family::v4) return bad("IPv6 has no broadcast address");
  into.broadcast = *broadcast;
  return {};
}

Result<void> right_family(const ServiceAddress& parsed, Flavour flavour) {
  const bool v6 = parsed.address.family == Family::v6;
  if (v6 && flavour == Flavour::ipaddr)
    return Error{"IPaddr takes IPv4 addresses only; use IPaddr2 or IPv6addr"};
  if (!v6 && flavour == Flavour::ipv6addr)
    return Error{"IPv6addr takes IPv6 addresses only; use IPaddr2"};
  if (parsed.address.bytes == IpAddress{}.bytes) return bad("the address must not be all zeros");
  const auto first = parsed.address.bytes[0];
  if (v6 ? first == 0xff : first >= 224)
    return bad("a service address must be one host's, not multicast or reserved");
  return {};
}

}  // namespace

Flavour flavour_of(std::string_view program) {
  const std::string_view name = program.substr(program.rfind('/') + 1);
  if (name == "IPaddr") return Flavour::ipaddr;
  if (name == "IPv6addr") return Flavour::ipv6addr;
  return Flavour::ipaddr2;
}

std::string_view name_of(Flavour flavour) {
  switch (flavour) {
    case Flavour::ipaddr: return "IPaddr";
    case Flavour::ipv6addr: return "IPv6addr";
    case Flavour::ipaddr2: break;
  }
  return "IPaddr2";
}

Result<ServiceAddress> parse_service_address(std::string_view text, Flavour flavour) {
  if (text.size() > argument_bytes) return bad("the argument is longer than 200 characters");
  const auto parts = split(text);
  if (parts.size() > parts_at_most) return bad("too many '/'");
  ServiceAddress parsed;
  const auto address = os::parse_ip(parts[0]);
  if (!address) return bad(address.error().text);
  parsed.address = *address;
  if (auto right = right_family(parsed, flavour); !right) return right.error();
  if (parts.size() > 1 && !parts[1].empty()) {
    const auto bits = parse_bits(parts[1], parsed.address);
    if (!bits) return bits.error();
    parsed.bits = *bits;
  }
  if (parts.size() > 2 && !parts[2].empty()) {
    // "ip/bits/broadcast": the third part is an address; no interface is called like one
    const bool is_broadcast = parts.size() == 3 && os::parse_ip(parts[2]).has_value();
    auto done = is_broadcast ? parse_broadcast(parts[2], parsed)
                             : parse_interface(parts[2], flavour, parsed);
    if (!done) return done.error();
  }
  if (parts.size() > 3 && !parts[3].empty())
    if (auto done = parse_broadcast(parts[3], parsed); !done) return done.error();
  return parsed;
}

std::optional<IpAddress> broadcast_of(const IpAddress& address, PrefixBits bits) {
  constexpr unsigned smallest_with_broadcast = 30;
  if (address.family != Family::v4 || bits.value > smallest_with_broadcast) return {};
  IpAddress result = address;
  for (unsigned bit = bits.value; bit < address.bits(); ++bit)
    result.bytes[bit / 8] |= static_cast<std::uint8_t>(0x80U >> bit % 8);
  return result;
}

bool same_network(const IpAddress& one, const IpAddress& other, PrefixBits bits) {
  if (one.family != other.family) return false;
  for (unsigned bit = 0; bit < bits.value; ++bit) {
    const unsigned differs = static_cast<unsigned>(one.bytes[bit / 8] ^ other.bytes[bit / 8]);
    if ((differs & 0x80U >> bit % 8) != 0) return false;
  }
  return true;
}

}  // namespace hb::scripts
