// ledger: what runs on this host by our doing, kept in a file that outlives every process
#pragma once

#include "core/result.hpp"
#include "core/types.hpp"

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hb::status {

namespace limits {
/// Every resource of every group.
inline constexpr std::size_t ledger_entries = core::limits::groups * core::limits::resources;
inline constexpr std::size_t ledger_bytes = 8 << 20;
}  // namespace limits

/// starting, stopping: the script runs, or nobody saw its end. held: start succeeded, or `status`
/// said running. unknown: a script failed, was killed, or its end was never seen.
enum class HoldState : std::uint8_t { starting, held, stopping, unknown };
[[nodiscard]] std::string_view name_of(HoldState state);

/// A process for good: a pid alone may be given to another one.
struct ProcessId {
  pid_t pid = 0;  ///< 0: none
  std::uint64_t start_time = 0;
  bool operator==(const ProcessId&) const = default;
};

/// One resource that is, or may be, running here.
struct Holding {
  std::string key;             ///< of its group
  std::uint16_t resource = 0;  ///< index in the group
  HoldState state = HoldState::unknown;
  ProcessId script;            ///< the one that runs now, leader of its process group
  std::string name;            ///< resource script, without folder
  std::vector<std::string> arguments;
};

/// The table in memory and its file: entries in the order of acquisition, so that a release can go
/// backwards. The file belongs to the runner that wrote it last; one that was left behind by its
/// master finds out by is_ours(). A file of another boot is empty: nothing it names still runs.
class Ledger {
 public:
  /// `path`: 0600, replaced by rename. `boot`: the kernel's boot id. `owner`: this runner.
  Ledger(std::string path, std::string boot, ProcessId owner);

  /// Takes over what the file holds; entries with a script in flight keep its ProcessId. The number
  /// of lines that could not be understood, or an Error if the file is none of ours.
  [[nodiscard]] core::Result<std::size_t> load();
  [[nodiscard]] core::Result<void> save();
  /// From now on another runner may take the file over: save() writes only while it is ours.
  void share() { is_shared_ = true; }
  /// True while the file names us as its owner (or is gone).
  [[nodiscard]] bool is_ours() const;

  /// Adds or changes; the place of an entry that exists is kept. Refused (with the reason) if a
  /// text has control bytes, which no haresources word has, or if there are too many.
  [[nodiscard]] core::Result<void> note(const Holding& holding);
  void set(std::string_view key, std::uint16_t resource, HoldState state, ProcessId script);
  void remove(std::string_view key, std::uint16_t resource);
  [[nodiscard]] const Holding* find(std::string_view key, std::uint16_t resource) const;
  [[nodiscard]] const std::vector<Holding>& entries() const { return entries_; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  struct Head {
    std::string boot;
    ProcessId owner;
  };
  [[nodiscard]] static core::Result<Head> take_head(std::string_view& text);
  [[nodiscard]] static bool take_entry(std::string_view line, std::vector<Holding>& into);
  /// Its index; entries_.size() if there is none.
  [[nodiscard]] std::size_t place(std::string_view key, std::uint16_t resource) const;

  std::string path_, boot_;
  ProcessId owner_;
  bool is_shared_ = false;
  std::vector<Holding> entries_;
};

}  // namespace hb::status
