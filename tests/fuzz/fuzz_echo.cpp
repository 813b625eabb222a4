// fuzz_echo: any bytes as an echo reply or as targets: no crash, and nothing beyond them
#include "core/frame.hpp"
#include "core/result.hpp"
#include "os/echo.hpp"
#include "readers/echoes.hpp"

#include <cstddef>
#include <cstdint>

using namespace hb;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const core::Bytes bytes = std::as_bytes(std::span{data, size});
  for (const os::Family family : {os::Family::v4, os::Family::v6}) {
    const auto reply = os::read_echo_reply(family, bytes);
    if (!reply) continue;
    ENSURE(reply->payload.size() + 8 <= size);
    ENSURE(reply->payload.data() + reply->payload.size() <= bytes.data() + size);
  }
  os::EchoHost host;
  host.address.bytes = {127, 0, 0, 1};
  readers::Echoes echoes{{0x4242, {host}}};
  const auto taken = echoes.take(bytes, host.address);
  ENSURE(!taken.refusal || taken.frame.empty());
  core::Message message;
  if (!core::decode(bytes, message)) return 0;
  if (const auto targets = os::echo_targets(message)) {
    core::Message again;
    os::describe(*targets, again);
    ENSURE(*os::echo_targets(again) == *targets);
  }
  return 0;
}
