// netlink: list interfaces, addresses and routes; add and drop addresses; watch them change
#pragma once

#include "core/result.hpp"
#include "core/types.hpp"
#include "os/fd.hpp"
#include "os/ip_address.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct mnl_socket;
struct nlmsghdr;

namespace hb::os {

/// The kernel's number of a network interface, from 1; 0 is none.
using InterfaceIndex = core::Strong<struct InterfaceTag, std::uint32_t>;
/// Length of a network prefix in bits, 0 to 32 or 128.
using PrefixBits = core::Strong<struct PrefixTag, std::uint8_t>;
using HardwareAddress = std::array<std::uint8_t, 6>;

struct Interface {
  InterfaceIndex index;
  std::string name;
  bool up = false;                          ///< set up by the administrator (IFF_UP)
  bool carrier = false;                     ///< the cable is in (IFF_LOWER_UP)
  std::optional<HardwareAddress> hardware;  ///< only of Ethernet-like interfaces that speak ARP
};

/// An address that this host has.
struct HeldAddress {
  IpAddress address;
  PrefixBits bits;
  InterfaceIndex interface;
  std::string label;        ///< IPv4 only, e.g. "eth0:0"; else empty
  bool secondary = false;   ///< IPv4: another address of the same network is the primary one
  bool dad_failed = false;  ///< IPv6: somebody else has it
};

/// An address to be added.
struct NewAddress {
  IpAddress address;
  PrefixBits bits;
  InterfaceIndex interface;
  std::optional<IpAddress> broadcast;  ///< IPv4 only
  std::string label;                   ///< IPv4 only; empty: the interface's name
};

/// The forwarding entry that reaches an address.
struct Route {
  InterfaceIndex interface;
  PrefixBits bits;         ///< of the entry's destination
  bool connected = false;  ///< unicast, without a gateway
};

/// Did a request change anything?
enum class Change : std::uint8_t { made, none };

/// One rtnetlink socket. Each call sends a request and waits for the kernel's whole answer, which
/// is immediate. Errors carry the errno and say what was asked.
class Netlink {
 public:
  [[nodiscard]] static core::Result<Netlink> open();

  [[nodiscard]] core::Result<std::vector<Interface>> interfaces();
  /// Nothing if there is no interface of that name or index.
  [[nodiscard]] core::Result<std::optional<Interface>> interface(std::string_view name);
  [[nodiscard]] core::Result<std::optional<Interface>> interface(InterfaceIndex index);

  /// Addresses of both families on all interfaces.
  [[nodiscard]] core::Result<std::vector<HeldAddress>> addresses();

  /// The entry the kernel would use for `address`, through `via` only if given; nothing if none.
  [[nodiscard]] core::Result<std::optional<Route>> route_to(const IpAddress& address,
                                                            std::optional<InterfaceIndex> via);

  /// Adds at once usable: IPv6 without duplicate address detection, since a service address moves
  /// by the cluster's decision. `Change::none` if the interface has it already.
  [[nodiscard]] core::Result<Change> add(const NewAddress& address);

  /// `Change::none` if the interface does not have it.
  [[nodiscard]] core::Result<Change> drop(const HeldAddress& address);

 private:
  struct Close {
    void operator()(mnl_socket* socket) const noexcept;
  };
  using Collect = int (*)(const nlmsghdr*, void*);

  explicit Netlink(mnl_socket* socket) : socket_(socket) {}
  core::Result<void> exchange(nlmsghdr* request, Collect collect, void* into);
  core::Result<std::vector<Interface>> ask_interfaces(std::string_view name, InterfaceIndex index,
                                                      std::uint16_t flags);

  std::unique_ptr<mnl_socket, Close> socket_;
  std::uint32_t sequence_ = 0;
};

/// What the kernel told unasked.
struct NetworkEvent {
  enum class Kind : std::uint8_t {
    address_added,
    address_removed,
    link_changed,  ///< up, down, renamed or gone: look at Netlink::interface
    lost,          ///< the kernel dropped events: list everything again
  };
  Kind kind = Kind::lost;
  InterfaceIndex interface;  ///< not for lost
  IpAddress address;         ///< only for address_*
  /// Who asked for it: the port of its netlink socket, mostly its process id; 0 where the kernel
  /// does not tell (IPv6, ioctl, the interface went away, the kernel's own doing).
  std::uint32_t requester = 0;
  bool dad_failed = false;   ///< address_added, IPv6: another machine has it
};

/// Tells address and link changes of this network namespace. Needs no rights.
class NetworkWatch {
 public:
  [[nodiscard]] static core::Result<NetworkWatch> open();

  /// Readable when there are events; non-blocking, close-on-exec.
  [[nodiscard]] int descriptor() const { return socket_.get(); }

  /// All events that wait now, in the kernel's order; empty if none.
  [[nodiscard]] core::Result<std::vector<NetworkEvent>> read();

 private:
  explicit NetworkWatch(Fd socket) : socket_(std::move(socket)) {}
  Fd socket_;
};

}  // namespace hb::os
