// news: what a witness tells, and the control FIFO through which the daemon hears it
#pragma once

#include "core/result.hpp"
#include "core/types.hpp"
#include "os/fd.hpp"

#include <string>
#include <string_view>

namespace hb::clients::witness {

/// This node has had the witness since `since` and has it until `until`, by the boot clock.
struct News {
  core::Instant since{}, until{};
};

/// The daemon's control FIFO, which only root may open; kept, so that rights can be given up.
class Teller {
 public:
  [[nodiscard]] static core::Result<Teller> open();
  /// One write. An Error if nobody reads any more: then the daemon is gone, or another one.
  [[nodiscard]] core::Result<void> tell(const News& news) const;
  /// Something for the daemon's log: one line, cut where that would be too long.
  [[nodiscard]] core::Result<void> remark(std::string text) const;

 private:
  explicit Teller(os::Fd fifo) : fifo_(std::move(fifo)) {}
  [[nodiscard]] core::Result<void> write(std::string_view fields) const;
  os::Fd fifo_;
};

}  // namespace hb::clients::witness
