// fencing: runs the programs that reset a node, and reports how they ended
#pragma once

#include "core/engine_io.hpp"
#include "core/message.hpp"
#include "os/fd.hpp"
#include "status/script.hpp"
#include "status/surroundings.hpp"

#include <functional>
#include <list>
#include <string>
#include <string_view>

namespace hb::status {

namespace limits {
/// More at a time than nodes and devices are a mistake of the master's.
inline constexpr std::size_t fence_runs = 256;
/// Between TERM and KILL: a device's session should be closed.
inline constexpr core::Duration fence_grace = std::chrono::seconds{5};
}  // namespace limits

/// The record `fence`: `ticket`, `program`, `arg`*, `input`, `timeout` in ms. Each run is one
/// process group, given `input` on its standard input, and reported exactly once; its output is
/// kept to core::limits::script_output_bytes. When the master
/// is gone, all are ended: nobody could call them back if the node returned, and the next master
/// begins anew.
class Fencing {
 public:
  using Done = std::function<void(std::uint64_t ticket, core::ActionEnd end, int code,
                                  std::string_view output)>;
  Fencing(Surroundings& surroundings, Done done)
      : surroundings_(surroundings), done_(std::move(done)) {}
  ~Fencing();
  Fencing(const Fencing&) = delete;
  Fencing& operator=(const Fencing&) = delete;

  void run(const core::Message& record);
  /// TERM to its group, KILL after limits::fence_grace. Unknown tickets are ignored.
  void kill(std::uint64_t ticket);
  /// As kill(), all of them.
  void end_all();
  [[nodiscard]] bool idle() const { return runs_.empty(); }
  void tick(core::Instant now);
  [[nodiscard]] core::Instant next_deadline() const;

 private:
  struct Run {
    std::uint64_t ticket;
    std::string program;
    ForeignProcess process;
    os::Fd pipe;  ///< both of its outputs
    std::string output;
    core::Instant timeout_at, kill_at = core::never;
    bool timed_out = false;
  };
  using Place = std::list<Run>::iterator;
  void end_softly(Run& run, core::Instant now) const;
  void read_output(Run& run) const;
  void ended(Place place);

  Surroundings& surroundings_;
  Done done_;
  std::list<Run> runs_;  // stable places: the loop's callbacks keep them
};

}  // namespace hb::status
