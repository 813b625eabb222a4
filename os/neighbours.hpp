// neighbours: tell the neighbours who has an address now, and ask them (ARP, neighbour discovery)
#pragma once

#include "core/result.hpp"
#include "core/types.hpp"
#include "os/fd.hpp"
#include "os/netlink.hpp"

#include <optional>
#include <string>

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

/// Asks the neighbours of one Ethernet-like interface who has an address that this host does not
/// have; needs CAP_NET_RAW to open. IPv4: an ARP probe, whose sender address is zero so that no
/// cache learns from it (RFC 5227 §2.1.1). IPv6: a neighbour solicitation from our link-local
/// address; without one, send() is an error.
class NeighbourQuery {
 public:
  /// `interface.hardware` must be there.
  [[nodiscard]] static core::Result<NeighbourQuery> open(const IpAddress& address,
                                                         const Interface& interface);

  [[nodiscard]] core::Result<void> send() const;
  /// Readable when there is something to be looked at; non-blocking.
  [[nodiscard]] int descriptor() const { return socket_.get(); }
  /// Takes in all that waits: who says that it has the address (its announcements count too), if
  /// it is not this host.
  [[nodiscard]] std::optional<HardwareAddress> answer() const;

 private:
  NeighbourQuery(Fd socket, IpAddress address, InterfaceIndex interface, HardwareAddress hardware)
      : socket_(std::move(socket)), address_(address), interface_(interface),
        hardware_(hardware) {}
  Fd socket_;
  IpAddress address_;
  InterfaceIndex interface_;
  HardwareAddress hardware_;
};

/// The hardware address that claims `address` in a packet, ARP or ICMPv6 by the address's family,
/// from the protocol's own header on. Nothing if it is about something else or malformed; zeros if
/// a neighbour advertisement does not say.
[[nodiscard]] std::optional<HardwareAddress> claimant_in(core::Bytes packet,
                                                         const IpAddress& address);

/// As 02:00:5e:00:53:01.
[[nodiscard]] std::string text_of(const HardwareAddress& hardware);

/// Does this host forward IPv6 on that interface? False where the kernel does not tell.
[[nodiscard]] bool forwards_v6(const Interface& interface);

}  // namespace hb::os
