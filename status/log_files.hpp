// log_files: opens the configured log files for those who may not, and where scripts write to
#pragma once

#include "core/result.hpp"
#include "core/types.hpp"
#include "os/fd.hpp"

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace hb::status {

/// What a script's output is read from afterwards: where its file ended before it ran.
struct OutputMark {
  os::Fd fd;
  std::uint64_t at = 0;
};

/// logfile and debugfile: opened for appending, and again when they were renamed or removed
/// (rotation). Scripts write straight to the debug file, as they always did. A pipe through the
/// runner would be neater to read, but a service that a script leaves in the background keeps it
/// for its whole life, and would die of SIGPIPE with the runner. Without a debug file a spare file
/// beside the ledger takes the output, so that a failure can still be explained; it is cut short
/// when it grows.
class LogFiles {
 public:
  LogFiles();

  /// 'l' or 'd', and the descriptor, which stays ours. An error: tried again at the next check.
  using Pass = std::function<core::Result<void>(std::uint8_t tag, int fd)>;
  using Complain = std::function<void(std::string_view text)>;

  /// `logfile`, `debugfile`: "" or /dev/null = none. `spare`: root's, in memory.
  void configure(const std::string& logfile, const std::string& debugfile,
                 const std::string& spare);
  /// Opens what is missing or was rotated, and passes it on. Every `interval`.
  void check(const Pass& pass, const Complain& complain);
  static constexpr core::Duration interval = std::chrono::seconds{3};

  /// For scripts' standard output and error; /dev/null if nothing better could be opened.
  [[nodiscard]] int script_output() const;
  [[nodiscard]] int null() const { return null_.get(); }
  /// For a line when the master is gone; -1 if none.
  [[nodiscard]] int logfile() const { return log_.fd.get(); }
  [[nodiscard]] int debugfile() const { return debug_.fd.get(); }

  [[nodiscard]] OutputMark mark() const;
  /// What was written since then, at most the last `limit` bytes. Scripts that run at the same time
  /// share the file, so it may hold lines of others.
  [[nodiscard]] static std::string since(const OutputMark& mark, std::size_t limit);

 private:
  struct File {
    std::string path;
    std::uint8_t tag;
    os::Fd fd;
    dev_t device = 0;
    ino_t inode = 0;
    bool passed = false;
    bool complained = false;
  };
  void check(File& file, const Pass& pass, const Complain& complain);
  void trim_spare();

  os::Fd null_, spare_;
  std::string spare_path_;
  File log_, debug_;
};

}  // namespace hb::status
