// service_paths: tells the master whose service interface is missing, down or without a cable
#pragma once

#include "core/message.hpp"
#include "os/netlink.hpp"
#include "status/service_interface.hpp"
#include "status/surroundings.hpp"

#include <optional>
#include <string>
#include <vector>

namespace hb::status {

/// Watches the interfaces of all service addresses of haresources, also of those that are not held
/// here: a node must know whether it could serve. What it sees is told as it is, at most ten times
/// a second; patience and mistrust are the core's (core/service_path).
class ServicePaths {
 public:
  explicit ServicePaths(Surroundings& surroundings);
  ~ServicePaths();
  ServicePaths(const ServicePaths&) = delete;
  ServicePaths& operator=(const ServicePaths&) = delete;

  /// A service_paths record: what is to be watched.
  void configure(const core::Message& record);

  void tick(core::Instant now);
  [[nodiscard]] core::Instant next_deadline() const { return look_at_; }

  static constexpr core::Duration pace = std::chrono::milliseconds{100};

 private:
  struct Path {
    std::string group, text;
    ServicePlace place;
    std::string interface;  ///< where it was last
    std::string fault;      ///< empty: works
  };
  void read_events();
  void look();
  [[nodiscard]] std::string fault_of(Path& path, const std::vector<os::Interface>& interfaces,
                                     const std::vector<os::HeldAddress>& held);

  Surroundings& surroundings_;
  std::optional<os::Netlink> netlink_;
  std::optional<os::NetworkWatch> watch_;
  std::vector<Path> paths_;
  std::optional<std::vector<std::string>> told_;
  core::Instant look_at_ = core::never, looked_{};
};

}  // namespace hb::status
