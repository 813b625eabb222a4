// socket: UDP sockets for the media, and datagrams in batches with their kernel receive stamps
#pragma once

#include "core/result.hpp"
#include "core/types.hpp"
#include "os/clock.hpp"
#include "os/fd.hpp"
#include "os/ip_address.hpp"

#include <cstdint>
#include <memory>
#include <string>

#include <sys/socket.h>

namespace hb::os {

enum class Family4or6 : std::uint8_t { v4, v6 };
enum class DeviceBinding : std::uint8_t { none, bind };  ///< SO_BINDTODEVICE
enum class PortSharing : std::uint8_t { none, share };   ///< SO_REUSEPORT
enum class Loopback : std::uint8_t { off, on };          ///< multicast comes back to us

/// A receiving socket (wire-protocol §4). A multicast `address`, or a `group`, is joined on the
/// interface.
struct UdpReceiver {
  Family4or6 family = Family4or6::v4;
  std::string interface;
  std::string address;  ///< to bind to; "" = any
  std::string group;    ///< to join although bound to any address; "" = none
  std::uint16_t port = 694;
  DeviceBinding device = DeviceBinding::none;
  PortSharing sharing = PortSharing::none;
  int buffer_bytes = 0;  ///< SO_RCVBUF; 0 = as the system has it
};

/// A sending socket, connected to its target so that the process that uses it needs no address.
struct UdpSender {
  Family4or6 family = Family4or6::v4;
  std::string interface;
  std::string address;  ///< peer or group, numeric; "" = the interface's broadcast address
  std::uint16_t port = 694;
  DeviceBinding device = DeviceBinding::none;
  PortSharing sharing = PortSharing::none;
  int buffer_bytes = 0;     ///< SO_SNDBUF; 0 = as the system has it
  int type_of_service = 0;  ///< IP_TOS; 0 = not set
  int hops = 1;             ///< multicast TTL
  Loopback loopback = Loopback::off;
};

/// Non-blocking, close-on-exec. Errors name the option, address or interface, and the cure.
[[nodiscard]] core::Result<Fd> open_udp_receiver(const UdpReceiver& options);
[[nodiscard]] core::Result<Fd> open_udp_sender(const UdpSender& options);

/// The IPv4 address of a host name, or of an address itself, as text. May block as long as the
/// resolver does.
[[nodiscard]] core::Result<std::string> look_up_ipv4(const std::string& host);

/// The IPv4 broadcast address of an interface, as text.
[[nodiscard]] core::Result<std::string> broadcast_address(const std::string& interface);

/// The addresses of a connected socket: its own is chosen when it is connected and stays, even if
/// the host loses it, and then nothing can be sent any more. Zero addresses if it has none.
struct Ends {
  IpAddress own, peer;
};
[[nodiscard]] Ends ends_of(int socket);

/// Datagrams of one system call.
inline constexpr std::size_t batch_datagrams = 32;

/// One received datagram: `bytes` is empty if it was longer than any can be.
struct Datagram {
  core::Bytes bytes;
  core::Instant time;  ///< the kernel's receive stamp
};

/// Receives in batches into memory of its own; what receive() found is valid until the next call.
class ReceiveBatch {
 public:
  ReceiveBatch();
  ~ReceiveBatch();
  ReceiveBatch(const ReceiveBatch&) = delete;
  ReceiveBatch& operator=(const ReceiveBatch&) = delete;

  /// How many datagrams waited, 0 if none; never blocks.
  [[nodiscard]] core::Result<std::size_t> receive(int socket);
  [[nodiscard]] const Datagram& operator[](std::size_t index) const;
  /// Who sent it: only of interest where anybody may (the ping media).
  [[nodiscard]] IpAddress source(std::size_t index) const;
  /// Datagrams that the kernel dropped for want of room since the start.
  [[nodiscard]] std::uint64_t kernel_drops() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Collects datagrams (copied) and gives them to the kernel with one system call.
class SendBatch {
 public:
  SendBatch();
  ~SendBatch();
  SendBatch(const SendBatch&) = delete;
  SendBatch& operator=(const SendBatch&) = delete;

  enum class Added : std::uint8_t { yes, full };
  /// full: flush first.
  [[nodiscard]] Added add(core::Bytes datagram);
  /// For a socket that is not connected; `scope` is the interface of a link-local address.
  [[nodiscard]] Added add(core::Bytes datagram, const IpAddress& to, std::uint32_t scope);
  [[nodiscard]] bool empty() const;
  /// Sends all; what the kernel does not take is lost, as datagrams are. Returns how many it took.
  std::size_t flush(int socket);
  /// errno of the last datagram that was not taken, 0 = none so far.
  [[nodiscard]] int last_errno() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hb::os
