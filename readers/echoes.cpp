// echoes: which datagrams of an ICMP socket are answers to what our writer asked
#include "readers/echoes.hpp"

#include <algorithm>

namespace hb::readers {

Echoes::Taken Echoes::take(core::Bytes datagram, const os::IpAddress& source) {
  const os::Family family = targets_.hosts[0].address.family;
  const auto reply = os::read_echo_reply(family, datagram);
  if (!reply) return {{}, Refusal::no_reply};
  if (reply->id != targets_.id) return {{}, Refusal::not_ours};
  const bool known = std::ranges::any_of(
      targets_.hosts, [&](const os::EchoHost& host) { return host.address == source; });
  if (!known) return {{}, Refusal::stranger};
  if (!is_first(reply->sequence)) return {{}, Refusal::answered};
  return {reply->payload, std::nullopt};
}

bool Echoes::is_first(std::uint16_t sequence) {
  auto& place = answered_[sequence % window];
  if (place == sequence) return false;
  place = sequence;
  return true;
}

}  // namespace hb::readers
