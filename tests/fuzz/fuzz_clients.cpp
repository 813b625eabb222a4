// fuzz_clients: any message to ipfail and dopd: no crash, and nothing strange reaches drbdadm
#include "clients/connectivity.hpp"
#include "clients/outdating.hpp"
#include "core/frame.hpp"
#include "core/result.hpp"

#include <cstddef>
#include <cstdint>

using namespace hb;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  core::Message message;
  if (!core::decode(std::as_bytes(std::span{data, size}), message)) return 0;
  clients::Connectivity ipfail{{"n1", std::chrono::seconds{2}, true}};
  const auto event = ipfail.read(message);
  (void)ipfail.handle(event, 1, core::Instant{});
  (void)ipfail.due("all", ipfail.deadline());
  clients::Outdating dopd{"n1"};
  if (const auto request = clients::read_outdate_request(message)) {
    ENSURE(clients::is_resource_name(request->resource));
    for (const auto state : {clients::Outdating::PeerState::alive,
                             clients::Outdating::PeerState::absent}) {
      (void)dopd.asked(clients::Outdating::ClientNumber{1}, *request, state);
    }
  }
  for (const auto& order : dopd.heard(message)) {
    if (const auto* run = std::get_if<clients::Outdating::Run>(&order)) {
      ENSURE(clients::is_resource_name(run->resource));
      (void)dopd.ran(run->resource, false, 0);
    }
  }
  return 0;
}
