// drbdadm: one `drbdadm outdate`, run without a shell and not for ever
#pragma once

#include "core/result.hpp"
#include "core/types.hpp"
#include "os/process.hpp"

#include <optional>
#include <string>

namespace hb::clients {

/// drbdadm and all that it started end with it when its time is up.
class Drbdadm {
 public:
  /// Looked up in PATH, then in /sbin and /usr/sbin.
  [[nodiscard]] static core::Result<Drbdadm> outdate(const std::string& resource);

  [[nodiscard]] const std::string& resource() const { return resource_; }
  /// Readable when it has ended.
  [[nodiscard]] int pidfd() const { return process_.pidfd.get(); }
  [[nodiscard]] core::Instant deadline() const { return deadline_; }
  /// The end, if it has come; kills it after the deadline.
  [[nodiscard]] std::optional<os::ProcessEnd> look(core::Instant now);

  /// Shorter than drbd-peer-outdater waits unless told otherwise, so that a failure is told as one.
  static constexpr core::Duration patience = std::chrono::seconds{50};

 private:
  Drbdadm() = default;

  std::string resource_;
  os::Process process_;
  core::Instant deadline_{};
};

}  // namespace hb::clients
