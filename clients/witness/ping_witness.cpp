// ping_witness: whether one of several hosts answers an ICMP echo request
#include "clients/witness/ping_witness.hpp"

#include "os/clock.hpp"
#include "os/ip_address.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace hb::clients::witness {
namespace {

using namespace std::chrono_literals;

/// Questions within a dead time: one that is lost does not cost the witness.
constexpr int questions = 4;
constexpr core::Duration least_pause = 50ms;
constexpr std::size_t datagram_bytes = 2048;

}  // namespace

core::Result<PingWitness> PingWitness::open(const std::vector<std::string>& hosts,
                                            core::Duration deadtime) {
  PingWitness witness;
  witness.deadtime_ = deadtime;
  witness.id_ = static_cast<std::uint16_t>(::getpid());
  for (const std::string& text : hosts) {
    const auto family = text.find(':') == text.npos ? os::Family::v4 : os::Family::v6;
    auto host = os::resolve_echo_host(family, text);
    if (!host) return std::move(host).error();
    auto side = std::ranges::find(witness.sides_, family, &Side::family);
    if (side == witness.sides_.end()) {
      auto receiver = os::open_echo_receiver(family);
      if (!receiver) return std::move(receiver).error();
      auto sender = os::open_echo_sender(family);
      if (!sender) return std::move(sender).error();
      witness.sides_.push_back({family, std::move(*receiver), std::move(*sender), {}});
      side = witness.sides_.end() - 1;
    }
    side->hosts.push_back(*host);
  }
  return witness;
}

News PingWitness::ask() {
  const core::Instant now = os::instant_now();
  question(now);
  listen(now + std::max(deadtime_ / questions, least_pause));
  return {since_, until_};
}

void PingWitness::question(core::Instant now) {
  ++sequence_;
  asked_at_ = now;
  std::string request;
  for (const Side& side : sides_) {
    os::make_echo_request(side.family, id_, sequence_, {}, request);
    for (const os::EchoHost& host : side.hosts) {
      sockaddr_storage to{};
      socklen_t size = 0;
      if (side.family == os::Family::v4) {
        auto& address = reinterpret_cast<sockaddr_in&>(to);
        address.sin_family = AF_INET;
        std::memcpy(&address.sin_addr, host.address.bytes.data(), sizeof address.sin_addr);
        size = sizeof address;
      } else {
        auto& address = reinterpret_cast<sockaddr_in6&>(to);
        address.sin6_family = AF_INET6;
        address.sin6_scope_id = host.scope;
        std::memcpy(&address.sin6_addr, host.address.bytes.data(), sizeof address.sin6_addr);
        size = sizeof address;
      }
      // No route, no carrier: that is an answer too, namely none.
      (void)::sendto(side.sender.get(), request.data(), request.size(), MSG_DONTWAIT,
                     reinterpret_cast<const sockaddr*>(&to), size);
    }
  }
}

void PingWitness::listen(core::Instant until) {
  std::vector<pollfd> watched;
  for (const Side& side : sides_) watched.push_back({side.receiver.get(), POLLIN, 0});
  for (core::Instant now = os::instant_now(); now < until; now = os::instant_now()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now);
    if (::poll(watched.data(), watched.size(), static_cast<int>(left.count())) <= 0) continue;
    for (const Side& side : sides_) hear(side);
    // Told at once when it comes back; later answers to the same question say nothing new.
    if (until_ == asked_at_ + deadtime_ && since_ == asked_at_) return;
  }
}

void PingWitness::hear(const Side& side) {
  std::array<std::byte, datagram_bytes> buffer;
  sockaddr_storage from{};
  while (true) {
    socklen_t size = sizeof from;
    const ssize_t got = ::recvfrom(side.receiver.get(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                                   reinterpret_cast<sockaddr*>(&from), &size);
    if (got <= 0) return;
    const auto reply = os::read_echo_reply(
        side.family, core::Bytes{buffer.data(), static_cast<std::size_t>(got)});
    if (!reply || reply->id != id_ || reply->sequence != sequence_) continue;
    const bool is_asked = std::ranges::any_of(side.hosts, [&](const os::EchoHost& host) {
      const void* address = side.family == os::Family::v4
          ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in&>(from).sin_addr)
          : &reinterpret_cast<const sockaddr_in6&>(from).sin6_addr;
      return std::memcmp(address, host.address.bytes.data(),
                         side.family == os::Family::v4 ? 4 : 16) == 0;
    });
    if (!is_asked) continue;
    if (asked_at_ >= until_) since_ = asked_at_;
    until_ = asked_at_ + deadtime_;
  }
}

}  // namespace hb::clients::witness
