// echo_test: echo requests and replies byte for byte, their sockets, and which answers count
#include "os/echo.hpp"
#include "os/socket.hpp"
#include "readers/echoes.hpp"

#include <doctest/doctest.h>

#include <string>

#include <poll.h>

using namespace hb::os;
using hb::core::as_bytes;
using hb::core::as_text;
using hb::core::Message;
using hb::readers::Echoes;

namespace {

IpAddress address(std::string_view text) {
  const auto parsed = parse_ip(text);
  REQUIRE(parsed.has_value());
  return *parsed;
}

/// The answer to a request, as a raw IPv4 socket delivers it: with an IP header of 24 bytes.
std::string reply_to(std::string request) {
  request[0] = 0;
  std::string header(24, '\0');
  header[0] = 0x46;
  return header + request;
}

/// Waits for one datagram; empty if none comes in a second.
std::string receive(const Fd& socket, ReceiveBatch& batch) {
  pollfd wait{socket.get(), POLLIN, 0};
  if (::poll(&wait, 1, 1000) != 1) return {};
  const auto count = batch.receive(socket.get());
  REQUIRE(count.has_value());
  REQUIRE(*count > 0);
  return std::string{as_text(batch[0].bytes)};
}

}  // namespace

TEST_CASE("an echo request has RFC 792's header and checksum, for odd and even payloads") {
  std::string request;
  make_echo_request(Family::v4, 0x1234, 0xfffe, as_bytes("abc"), request);
  // 0800 + 1234 + fffe + 6162 + 6300 = 1de94, folded de95, its complement 216a
  CHECK(request == std::string{"\x08\x00\x21\x6a\x12\x34\xff\xfe" "abc", 11});
  make_echo_request(Family::v4, 1, 0, as_bytes("abcd"), request);
  CHECK(request == std::string{"\x08\x00\x33\x38\x00\x01\x00\x00" "abcd", 12});
  make_echo_request(Family::v6, 1, 2, as_bytes("abcd"), request);
  CHECK(request == std::string{"\x80\x00\x00\x00\x00\x01\x00\x02" "abcd", 12});
}

TEST_CASE("echo replies are read whatever their IP header, and nothing else is") {
  std::string request;
  make_echo_request(Family::v4, 7, 9, as_bytes("payload"), request);
  const std::string reply = reply_to(request);
  const auto read = read_echo_reply(Family::v4, as_bytes(reply));
  REQUIRE(read.has_value());
  CHECK(read->id == 7);
  CHECK(read->sequence == 9);
  CHECK(as_text(read->payload) == "payload");
  for (std::size_t length = 0; length < 32; ++length) {
    CHECK(!read_echo_reply(Family::v4, as_bytes(reply).first(length)));
  }
  for (const auto& [position, value] : {std::pair{0, 0x66}, std::pair{0, 0x44}, std::pair{0, 0x4f},
                                        std::pair{24, 8}, std::pair{25, 1}}) {
    std::string bent = reply;
    bent[static_cast<std::size_t>(position)] = static_cast<char>(value);
    CHECK(!read_echo_reply(Family::v4, as_bytes(bent)));
  }
  std::string six;
  make_echo_request(Family::v6, 7, 9, as_bytes("payload"), six);
  CHECK(!read_echo_reply(Family::v6, as_bytes(six)));
  six[0] = static_cast<char>(129);
  CHECK(read_echo_reply(Family::v6, as_bytes(six))->sequence == 9);
}

TEST_CASE("echo targets travel as a record; nonsense is refused") {
  const EchoTargets targets{0xffff, {{address("fe80::1"), 3}, {address("2001:db8::2"), 0}}};
  Message message;
  describe(targets, message);
  const auto back = echo_targets(message);
  REQUIRE(back.has_value());
  CHECK(*back == targets);
  const auto refused = [](std::initializer_list<std::pair<const char*, const char*>> fields) {
    Message bad;
    for (const auto& [name, value] : fields) bad.add(name, value);
    return !echo_targets(bad);
  };
  CHECK(refused({}));
  CHECK(refused({{"id", "1"}}));
  CHECK(refused({{"id", "65536"}, {"host", "1.2.3.4"}}));
  CHECK(refused({{"id", "1"}, {"host", "1.2.3"}}));
  CHECK(refused({{"id", "1"}, {"host", "fe80::1%eth0"}}));
  CHECK(refused({{"id", "1"}, {"host", "1.2.3.4"}, {"host", "::1"}}));
  Message many;
  many.add("id", "1");
  for (std::size_t i = 0; i <= most_echo_hosts; ++i) many.add("host", "1.2.3.4");
  CHECK(!echo_targets(many));
}

TEST_CASE("of a group's answers the first to each request counts, from listed hosts alone") {
  Echoes echoes{{7, {{address("10.0.0.1"), 0}, {address("10.0.0.2"), 0}}}};
  const auto answer = [&](std::uint16_t id, std::uint16_t sequence, std::string_view host) {
    std::string request;
    make_echo_request(Family::v4, id, sequence, as_bytes("frame"), request);
    const std::string datagram = reply_to(request);
    const Echoes::Taken taken = echoes.take(as_bytes(datagram), address(host));
    if (!taken.refusal) CHECK(as_text(taken.frame) == "frame");
    if (taken.refusal) CHECK(taken.frame.empty());
    return taken.refusal;
  };
  CHECK(!answer(7, 0, "10.0.0.1"));
  CHECK(answer(7, 0, "10.0.0.2") == Echoes::Refusal::answered);
  CHECK(answer(8, 1, "10.0.0.1") == Echoes::Refusal::not_ours);
  CHECK(answer(7, 1, "10.0.0.3") == Echoes::Refusal::stranger);
  CHECK(!answer(7, 2, "10.0.0.2"));
  CHECK(!answer(7, 1, "10.0.0.1"));  // late, but the first of its number
  CHECK(!answer(7, 65535, "10.0.0.2"));
  CHECK(!answer(7, 128, "10.0.0.1"));
  CHECK(echoes.take(as_bytes("junk"), address("10.0.0.1")).refusal == Echoes::Refusal::no_reply);
}

TEST_CASE("loopback answers echo requests with what they carried, both families") {
  for (const char* host : {"127.0.0.1", "::1"}) {
    const Family family = std::string_view{host} == "::1" ? Family::v6 : Family::v4;
    CAPTURE(host);
    const auto target = resolve_echo_host(family, host);
    if (!target) continue;  // no IPv6 on this machine
    auto receiver = open_echo_receiver(family);
    if (!receiver && receiver.error().os_error == EPERM) return;  // not root
    REQUIRE(receiver.has_value());
    auto sender = open_echo_sender(family);
    REQUIRE(sender.has_value());
    Echoes echoes{{4711, {*target}}};
    std::string request;
    make_echo_request(family, 4711, 1, as_bytes("###\nthe frame"), request);
    SendBatch out;
    REQUIRE(out.add(as_bytes(request), target->address, target->scope) == SendBatch::Added::yes);
    if (out.flush(sender->get()) == 0 && family == Family::v6) continue;  // no ::1 here
    CHECK(out.last_errno() == 0);
    ReceiveBatch batch;
    const std::string datagram = receive(*receiver, batch);
    REQUIRE(!datagram.empty());
    const auto taken = echoes.take(as_bytes(datagram), batch.source(0));
    CHECK(!taken.refusal);
    CHECK(as_text(taken.frame) == "###\nthe frame");
  }
}
