// board: the cluster's state in a file that every reader maps: snapshot, counters, black box
#pragma once

#include "core/continuity.hpp"
#include "core/result.hpp"
#include "core/snapshot.hpp"
#include "core/types.hpp"
#include "ipc/blackbox.hpp"
#include "ipc/shm.hpp"
#include "os/fd.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hb::ipc {

struct BoardPage;

/// Room for counters; core's own (core/counters) and each child's fit several times.
inline constexpr std::size_t board_counters = 512;
/// A label with its NUL, e.g. "frames_in" or "read eth0 kernel_drops".
inline constexpr std::size_t board_label_bytes = 48;

/// Crashes that a board remembers; so many within ten dead times end the attempts (design §2).
inline constexpr std::size_t remembered_crashes = 3;

/// How a master ended, and those before it. What it knew is its memory (core/continuity), which is
/// always that of its last turn: the file outlives the process.
struct Testament {
  std::string boot;              ///< kernel's boot id: Instants of another boot mean nothing
  bool is_settled = false;       ///< it ended in good order: nothing is left to go on with
  std::array<core::Instant, remembered_crashes> crashes{};  ///< the newest first; zero: none
};

/// The writing end: the master's. The file is 0640 root:haclient, made anew at each start under
/// another name and renamed, so that readers of the old one keep a whole board.
class Board {
 public:
  [[nodiscard]] static core::Result<Board> create(const std::string& path);
  Board(Board&&) = default;
  Board& operator=(Board&&) = default;

  /// Copies the used rows of `snapshot` into the idle one of two slots, then makes it the current
  /// one. Readers never wait and never see half of it, whenever we die.
  void publish(const core::Snapshot& snapshot);

  /// Names counters from 0; replaces all labels. Too long ones are cut, too many ignored.
  void name_counters(std::span<const std::string> labels);
  void set_counter(std::size_t index, std::uint64_t value);

  /// At start: which boot, and the crashes before this life.
  void begin_testament(std::string_view boot, std::span<const core::Instant> crashes);
  /// The end of a turn, before what it made leaves the process: `save` fills a memory that holds
  /// what it held two turns ago, so that only what changed has to be written.
  template <class Save>
  void remember(Save&& save) {
    save(begin_memory());
    end_memory();
  }
  /// At an orderly end.
  void settle_testament();

  [[nodiscard]] BlackBoxWriter& black_box() { return black_box_; }
  /// Read-only; for the status process (descriptor 7).
  [[nodiscard]] int reader_fd() const { return reader_.get(); }

 private:
  [[nodiscard]] core::Continuity& begin_memory();
  void end_memory();
  Board() = default;
  boost::interprocess::mapped_region region_;
  BoardPage* page_ = nullptr;
  BlackBoxWriter black_box_;
  os::Fd reader_;
};

/// A reading end. It keeps showing the board of the master that it was opened with: see age, and
/// identity().pid, to notice that it is gone.
class BoardReader {
 public:
  /// The Error names the cure: no permission (group haclient), no daemon, another version.
  [[nodiscard]] static core::Result<BoardReader> open(const std::string& path);
  /// The same from an inherited descriptor, which is closed.
  [[nodiscard]] static core::Result<BoardReader> adopt(os::Fd descriptor);
  BoardReader(BoardReader&&) = default;
  BoardReader& operator=(BoardReader&&) = default;

  /// Copies the current snapshot's used rows; rows beyond the counts keep what they held. Returns
  /// its age by our clock: a hung master shows. An Error if nothing was published yet.
  [[nodiscard]] core::Result<core::Duration> read_snapshot(core::Snapshot& into) const;

  struct Identity {
    std::int64_t pid = 0;
    core::Instant started{};
    std::uint64_t boards = 0;  ///< snapshots published so far
  };
  [[nodiscard]] Identity identity() const;

  struct NamedCounter {
    std::string label;
    std::uint64_t value = 0;
  };
  /// Turns that the master has taken so far: one that hangs takes none.
  [[nodiscard]] std::uint64_t turns() const;
  [[nodiscard]] Testament testament() const;
  /// The last whole memory, not checked yet; null if there is none. For the board of a master that
  /// runs no more.
  [[nodiscard]] std::shared_ptr<core::Continuity> memory() const;
  [[nodiscard]] std::vector<NamedCounter> counters() const;
  [[nodiscard]] BlackBoxReader black_box(BlackBoxReader::From from) const;

 private:
  BoardReader() = default;
  boost::interprocess::mapped_region region_;
  const BoardPage* page_ = nullptr;
};

}  // namespace hb::ipc
