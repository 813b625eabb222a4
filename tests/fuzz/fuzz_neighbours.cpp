// fuzz_neighbours: any bytes as an ARP packet or a neighbour advertisement: no false claim
#include "core/result.hpp"
#include "os/neighbours.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

using namespace hb;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const core::Bytes bytes = std::as_bytes(std::span{data, size});
  for (const char* text : {"10.0.0.1", "fd00::1"}) {
    const os::IpAddress address = *os::parse_ip(text);
    if (!os::claimant_in(bytes, address)) continue;
    // Whoever claims it has named it.
    const auto* const wanted = address.bytes.data();
    ENSURE(std::search(data, data + size, wanted, wanted + address.size()) != data + size);
  }
  return 0;
}
