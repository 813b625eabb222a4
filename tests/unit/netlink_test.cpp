// netlink_test: addresses, links and their changes, in a network namespace of the test's own
#include "os/netlink.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

using namespace hb::os;

namespace {

/// A fresh network namespace, with `lo` only and that down, until the end of the scope.
class OwnNetwork {
 public:
  OwnNetwork() : before_(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) {
    entered_ = before_ && ::unshare(CLONE_NEWNET) == 0;
  }
  ~OwnNetwork() {
    if (entered_) REQUIRE(::setns(before_.get(), CLONE_NEWNET) == 0);
  }
  OwnNetwork(const OwnNetwork&) = delete;
  OwnNetwork& operator=(const OwnNetwork&) = delete;
  [[nodiscard]] bool entered() const { return entered_; }

 private:
  Fd before_;
  bool entered_ = false;
};

constexpr InterfaceIndex loopback{1};

NewAddress on_loopback(const char* text, std::uint8_t bits) {
  return {*parse_ip(text), PrefixBits{bits}, loopback, std::nullopt, {}};
}

bool has(Netlink& netlink, const char* text) {
  const auto held = netlink.addresses();
  REQUIRE(held.has_value());
  return std::any_of(held->begin(), held->end(), [&](const HeldAddress& entry) {
    return entry.address == *parse_ip(text) && entry.interface == loopback;
  });
}

}  // namespace

TEST_CASE("an interface is found by name and by number, or not") {
  auto netlink = Netlink::open();
  REQUIRE(netlink.has_value());
  const auto by_name = netlink->interface("lo");
  REQUIRE(by_name.has_value());
  REQUIRE(by_name->has_value());
  CHECK((*by_name)->index == loopback);
  CHECK_FALSE((*by_name)->hardware.has_value());
  const auto by_number = netlink->interface(loopback);
  REQUIRE(by_number.has_value());
  REQUIRE(by_number->has_value());
  CHECK((*by_number)->name == "lo");
  for (const char* name : {"", "no-such-nic", "a-name-that-is-much-too-long"}) {
    const auto missing = netlink->interface(name);
    REQUIRE(missing.has_value());
    CHECK_FALSE(missing->has_value());
  }
  const auto all = netlink->interfaces();
  REQUIRE(all.has_value());
  CHECK(std::any_of(all->begin(), all->end(), [](const auto& one) { return one.name == "lo"; }));
}

TEST_CASE("an address is added once, dropped once, and the watch tells both") {
  const OwnNetwork network;
  if (!network.entered()) {
    MESSAGE("needs root for a network namespace; not tested");
    return;
  }
  auto netlink = Netlink::open();
  auto watch = NetworkWatch::open();
  REQUIRE(netlink.has_value());
  REQUIRE(watch.has_value());
  CHECK(watch->read()->empty());
  // The kernel tells of an IPv6 address from a work queue, and not at all if it is dropped before:
  // each event is waited for. Two seconds are far beyond its delay.
  std::vector<NetworkEvent> events;
  const auto next_event = [&] {
    for (int waited = 0; events.empty() && waited < 200; ++waited) {
      const auto more = watch->read();
      REQUIRE(more.has_value());
      events.insert(events.end(), more->begin(), more->end());
      if (events.empty()) ::usleep(10'000);
    }
    REQUIRE_FALSE(events.empty());
    const NetworkEvent event = events.front();
    events.erase(events.begin());
    CHECK(event.interface == loopback);
    return event.kind;
  };
  for (const char* text : {"10.99.0.1", "fd99::1"}) {
    CAPTURE(text);
    const auto address = on_loopback(text, text[0] == 'f' ? 64 : 24);
    CHECK_FALSE(has(*netlink, text));
    CHECK(netlink->add(address).value() == Change::made);
    CHECK(netlink->add(address).value() == Change::none);
    CHECK(has(*netlink, text));
    CHECK(next_event() == NetworkEvent::Kind::address_added);
    const HeldAddress held{address.address, address.bits, loopback, {}, false, false};
    CHECK(netlink->drop(held).value() == Change::made);
    CHECK(netlink->drop(held).value() == Change::none);
    CHECK_FALSE(has(*netlink, text));
    CHECK(next_event() == NetworkEvent::Kind::address_removed);
  }
}

TEST_CASE("without a route there is none, and a missing interface is an error with its number") {
  const OwnNetwork network;
  if (!network.entered()) {
    MESSAGE("needs root for a network namespace; not tested");
    return;
  }
  auto netlink = Netlink::open();
  REQUIRE(netlink.has_value());
  for (const char* text : {"10.99.0.1", "fd99::1"}) {
    const auto route = netlink->route_to(*parse_ip(text), std::nullopt);
    REQUIRE(route.has_value());
    CHECK_FALSE(route->has_value());
  }
  auto nowhere = on_loopback("10.99.0.1", 24);
  nowhere.interface = InterfaceIndex{999};
  const auto refused = netlink->add(nowhere);
  REQUIRE(refused.has_error());
  CHECK(refused.error().os_error == ENODEV);
  CHECK(refused.error().text.find("add 10.99.0.1/24") == 0);
}
