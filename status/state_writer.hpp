// state_writer: puts the master's state files on disk, without waiting for the disk
#pragma once

#include "os/fd.hpp"
#include "status/surroundings.hpp"

#include <sys/types.h>

#include <deque>
#include <string>
#include <string_view>

namespace hb::status {

/// A file of the state folder: letters, digits, '_', '-' and '.', not first '.'.
[[nodiscard]] bool is_state_file_name(std::string_view name);

/// Each file is written by a forked child, one at a time: a disk that syncs slowly must not hold up
/// a takeover. Of several contents that wait for one file only the last is written.
class StateWriter {
 public:
  explicit StateWriter(Surroundings& surroundings) : surroundings_(surroundings) {}
  ~StateWriter();
  StateWriter(const StateWriter&) = delete;
  StateWriter& operator=(const StateWriter&) = delete;

  /// Bad names are refused in the log.
  void write(std::string_view name, std::string_view content);
  [[nodiscard]] bool idle() const { return !child_ && waiting_.empty(); }

 private:
  struct File {
    std::string name, content;
  };
  void start_next();
  void ended();

  Surroundings& surroundings_;
  std::deque<File> waiting_;
  os::Fd child_;  ///< pidfd of the one that writes
  pid_t pid_ = -1;
  std::string path_;
};

}  // namespace hb::status
