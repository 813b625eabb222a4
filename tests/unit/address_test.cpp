// address_test: the argument of IPaddr, IPaddr2 and IPv6addr
#include "scripts/resource.d/address.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace hb;
using scripts::Flavour;
using scripts::parse_service_address;

namespace {

scripts::ServiceAddress good(std::string_view text, Flavour flavour = Flavour::ipaddr2) {
  auto parsed = parse_service_address(text, flavour);
  REQUIRE_MESSAGE(parsed.has_value(), std::string(text));
  return *parsed;
}

std::string complaint(std::string_view text, Flavour flavour = Flavour::ipaddr2) {
  const auto parsed = parse_service_address(text, flavour);
  REQUIRE_MESSAGE(parsed.has_error(), std::string(text));
  return parsed.error().text;
}

bool mentions(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

os::IpAddress ip(std::string_view text) { return *os::parse_ip(text); }

}  // namespace

TEST_CASE("a bare address leaves prefix, interface and broadcast to be derived") {
  const auto parsed = good("10.77.0.100");
  CHECK(text_of(parsed.address) == "10.77.0.100");
  CHECK_FALSE(parsed.bits.has_value());
  CHECK(parsed.interface.empty());
  CHECK(parsed.label.empty());
  CHECK_FALSE(parsed.broadcast.has_value());
}

TEST_CASE("prefix, interface, label and broadcast are taken in today's order") {
  const auto parsed = good("10.77.0.100/24/eth0.5:web/10.77.0.255");
  CHECK(parsed.bits->value == 24);
  CHECK(parsed.interface == "eth0.5");
  CHECK(parsed.label == "eth0.5:web");
  CHECK(parsed.broadcast == ip("10.77.0.255"));
}

TEST_CASE("a third part that is an address is the broadcast address") {
  const auto parsed = good("10.77.0.100/24/10.77.0.127");
  CHECK(parsed.interface.empty());
  CHECK(parsed.broadcast == ip("10.77.0.127"));
}

TEST_CASE("IPaddr ignores the label, IPaddr2 keeps it") {
  CHECK(good("10.0.0.1/24/eth0:7", Flavour::ipaddr).label.empty());
  CHECK(good("10.0.0.1/24/eth0:7", Flavour::ipaddr).interface == "eth0");
  CHECK(good("10.0.0.1/24/eth0:7", Flavour::ipaddr2).label == "eth0:7");
}

TEST_CASE("a dotted netmask is a prefix length too, if its ones stand on the left") {
  CHECK(good("10.0.0.1/255.255.240.0/eth0").bits->value == 20);
  CHECK(good("10.0.0.1/255.255.255.255").bits->value == 32);
  CHECK(mentions(complaint("10.0.0.1/255.0.255.0"), "'255.0.255.0' is not a netmask"));
  CHECK(mentions(complaint("10.0.0.1/0.0.0.0"), "not a netmask"));
}

TEST_CASE("empty parts count as left out") {
  const auto parsed = good("10.0.0.1//eth0/");
  CHECK_FALSE(parsed.bits.has_value());
  CHECK(parsed.interface == "eth0");
  CHECK_FALSE(parsed.broadcast.has_value());
}

TEST_CASE("IPv6 addresses have prefixes to 128 and no broadcast") {
  const auto parsed = good("fd77::100/64/eth0");
  CHECK(text_of(parsed.address) == "fd77::100");
  CHECK(parsed.bits->value == 64);
  CHECK(good("fd77::1/128", Flavour::ipv6addr).bits->value == 128);
  CHECK(good("fd77::1/64/eth0:1").label.empty());
  CHECK(mentions(complaint("fd77::1/64/eth0/10.0.0.255"), "IPv6 has no broadcast"));
  CHECK(mentions(complaint("fd77::1/129"), "from 1 to 128"));
}

TEST_CASE("each name takes its own family") {
  CHECK(mentions(complaint("fd77::1", Flavour::ipaddr), "use IPaddr2 or IPv6addr"));
  CHECK(mentions(complaint("10.0.0.1", Flavour::ipv6addr), "use IPaddr2"));
}

TEST_CASE("a wrong argument is refused with its part and the right form") {
  CHECK(mentions(complaint(""), "'' is not an IP address"));
  CHECK(mentions(complaint("10.0.0.300"), "'10.0.0.300' is not an IP address"));
  CHECK(mentions(complaint("10.0.0.1/33/eth0"), "'33' is no prefix length from 1 to 32"));
  for (const auto* bits : {"0", "-1", "+8", "2x", "256", "99999999999", " 24"})
    CHECK(mentions(complaint(std::string("10.0.0.1/") + bits), "no prefix length"));
  CHECK(mentions(complaint("10.0.0.1/24/interface-too-long"), "not an interface name"));
  CHECK(mentions(complaint("10.0.0.1/24/:web"), "not an interface name"));
  CHECK(mentions(complaint("10.0.0.1/24/eth0\n"), "not an interface name"));
  CHECK(mentions(complaint("10.0.0.1/24/eth0:0123456789ab"), "longer than 15"));
  CHECK(mentions(complaint("10.0.0.1/24/eth0/x"), "not a broadcast address"));
  CHECK(mentions(complaint("10.0.0.1/24/eth0/10.0.0.255/x"), "too many '/'"));
  CHECK(mentions(complaint("10.0.0.1/33"), "write ip[/bits"));
  CHECK(mentions(complaint(std::string(5000, '1')), "longer than 200"));
}

TEST_CASE("an address that is no single host's is refused") {
  CHECK(mentions(complaint("224.0.0.18/24/eth0"), "multicast"));
  CHECK(mentions(complaint("255.255.255.255/24/eth0"), "multicast"));
  CHECK(mentions(complaint("ff02::1/64/eth0"), "multicast"));
  CHECK(mentions(complaint("0.0.0.0/24/eth0"), "all zeros"));
  CHECK(mentions(complaint("::/64/eth0"), "all zeros"));
}

TEST_CASE("the broadcast address has all host bits set, where there is one") {
  const auto text = [](std::string_view address, std::uint8_t bits) {
    const auto found = scripts::broadcast_of(ip(address), os::PrefixBits{bits});
    return found ? text_of(*found) : std::string("none");
  };
  CHECK(text("10.77.0.100", 24) == "10.77.0.255");
  CHECK(text("10.77.17.100", 20) == "10.77.31.255");
  CHECK(text("10.77.0.5", 30) == "10.77.0.7");
  CHECK(text("10.77.0.5", 31) == "none");
  CHECK(text("10.77.0.5", 32) == "none");
  CHECK(text("fd77::1", 64) == "none");
}

TEST_CASE("two addresses are in one network if the prefix bits agree") {
  const auto same = [](std::string_view one, std::string_view other, std::uint8_t bits) {
    return scripts::same_network(ip(one), ip(other), os::PrefixBits{bits});
  };
  CHECK(same("10.77.0.1", "10.77.0.200", 24));
  CHECK_FALSE(same("10.77.0.1", "10.77.0.200", 25));
  CHECK_FALSE(same("10.77.0.1", "10.77.1.1", 24));
  CHECK(same("fd77::1", "fd77::ffff:1", 64));
  CHECK_FALSE(same("fd77::1", "fd77:0:0:1::1", 64));
  CHECK_FALSE(same("10.0.0.1", "fd77::1", 1));
}

TEST_CASE("the program's name decides its behaviour") {
  CHECK(scripts::flavour_of("/etc/ha.d/resource.d/IPaddr") == Flavour::ipaddr);
  CHECK(scripts::flavour_of("IPv6addr") == Flavour::ipv6addr);
  CHECK(scripts::flavour_of("./IPaddr2") == Flavour::ipaddr2);
  CHECK(scripts::flavour_of("build/service-address") == Flavour::ipaddr2);
}
