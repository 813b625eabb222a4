// board: the cluster's state in a file that every reader maps: snapshot, counters, black box
#include "ipc/board.hpp"

#include "ipc/layout.hpp"
#include "os/clock.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hb::ipc {
namespace {

constexpr std::uint64_t board_magic = 0x53797374'6f6c6542;  // "SystoleB"
/// Copies that a reader tries before it gives up: a writer that publishes faster than a reader
/// copies a few KiB, this often in a row, does not exist.
constexpr int most_tries = 1000;

using core::Snapshot;
static_assert(alignof(Snapshot) == sizeof(std::uint64_t) &&
              sizeof(Snapshot) % sizeof(std::uint64_t) == 0);
constexpr std::size_t snapshot_words = sizeof(Snapshot) / sizeof(std::uint64_t);

struct Slot {
  alignas(index_alignment) std::uint64_t sequence;  ///< odd while it is being written
  std::int64_t published_ns;
  alignas(index_alignment) std::uint64_t words[snapshot_words];
};

}  // namespace

struct TestamentWords {
  char boot[40];
  std::uint64_t settled;
  std::uint64_t crashes_ns[remembered_crashes];
};

struct MemorySlot {
  alignas(index_alignment) std::uint64_t sequence;  ///< odd while it is being written
  alignas(page_bytes) core::Continuity memory;
};

struct BoardPage {
  std::uint64_t magic;
  std::uint64_t layout;
  std::int64_t pid;
  std::int64_t started_ns;
  /// Number of snapshots published; the current one is in slot (count - 1) % 2, none if 0.
  alignas(index_alignment) std::uint64_t count;
  alignas(index_alignment) TestamentWords testament;
  alignas(page_bytes) std::uint64_t counters[board_counters];
  std::uint64_t labels;  ///< how many are valid
  char names[board_counters][board_label_bytes];
  alignas(page_bytes) std::array<Slot, 2> slots;
  alignas(page_bytes) BlackBoxPage black_box;
  /// Memories finished; the newest is in slot (remembered - 1) % 2, none if 0.
  alignas(page_bytes) std::uint64_t remembered;
  std::array<MemorySlot, 2> memories;
};

namespace {

constexpr std::uint64_t board_layout =
    hash_layout({layout_version, sizeof(BoardPage), sizeof(Slot), sizeof(Snapshot),
                 sizeof(core::NodeRow), sizeof(core::LinkRow), sizeof(core::GroupRow),
                 offsetof(Snapshot, nodes), offsetof(Snapshot, links),
                 offsetof(Snapshot, link_status), offsetof(Snapshot, groups),
                 offsetof(BoardPage, testament), sizeof(TestamentWords),
                 offsetof(BoardPage, memories), sizeof(core::Continuity),
                 offsetof(core::Continuity, groups), offsetof(core::Continuity, frames),
                 offsetof(BoardPage, black_box), board_counters, board_label_bytes});

std::uint64_t load(const std::uint64_t& word, std::memory_order order) {
  return std::atomic_ref{const_cast<std::uint64_t&>(word)}.load(order);
}
std::uint64_t nanoseconds(core::Instant time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}
core::Instant instant(std::uint64_t nanoseconds) {
  return core::Instant{core::Duration{static_cast<std::int64_t>(nanoseconds)}};
}
void store(std::uint64_t& word, std::uint64_t value, std::memory_order order) {
  std::atomic_ref{word}.store(value, order);
}

/// Calls `copy(first_word, word_count)` for the parts of a snapshot that are in use: the head, and
/// the first rows of each table. A two-node cluster uses 1.5 KiB of 70, so copying and touching
/// only that keeps both the turn and the memory small.
template <class Copy>
void for_used_parts(const Snapshot& head, Copy&& copy) {
  const auto part = [&](std::size_t offset, std::size_t bytes) {
    const std::size_t first = offset / sizeof(std::uint64_t);
    const std::size_t end = (offset + bytes + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t);
    if (bytes > 0) copy(first, std::min(end, snapshot_words) - first);
  };
  const auto nodes = std::min<std::size_t>(head.node_count, core::limits::nodes);
  const auto links = std::min<std::size_t>(head.link_count, core::limits::links);
  const auto groups = std::min<std::size_t>(head.group_count, core::limits::groups);
  part(offsetof(Snapshot, nodes), nodes * sizeof(core::NodeRow));
  part(offsetof(Snapshot, links), links * sizeof(core::LinkRow));
  part(offsetof(Snapshot, link_status), nodes * sizeof(Snapshot::link_status[0]));
  part(offsetof(Snapshot, groups), groups * sizeof(core::GroupRow));
}
constexpr std::size_t head_words = offsetof(Snapshot, nodes) / sizeof(std::uint64_t);

void copy_in(Slot& slot, const Snapshot& snapshot) {
  const auto* from = reinterpret_cast<const std::byte*>(&snapshot);
  const auto copy = [&](std::size_t first, std::size_t count) {
    for (std::size_t i = first; i < first + count; ++i) {
      std::uint64_t word = 0;
      std::memcpy(&word, from + i * sizeof word, sizeof word);
      store(slot.words[i], word, std::memory_order_relaxed);
    }
  };
  copy(0, head_words);
  for_used_parts(snapshot, copy);
}

void copy_out(const Slot& slot, Snapshot& snapshot) {
  auto* to = reinterpret_cast<std::byte*>(&snapshot);
  const auto copy = [&](std::size_t first, std::size_t count) {
    for (std::size_t i = first; i < first + count; ++i) {
      const std::uint64_t word = load(slot.words[i], std::memory_order_relaxed);
      std::memcpy(to + i * sizeof word, &word, sizeof word);
    }
  };
  copy(0, head_words);
  // A torn head gives wrong counts, which are bounded; the sequence tells afterwards.
  for_used_parts(snapshot, copy);
}

core::Error failed(const std::string& what) {
  const int code = errno;
  return {fmt::format("cannot {}: {}", what, std::strerror(code)), code};
}

/// Mode and owner as the design has them; without the group (a bare test machine) only root reads.
core::Result<void> give_to_group(const os::Fd& file, const std::string& path) {
  if (const group* clients = ::getgrnam("haclient"); clients != nullptr && ::geteuid() == 0) {
    if (::fchown(file.get(), 0, clients->gr_gid) != 0) return failed("set the group of " + path);
  }
  if (::fchmod(file.get(), 0640) != 0) return failed("set the mode of " + path);
  return {};
}

}  // namespace

core::Result<Board> Board::create(const std::string& path) {
  const std::string temporary = fmt::format("{}.{}", path, ::getpid());
  (void)::unlink(temporary.c_str());
  os::Fd file{::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!file.valid()) return failed("make the board " + temporary);
  Board board;
  auto made = [&]() -> core::Result<void> {
    // Every page at once: one that a full /run cannot give later would be a deadly signal.
    errno = ::posix_fallocate(file.get(), 0, sizeof(BoardPage));
    if (errno != 0) return failed("make room in " + temporary);
    auto region = map(file.get(), Access::read_write, sizeof(BoardPage));
    if (!region) return std::move(region).error().in(temporary);
    board.region_ = std::move(*region);
    board.reader_ = os::Fd{::open(temporary.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    if (!board.reader_.valid()) return failed("open " + temporary);
    board.page_ = static_cast<BoardPage*>(board.region_.get_address());
    board.page_->pid = ::getpid();
    board.page_->started_ns = os::instant_now().time_since_epoch().count();
    board.page_->layout = board_layout;
    board.page_->magic = board_magic;
    board.black_box_ = BlackBoxWriter{board.page_->black_box};
    if (auto given = give_to_group(file, temporary); !given) return given;
    if (::rename(temporary.c_str(), path.c_str()) != 0) {
      return failed("rename the board to " + path);
    }
    return {};
  }();
  if (!made) {
    (void)::unlink(temporary.c_str());
    return std::move(made).error();
  }
  return board;
}

void Board::publish(const Snapshot& snapshot) {
  const std::uint64_t count = page_->count;  // ours alone to write
  Slot& slot = page_->slots[count % 2];
  store(slot.sequence, slot.sequence + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  copy_in(slot, snapshot);
  std::atomic_ref{slot.published_ns}.store(os::instant_now().time_since_epoch().count(),
                                           std::memory_order_relaxed);
  store(slot.sequence, slot.sequence + 1, std::memory_order_release);
  store(page_->count, count + 1, std::memory_order_release);
}

void Board::name_counters(std::span<const std::string> labels) {
  const std::size_t count = std::min(labels.size(), board_counters);
  for (std::size_t i = 0; i < count; ++i) {
    auto& name = page_->names[i];
    std::memset(name, 0, sizeof name);
    labels[i].copy(name, board_label_bytes - 1);
  }
  store(page_->labels, count, std::memory_order_release);
}

void Board::set_counter(std::size_t index, std::uint64_t value) {
  if (index < board_counters) store(page_->counters[index], value, std::memory_order_relaxed);
}

void Board::begin_testament(std::string_view boot, std::span<const core::Instant> crashes) {
  TestamentWords& words = page_->testament;
  boot.substr(0, sizeof words.boot - 1).copy(words.boot, sizeof words.boot - 1);
  for (std::size_t i = 0; i < std::min(crashes.size(), remembered_crashes); ++i) {
    store(words.crashes_ns[i], nanoseconds(crashes[i]), std::memory_order_relaxed);
  }
}

core::Continuity& Board::begin_memory() {
  MemorySlot& slot = page_->memories[page_->remembered % 2];
  store(slot.sequence, slot.sequence | 1, std::memory_order_relaxed);
  std::atomic_signal_fence(std::memory_order_seq_cst);  // we may be killed between any two stores
  return slot.memory;
}

void Board::end_memory() {
  MemorySlot& slot = page_->memories[page_->remembered % 2];
  std::atomic_signal_fence(std::memory_order_seq_cst);
  store(slot.sequence, slot.sequence + 1, std::memory_order_release);
  store(page_->remembered, page_->remembered + 1, std::memory_order_release);
}

void Board::settle_testament() { store(page_->testament.settled, 1, std::memory_order_release); }

// ---- reader -----------------------------------------------------------------------------------

core::Result<BoardReader> BoardReader::open(const std::string& path) {
  os::Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  if (file.valid()) return adopt(std::move(file));
  const int code = errno;
  const char* cure = code == EACCES ? "; become root or a member of group haclient"
                     : code == ENOENT ? "; heartbeat does not run here"
                                      : "";
  return core::Error{fmt::format("cannot open the board {}: {}{}", path, std::strerror(code), cure),
                     code};
}

core::Result<BoardReader> BoardReader::adopt(os::Fd descriptor) {
  struct stat info {};
  if (::fstat(descriptor.get(), &info) != 0 || !S_ISREG(info.st_mode) ||
      info.st_size != static_cast<off_t>(sizeof(BoardPage))) {
    return core::Error{"this is no board of this version of heartbeat; restart heartbeat after an "
                       "upgrade", EPROTO};
  }
  auto region = map(descriptor.get(), Access::read, sizeof(BoardPage));
  if (!region) return std::move(region).error();
  BoardReader reader;
  reader.region_ = std::move(*region);
  reader.page_ = static_cast<const BoardPage*>(reader.region_.get_address());
  if (reader.page_->magic != board_magic || reader.page_->layout != board_layout) {
    return core::Error{"the board is of another version of heartbeat; restart heartbeat after an "
                       "upgrade", EPROTO};
  }
  return reader;
}

core::Result<core::Duration> BoardReader::read_snapshot(Snapshot& into) const {
  for (int i = 0; i < most_tries; ++i) {
    const std::uint64_t count = load(page_->count, std::memory_order_acquire);
    if (count == 0) return core::Error{"heartbeat has published nothing yet", EAGAIN};
    const Slot& slot = page_->slots[(count - 1) % 2];
    const std::uint64_t before = load(slot.sequence, std::memory_order_acquire);
    if (before % 2 != 0) continue;  // the other slot is newer already
    copy_out(slot, into);
    const std::int64_t published =
        std::atomic_ref{const_cast<std::int64_t&>(slot.published_ns)}.load(
            std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (load(slot.sequence, std::memory_order_relaxed) != before) continue;
    into.node_count = std::min<std::uint16_t>(into.node_count, core::limits::nodes);
    into.link_count = std::min<std::uint16_t>(into.link_count, core::limits::links);
    into.group_count = std::min<std::uint16_t>(into.group_count, core::limits::groups);
    return os::instant_now() - core::Instant{core::Duration{published}};
  }
  return core::Error{"the board changes faster than it can be read", EBUSY};
}

BoardReader::Identity BoardReader::identity() const {
  return {page_->pid, core::Instant{core::Duration{page_->started_ns}},
          load(page_->count, std::memory_order_acquire)};
}

Testament BoardReader::testament() const {
  const TestamentWords& words = page_->testament;
  Testament found;
  found.boot.assign(words.boot, ::strnlen(words.boot, sizeof words.boot));
  found.is_settled = load(words.settled, std::memory_order_acquire) != 0;
  for (std::size_t i = 0; i < remembered_crashes; ++i) {
    found.crashes[i] = instant(load(words.crashes_ns[i], std::memory_order_relaxed));
  }
  return found;
}

std::uint64_t BoardReader::turns() const {
  return load(page_->remembered, std::memory_order_acquire);
}

std::shared_ptr<core::Continuity> BoardReader::memory() const {
  const std::uint64_t remembered = load(page_->remembered, std::memory_order_acquire);
  if (remembered == 0) return {};
  const MemorySlot& slot = page_->memories[(remembered - 1) % 2];
  if (load(slot.sequence, std::memory_order_acquire) % 2 != 0) return {};
  return std::make_shared<core::Continuity>(slot.memory);
}

std::vector<BoardReader::NamedCounter> BoardReader::counters() const {
  std::vector<NamedCounter> result;
  const auto count = std::min<std::uint64_t>(load(page_->labels, std::memory_order_acquire),
                                             board_counters);
  for (std::size_t i = 0; i < count; ++i) {
    const char* name = page_->names[i];
    result.push_back({std::string{name, ::strnlen(name, board_label_bytes)},
                      load(page_->counters[i], std::memory_order_relaxed)});
  }
  return result;
}

BlackBoxReader BoardReader::black_box(BlackBoxReader::From from) const {
  return BlackBoxReader{page_->black_box, from};
}

}  // namespace hb::ipc
