// neighbours: tell the neighbours who has an address now (gratuitous ARP, unsolicited NA)
#pragma once

#include "core/result.hpp"
#include "os/fd.hpp"
#include "os/netlink.hpp"

namespace hb::os {

/// Announces one address on one Ethernet-like interface; needs CAP_NET_RAW to open, nothing later.
/// IPv4: ARP in both forms, request and reply, since some switches and hosts heed only one of them
/// (RFC 5227 §3). IPv6: a neighbour advertisement with the override flag to all nodes (RFC 4861
/// §7.2.6), sent from the address itself, so the host must have it already.
class Announcer {
 public:
  /// `interface.hardware` must be there: other interfaces have no neighbours to tell.
  /// `is_router`: this host forwards IPv6 on the interface, and advertisements must say so.
  [[nodiscard]] static core::Result<Announcer> open(const IpAddress& address,
                                                    const Interface& interface, bool is_router);

  [[nodiscard]] core::Result<void> send() const;

 private:
  Announcer(Fd socket, IpAddress address, InterfaceIndex interface, HardwareAddress hardware,
            bool is_router)
      : socket_(std::move(socket)), address_(address), interface_(interface),
        hardware_(hardware), is_router_(is_router) {}
  [[nodiscard]] core::Result<void> send_arp() const;
  [[nodiscard]] core::Result<void> send_advertisement() const;

  Fd socket_;
  IpAddress address_;
  InterfaceIndex interface_;
  HardwareAddress hardware_;
  bool is_router_;
};

/// Does this host forward IPv6 on that interface? False where the kernel does not tell.
[[nodiscard]] bool forwards_v6(const Interface& interface);

}  // namespace hb::os
