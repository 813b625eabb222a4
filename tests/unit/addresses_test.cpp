// addresses_test: the guardian, in a network namespace of its own
#include "status/addresses.hpp"

#include "tests/unit/runner_lab.hpp"

#include <doctest/doctest.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

using namespace hb;
using hb::test::content_of;
using hb::test::holds_within;
using hb::test::RunnerLab;
using ipc::RecordType;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// A network namespace with the pair of interfaces v0 (ours) and v1 (the neighbour's); it is gone
/// with the last process in it.
class Network {
 public:
  Network() : home_(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) {
    is_separate_ = ::unshare(CLONE_NEWNET) == 0;
    REQUIRE(is_separate_);
    ip("link add v0 type veth peer name v1");
    ip("link set v0 up");
    ip("link set v1 up");
  }
  ~Network() {
    if (is_separate_) (void)!::setns(home_.get(), CLONE_NEWNET);
  }
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  static void ip(const std::string& command) {
    REQUIRE(std::system(("ip " + command).c_str()) == 0);
  }

 private:
  os::Fd home_;
  bool is_separate_ = false;
};

/// v1 moves into a network namespace of its own: another machine.
class Neighbour {
 public:
  Neighbour() : keeper_(::fork()) {
    if (keeper_ == 0) {
      ::unshare(CLONE_NEWNET);
      for (;;) ::pause();
    }
    const auto link = [](pid_t pid) {
      return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/ns/net");
    };
    REQUIRE(holds_within(seconds{10}, [&] { return link(keeper_) != link(::getpid()); }));
    Network::ip("link set v1 netns " + std::to_string(keeper_));
    ip("link set v1 up");
  }
  ~Neighbour() {
    ::kill(keeper_, SIGKILL);
    ::waitpid(keeper_, nullptr, 0);
  }
  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;

  void ip(const std::string& command) const {
    const auto where = "nsenter --net=/proc/" + std::to_string(keeper_) + "/ns/net ";
    REQUIRE(std::system((where + "ip " + command).c_str()) == 0);
  }

 private:
  pid_t keeper_;
};

bool has_address(const std::string& text) {
  auto netlink = os::Netlink::open();
  REQUIRE(netlink.has_value());
  const auto held = netlink->addresses();
  REQUIRE(held.has_value());
  const auto address = os::parse_ip(text);
  return std::ranges::find(*held, *address, &os::HeldAddress::address) != held->end();
}

void hold(RunnerLab& lab, const std::vector<std::pair<std::string, std::string>>& addresses) {
  core::Message message;
  for (const auto& [address, group] : addresses) {
    message.add("address", address);
    message.add("group", group);
  }
  lab.send(RecordType::holdings, message);
}

/// So that what was sent before has been taken.
void settle(RunnerLab& lab, std::uint64_t ticket) {
  REQUIRE(lab.run_to_end({ticket, "settle", "none"}) == "missing 0");
}

/// Frames of one protocol that arrive at v1.
class Listener {
 public:
  explicit Listener(std::uint16_t protocol)
      : socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(protocol))) {
    REQUIRE(socket_.valid());
    sockaddr_ll where{};
    where.sll_family = AF_PACKET;
    where.sll_protocol = htons(protocol);
    where.sll_ifindex = static_cast<int>(::if_nametoindex("v1"));
    REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) == 0);
  }
  /// The next frame that contains `bytes`.
  [[nodiscard]] bool hears(const std::string& bytes) const {
    std::array<char, 2048> frame;
    for (;;) {
      const ssize_t size = ::recv(socket_.get(), frame.data(), frame.size(), 0);
      if (size < 0 && errno == ENETDOWN) continue;  // told once when the interface went down
      if (size <= 0) return false;
      if (std::string_view(frame.data(), static_cast<std::size_t>(size)).find(bytes) !=
          std::string_view::npos)
        return true;
    }
  }

 private:
  os::Fd socket_;
};

}  // namespace

TEST_CASE("an address is read from the front of a resource's argument") {
  CHECK(status::address_of("10.0.0.1").has_value());
  CHECK(status::address_of("10.0.0.1/24/eth0") == status::address_of("10.0.0.1"));
  CHECK(status::address_of("fd00::1/64").has_value());
  CHECK_FALSE(status::address_of("").has_value());
  CHECK_FALSE(status::address_of("/24").has_value());
  CHECK_FALSE(status::address_of("www.example.com").has_value());
}

TEST_CASE("an address that somebody else removes is reported once, with its group") {
  const Network network;
  network.ip("addr add 10.9.9.9/24 dev v0");
  RunnerLab lab;
  lab.start_configured();
  hold(lab, {{"10.9.9.9/24/v0", "3"}, {"10.9.9.10", "4"}, {"nonsense", "5"}});
  settle(lab, 1);
  network.ip("addr del 10.9.9.9/24 dev v0");
  const auto* lost = lab.await(RecordType::address_lost, "group", "3");
  REQUIRE(lost != nullptr);
  CHECK(lost->text_or_empty("address") == "10.9.9.9/24/v0");
  const auto text = lost->text_or_empty("text");
  // The process that did it may have ended by the time we look.
  const std::string said = "Service address 10.9.9.9/24/v0 was removed by somebody else (";
  CHECK(text.starts_with(said + "probably by process ") !=
        text.starts_with(said + "by a process that has ended since, probably number "));
  // It comes back and goes again: told again, and nothing is told of the address never here.
  lab.received.clear();
  network.ip("addr add 10.9.9.9/24 dev v0");
  network.ip("addr del 10.9.9.9/24 dev v0");
  CHECK(lab.await(RecordType::address_lost, "group", "3") != nullptr);
  CHECK(lab.find(RecordType::address_lost, "group", "4") == nullptr);
}

TEST_CASE("an address that moves, or that our own script drops, is not missed") {
  const Network network;
  network.ip("addr add 10.9.9.9/24 dev v0");
  RunnerLab lab;
  lab.folder.write("resource.d/a", "#!/bin/sh\nip addr del 10.9.9.9/24 dev v1\n", 0755);
  lab.environment = {"PATH=/usr/sbin:/sbin:/usr/bin:/bin"};
  lab.start_configured();
  hold(lab, {{"10.9.9.9", "0"}});
  settle(lab, 1);
  network.ip("addr add 10.9.9.9/24 dev v1");
  network.ip("addr del 10.9.9.9/24 dev v0");
  const auto quiet_until = os::instant_now() + milliseconds{400};
  lab.wait_for([&] { return os::instant_now() > quiet_until; });
  CHECK(lab.find(RecordType::address_lost, "group", "0") == nullptr);
  CHECK(lab.run_to_end({2, "k", "a", "stop"}) == "exited 0");
  CHECK_FALSE(has_address("10.9.9.9"));
  const auto end = os::instant_now() + milliseconds{400};
  lab.wait_for([&] { return os::instant_now() > end; });
  CHECK(lab.find(RecordType::address_lost, "group", "0") == nullptr);
}

TEST_CASE("when the cable comes back, held addresses are announced again") {
  const Network network;
  network.ip("addr add 10.9.9.9/24 dev v0");
  network.ip("addr add fd99::9/64 dev v0 nodad");
  RunnerLab lab;
  lab.start_configured();
  hold(lab, {{"10.9.9.9/24", "0"}, {"fd99::9", "1"}});
  settle(lab, 1);
  const Listener arp(ETH_P_ARP), v6(ETH_P_IPV6);
  network.ip("link set v1 down");
  network.ip("link set v1 up");
  const std::string address{"\x0a\x09\x09\x09", 4};
  // Neighbour advertisement (136) of the address, after type, code, checksum and flags
  const std::string target{"\xfd\x99\0\0\0\0\0\0\0\0\0\0\0\0\0\x09", 16};
  for (int repeat = 0; repeat < 2; ++repeat)
    CHECK(holds_within(seconds{5}, [&] { return arp.hears(address); }));
  CHECK(holds_within(seconds{5}, [&] { return v6.hears(target); }));
}

TEST_CASE("a dead interface is told for all groups that need it, also for those not held here") {
  const Network network;
  network.ip("addr add 10.9.9.1/24 dev v0");
  RunnerLab lab;
  lab.start_configured();
  core::Message message;
  for (const auto& [address, group] : {std::pair{"10.9.9.9/24/v0:x", "0"}, {"10.9.9.8", "1"},
                                       {"fd99::9/64/none", "2"}, {"nonsense", "3"},
                                       {"10.9.9.7/24/lo", "4"}}) {
    message.add("address", address);
    message.add("group", group);
  }
  network.ip("link set lo up");
  lab.send(RecordType::service_paths, message);
  const auto bad = [&] {
    std::string groups;
    const core::Message* last = nullptr;
    for (const auto& each : lab.received)
      if (each.type == RecordType::paths_seen) last = &each.message;
    for (std::size_t i = 0; last != nullptr && i < last->size(); ++i)
      groups += std::string{(*last)[i].value};
    return last != nullptr ? groups : "not told";
  };
  CHECK(lab.wait_for([&] { return bad() == "2"; }));
  network.ip("link set v1 down");  // no carrier, no route
  CHECK(lab.wait_for([&] { return bad() == "012"; }));
  network.ip("link set v1 up");
  CHECK(lab.wait_for([&] { return bad() == "2"; }));
  network.ip("link del v0");
  CHECK(lab.wait_for([&] { return bad() == "012"; }));
}

TEST_CASE("a neighbour that has an address answers when it is asked for, and nobody else") {
  const Network network;
  const Neighbour neighbour;
  network.ip("addr add 10.9.9.1/24 dev v0");
  neighbour.ip("addr add 10.9.9.9/24 dev v1");
  neighbour.ip("addr add fd99::9/64 dev v1 nodad");
  RunnerLab lab;
  lab.start_configured();
  // IPv6 asks from the link-local address, which the kernel takes a second or two to make sure of.
  const auto ask = [&](const std::string& group, const std::vector<std::string>& addresses) {
    core::Message message;
    message.add("group", group);
    for (const std::string& address : addresses) message.add("address", address);
    lab.send(RecordType::probe_addresses, message);
  };
  ask("0", {"10.9.9.9/24/v0", "10.9.9.8/24/v0", "10.9.9.1", "nonsense"});
  const auto* answer = lab.await(RecordType::address_answered, "group", "0");
  REQUIRE(answer != nullptr);
  CHECK(answer->text_or_empty("address") == "10.9.9.9/24/v0");
  CHECK(answer->text_or_empty("text").starts_with("10.9.9.9/24/v0 from "));
  CHECK(holds_within(seconds{10}, [&] {
    ask("1", {"fd99::9/64/v0"});
    const auto end = os::instant_now() + milliseconds{600};
    return lab.wait_for([&] {
      return lab.find(RecordType::address_answered, "group", "1") != nullptr ||
             os::instant_now() > end;
    }) && lab.find(RecordType::address_answered, "group", "1") != nullptr;
  }));
  lab.received.clear();
  ask("2", {"10.9.9.8/24/v0", "10.9.9.1"});
  const auto end = os::instant_now() + milliseconds{700};
  lab.wait_for([&] { return os::instant_now() > end; });
  CHECK(lab.find(RecordType::address_answered, "group", "2") == nullptr);
}

TEST_CASE("held addresses are announced again at each interval") {
  const Network network;
  network.ip("addr add 10.9.9.9/24 dev v0");
  RunnerLab lab;
  lab.announce = 1000;
  lab.start_configured();
  hold(lab, {{"10.9.9.9/24", "0"}});
  settle(lab, 1);
  const Listener arp(ETH_P_ARP);
  const std::string address{"\x0a\x09\x09\x09", 4};
  for (int repeat = 0; repeat < 4; ++repeat)
    CHECK(holds_within(seconds{5}, [&] { return arp.hears(address); }));
}

TEST_CASE("addresses that are left over after a release are dropped") {
  const Network network;
  network.ip("addr add 10.9.9.1/24 dev v0");
  network.ip("addr add 10.9.9.9/24 dev v0");
  RunnerLab lab;
  lab.folder.write("resource.d/a", "#!/bin/sh\nexit 0\n", 0755);  // stops nothing
  lab.start_configured();
  lab.run_to_end({1});
  hold(lab, {{"10.9.9.9/24", "0"}});
  settle(lab, 2);
  lab.lose_master();
  CHECK(lab.exit_code() == 0);
  CHECK_FALSE(has_address("10.9.9.9"));
  CHECK(has_address("10.9.9.1"));
}
