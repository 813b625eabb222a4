// address_probes: asks the neighbours whether somebody has a service address, and reports answers
#pragma once

#include "core/message.hpp"
#include "os/neighbours.hpp"
#include "status/surroundings.hpp"

#include <list>
#include <string>

namespace hb::status {

/// Three ARP probes (RFC 5227 §2.1.1; IPv6: neighbour solicitations) within a tenth of a second,
/// and an open ear for half a second. Only answers of other machines count; what this host has
/// itself is not asked for. Each answer is one address_answered record.
class AddressProbes {
 public:
  explicit AddressProbes(Surroundings& surroundings) : surroundings_(surroundings) {}
  ~AddressProbes();
  AddressProbes(const AddressProbes&) = delete;
  AddressProbes& operator=(const AddressProbes&) = delete;

  /// A probe_addresses record.
  void ask(const core::Message& record);

  void tick(core::Instant now);
  [[nodiscard]] core::Instant next_deadline() const;

  static constexpr unsigned requests = 3;
  static constexpr core::Duration pause = std::chrono::milliseconds{40};
  static constexpr core::Duration patience = std::chrono::milliseconds{500};

 private:
  struct Probe {
    std::string group, text, interface;
    os::NeighbourQuery query;
    unsigned left;
    core::Instant send_at, end_at;
  };
  void begin(std::string_view group, std::string_view text);
  void hear(Probe& probe);

  Surroundings& surroundings_;
  std::list<Probe> probes_;
};

}  // namespace hb::status
