// socket_test: media sockets on loopback, and batches with the kernel's receive stamps
#include "os/clock.hpp"
#include "os/socket.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <poll.h>
#include <sys/socket.h>

using namespace hb::os;
using hb::core::as_bytes;
using hb::core::as_text;

namespace {

/// A port of the kernel's choice that is free now.
std::uint16_t free_port() {
  const Fd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  socklen_t size = sizeof address;
  REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  return ntohs(address.sin_port);
}

int option(const Fd& socket, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  REQUIRE(::getsockopt(socket.get(), level, name, &value, &size) == 0);
  return value;
}

struct Link {
  Fd receiver, sender;
};

Link ucast() {
  const std::uint16_t port = free_port();
  UdpReceiver to;
  to.interface = "lo";
  to.port = port;
  to.device = DeviceBinding::bind;
  to.sharing = PortSharing::share;
  UdpSender from;
  from.interface = "lo";
  from.address = "127.0.0.1";
  from.port = port;
  from.device = DeviceBinding::bind;
  from.sharing = PortSharing::share;
  from.type_of_service = IPTOS_LOWDELAY;
  auto receiver = open_udp_receiver(to);
  auto sender = open_udp_sender(from);
  REQUIRE(receiver.has_value());
  REQUIRE(sender.has_value());
  return {std::move(*receiver), std::move(*sender)};
}

std::size_t receive(ReceiveBatch& batch, const Fd& socket) {
  pollfd waiting{socket.get(), POLLIN, 0};
  ::poll(&waiting, 1, 5000);
  const auto count = batch.receive(socket.get());
  REQUIRE(count.has_value());
  return *count;
}

void send(const Fd& socket, std::string_view text) {
  SendBatch batch;
  REQUIRE(batch.add(as_bytes(text)) == SendBatch::Added::yes);
  CHECK(batch.flush(socket.get()) == 1);
  CHECK(batch.empty());
}

}  // namespace

TEST_CASE("options of unicast sockets are those of wire-protocol section 4") {
  const Link link = ucast();
  CHECK(option(link.receiver, SOL_SOCKET, SO_REUSEADDR) == 1);
  CHECK(option(link.receiver, SOL_SOCKET, SO_REUSEPORT) == 1);
  CHECK(option(link.sender, SOL_SOCKET, SO_REUSEPORT) == 1);
  CHECK(option(link.sender, IPPROTO_IP, IP_TOS) == 0x10);
  char device[32] = {};
  socklen_t size = sizeof device;
  REQUIRE(::getsockopt(link.sender.get(), SOL_SOCKET, SO_BINDTODEVICE, device, &size) == 0);
  CHECK(std::string{device} == "lo");
  CHECK((::fcntl(link.receiver.get(), F_GETFL) & O_NONBLOCK) != 0);
  CHECK((::fcntl(link.sender.get(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("a batch carries many datagrams, each with the time of its arrival") {
  const Link link = ucast();
  ReceiveBatch in;
  CHECK(*in.receive(link.receiver.get()) == 0);
  SendBatch out;
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < batch_datagrams; ++i) {
    texts.push_back(std::string(i * 40, 'x') + "end");
  }
  for (const auto& text : texts) REQUIRE(out.add(as_bytes(text)) == SendBatch::Added::yes);
  CHECK(out.add(as_bytes("one more")) == SendBatch::Added::full);
  const auto before = instant_now();
  CHECK(out.flush(link.sender.get()) == batch_datagrams);
  const auto after = instant_now();
  REQUIRE(receive(in, link.receiver) == batch_datagrams);
  for (std::size_t i = 0; i < batch_datagrams; ++i) {
    CHECK(as_text(in[i].bytes) == texts[i]);
    // The two clocks are not read at the same nanosecond.
    CHECK(in[i].time >= before - std::chrono::milliseconds{1});
    CHECK(in[i].time <= after + std::chrono::milliseconds{1});
  }
  CHECK(in.kernel_drops() == 0);
}

TEST_CASE("the largest datagram passes whole") {
  const Link link = ucast();
  const std::string text(hb::core::limits::datagram_bytes, 'x');
  send(link.sender, text);
  ReceiveBatch in;
  REQUIRE(receive(in, link.receiver) == 1);
  CHECK(as_text(in[0].bytes) == text);
}

TEST_CASE("a datagram that is too long is counted as not sent, the others go") {
  const Link link = ucast();
  SendBatch out;
  REQUIRE(out.add(as_bytes("first")) == SendBatch::Added::yes);
  REQUIRE(out.add(as_bytes(std::string(66'000, 'x'))) == SendBatch::Added::yes);
  REQUIRE(out.add(as_bytes("last")) == SendBatch::Added::yes);
  CHECK(out.flush(link.sender.get()) == 2);
  CHECK(out.last_errno() == EMSGSIZE);
  ReceiveBatch in;
  REQUIRE(receive(in, link.receiver) == 2);
  CHECK(as_text(in[1].bytes) == "last");
}

TEST_CASE("a peer that does not listen costs no datagram once it does") {
  const std::uint16_t port = free_port();
  UdpSender from;
  from.address = "127.0.0.1";
  from.port = port;
  auto sender = open_udp_sender(from);
  REQUIRE(sender.has_value());
  SendBatch out;
  for (int i = 0; i < 5; ++i) {
    REQUIRE(out.add(as_bytes("into the void")) == SendBatch::Added::yes);
    (void)out.flush(sender->get());  // the refusals come back as errors of later ones
  }
  UdpReceiver to;
  to.port = port;
  auto receiver = open_udp_receiver(to);
  REQUIRE(receiver.has_value());
  send(*sender, "heard");
  ReceiveBatch in;
  REQUIRE(receive(in, *receiver) == 1);
  CHECK(as_text(in[0].bytes) == "heard");
}

TEST_CASE("datagrams that the kernel dropped are counted") {
  const std::uint16_t port = free_port();
  UdpReceiver to;
  to.port = port;
  to.buffer_bytes = 4096;
  UdpSender from;
  from.address = "127.0.0.1";
  from.port = port;
  auto receiver = open_udp_receiver(to);
  auto sender = open_udp_sender(from);
  REQUIRE(receiver.has_value());
  REQUIRE(sender.has_value());
  SendBatch out;
  for (int i = 0; i < 200; ++i) {
    REQUIRE(out.add(as_bytes(std::string(1000, 'x'))) == SendBatch::Added::yes);
    (void)out.flush(sender->get());
  }
  ReceiveBatch in;
  std::size_t received = 0;
  while (const std::size_t count = *in.receive(receiver->get())) received += count;
  CHECK(received < 200);
  // The count comes with the first datagram after the loss.
  REQUIRE(out.add(as_bytes("after")) == SendBatch::Added::yes);
  CHECK(out.flush(sender->get()) == 1);
  REQUIRE(receive(in, *receiver) == 1);
  CHECK(in.kernel_drops() == 200 - received);
}

TEST_CASE("multicast to ourselves, by the loop option") {
  const std::uint16_t port = free_port();
  UdpReceiver to;
  to.interface = "lo";
  to.address = "239.1.2.3";
  to.port = port;
  UdpSender from;
  from.interface = "lo";
  from.address = "239.1.2.3";
  from.port = port;
  from.hops = 2;
  from.loopback = Loopback::on;
  auto receiver = open_udp_receiver(to);
  auto sender = open_udp_sender(from);
  REQUIRE(receiver.has_value());
  REQUIRE(sender.has_value());
  CHECK(option(*sender, IPPROTO_IP, IP_MULTICAST_TTL) == 2);
  CHECK(option(*sender, IPPROTO_IP, IP_MULTICAST_LOOP) == 1);
  send(*sender, "to all");
  ReceiveBatch in;
  REQUIRE(receive(in, *receiver) == 1);
  CHECK(as_text(in[0].bytes) == "to all");

  from.loopback = Loopback::off;
  auto silent = open_udp_sender(from);
  REQUIRE(silent.has_value());
  CHECK(option(*silent, IPPROTO_IP, IP_MULTICAST_LOOP) == 0);
}

TEST_CASE("an IPv6 receiver hears neither IPv4 nor groups that only others joined") {
  UdpReceiver to;
  to.family = Family4or6::v6;
  to.interface = "lo";
  to.group = "ff15::77:1";
  to.port = free_port();
  const auto receiver = open_udp_receiver(to);
  REQUIRE(receiver.has_value());
  CHECK(option(*receiver, IPPROTO_IPV6, IPV6_V6ONLY) == 1);
  CHECK(option(*receiver, IPPROTO_IPV6, IPV6_MULTICAST_ALL) == 0);
}

TEST_CASE("a connected socket tells its ends") {
  const Link link = ucast();
  CHECK(text_of(ends_of(link.sender.get()).own) == "127.0.0.1");
  CHECK(text_of(ends_of(link.sender.get()).peer) == "127.0.0.1");
  CHECK(ends_of(link.receiver.get()).peer == hb::os::IpAddress{});
}

TEST_CASE("names of hosts are looked up when asked to, and only then") {
  CHECK(*look_up_ipv4("127.0.0.1") == "127.0.0.1");
  CHECK(look_up_ipv4("no.such.host.invalid").error().text.find("/etc/hosts") != std::string::npos);
  UdpSender from;
  from.interface = "lo";
  from.address = "localhost";
  CHECK_FALSE(open_udp_sender(from).has_value());
}

TEST_CASE("errors name what is wrong") {
  UdpReceiver to;
  to.interface = "no-such0";
  to.device = DeviceBinding::bind;
  CHECK(open_udp_receiver(to).error().text.find("no-such0") != std::string::npos);
  UdpSender from;
  from.interface = "no-such0";
  CHECK(open_udp_sender(from).error().text ==
        "no broadcast address of interface no-such0; give it an IPv4 address: No such device");
  from.address = "300.1.1.1";
  CHECK(open_udp_sender(from).error().text.find("300.1.1.1") != std::string::npos);
  from.address = "239.1.1.1";
  CHECK(open_udp_sender(from).error().text == "no interface no-such0: No such device");
  CHECK(broadcast_address("lo").error().text.find("interface lo") != std::string::npos);
}

TEST_CASE("kernel stamps become instants, and nonsense becomes the time of the look") {
  StampClock clock;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  clock.refresh();
  const auto age = clock.refreshed() - clock.instant_of(now);
  CHECK(age >= hb::core::Duration::zero());
  CHECK(age < std::chrono::seconds{1});
  timespec earlier = now;
  earlier.tv_sec -= 5;
  CHECK(clock.refreshed() - clock.instant_of(earlier) >= std::chrono::seconds{5});
  CHECK(clock.instant_of({now.tv_sec + 100, 0}) == clock.refreshed());
  CHECK(clock.instant_of({now.tv_sec - 1000, 0}) == clock.refreshed());
}
