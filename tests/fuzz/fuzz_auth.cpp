// fuzz_auth: the scan before the digest never reads beyond a frame, and finds what decode finds
#include "core/auth.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

using namespace hb::core;

namespace {

KeyRing make_ring() {
  KeyRing ring;
  ring.insert({1}, {AuthMethod::sha1, "secret"});
  ring.insert({2}, {AuthMethod::md5, "other"});
  ring.insert({3}, {AuthMethod::crc, ""});
  ring.activate({1});
  return ring;
}

/// Whoever has the key may send anything: what is verified must be safe to decode.
void decode_verified(const KeyRing::Verified& verified, Bytes frame) {
  ENSURE((verified.verdict == AuthVerdict::good) == !verified.message_bytes.empty());
  if (verified.verdict != AuthVerdict::good) return;
  ENSURE(verified.message_bytes.data() == frame.data());
  ENSURE(verified.message_bytes.size() <= frame.size());
  static Message message;
  const auto decoded = decode(verified.message_bytes, message);
  if (decoded) ENSURE(decoded->consumed == verified.message_bytes.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static KeyRing ring = make_ring();
  const Bytes bytes{reinterpret_cast<const std::byte*>(data), size};
  decode_verified(ring.verify(bytes), bytes);

  // The same bytes as a message of somebody who has the key.
  static Message message;
  const auto decoded = decode(bytes, message);
  const bool netstring = as_text(bytes).starts_with("###\n");
  const std::size_t covered = decoded ? decoded->consumed : size;
  if (netstring) {
    std::string frame{as_text(bytes.first(covered))};
    const std::string token = "1 " + std::string{ring.digest({1}, as_bytes(frame))};
    frame.append(std::to_string(token.size())).append(":").append(token).append(",");
    const auto verified = ring.verify(as_bytes(frame));
    if (decoded) ENSURE(verified.verdict == AuthVerdict::good);
    decode_verified(verified, as_bytes(frame));
  }
  if (!decoded) return 0;

  // What we sign of it is heard.
  std::string frame;
  if (netstring) {
    ring.sign_netstring(message, KeyRing::Inner::with, frame);
  } else {
    ring.sign_text(message, frame);
  }
  const auto verified = ring.verify(as_bytes(frame));
  ENSURE(verified.verdict == AuthVerdict::good);
  decode_verified(verified, as_bytes(frame));
  return 0;
}
