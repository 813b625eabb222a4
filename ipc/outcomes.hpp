// outcomes: how the last scripts of each resource ended, in a file that people are shown
#pragma once

#include "core/engine_io.hpp"
#include "core/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hb::ipc {

namespace outcome_limits {
/// The last lines are kept: the cause of a failure is seldom further up.
inline constexpr std::size_t output_bytes = 400;
inline constexpr std::size_t output_lines = 4;
/// Entries; beyond them the oldest go. Two for each of the resources of any sane cluster.
inline constexpr std::size_t entries = 512;
/// What a reader takes.
inline constexpr std::size_t file_bytes = 1 << 20;
}  // namespace outcome_limits

/// One script that has ended.
struct Outcome {
  std::string key;              ///< of the group
  std::uint16_t resource = 0;   ///< index within it
  std::string script;           ///< with its arguments, as haresources has it
  core::Operation operation = core::Operation::status;
  core::ActionEnd end = core::ActionEnd::exited;
  int code = 0;                 ///< exit code or signal
  std::uint64_t milliseconds = 0;
  std::int64_t at = 0;          ///< seconds since 1970, when it ended
  std::string output;           ///< its last lines; control bytes but line ends become blanks
  [[nodiscard]] bool failed() const;
  bool operator==(const Outcome&) const = default;
};

/// "start: exit code 1 after 0.031 s"
[[nodiscard]] std::string text_of(const Outcome& outcome);

/// Of each resource the last script, and the last one that failed if that is another one.
class Outcomes {
 public:
  void note(Outcome outcome);
  [[nodiscard]] const std::vector<Outcome>& entries() const { return entries_; }
  [[nodiscard]] std::string encode() const;
  /// What makes no sense is left out: the file may be of another version.
  [[nodiscard]] static Outcomes decode(std::string_view text);

 private:
  std::vector<Outcome> entries_;  ///< oldest first
};

/// The file of a running or an ended daemon. An Error if there is none, or it may not be read.
[[nodiscard]] core::Result<Outcomes> read_outcomes(const std::string& path);

}  // namespace hb::ipc
