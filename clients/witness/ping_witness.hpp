// ping_witness: whether one of several hosts answers an ICMP echo request
#pragma once

#include "clients/witness/news.hpp"
#include "os/echo.hpp"

#include <string>
#include <vector>

namespace hb::clients::witness {

class PingWitness {
 public:
  /// Opens its sockets: needs CAP_NET_RAW. The error names the host that is none.
  [[nodiscard]] static core::Result<PingWitness> open(const std::vector<std::string>& hosts,
                                                      core::Duration deadtime);
  /// Asks all, and listens until the next question is due. A host that answered vouches for us
  /// for a dead time from the moment of the question.
  [[nodiscard]] News ask();

 private:
  struct Side {
    os::Family family;
    os::Fd receiver, sender;
    std::vector<os::EchoHost> hosts;
  };
  void question(core::Instant now);
  void listen(core::Instant until);
  void hear(const Side& side);

  std::vector<Side> sides_;
  core::Duration deadtime_{};
  std::uint16_t id_ = 0, sequence_ = 0;
  core::Instant asked_at_{}, since_{}, until_{};
};

}  // namespace hb::clients::witness
