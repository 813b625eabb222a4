// channel: two rings and a bell between the master and one child
#pragma once

#include "core/result.hpp"
#include "core/types.hpp"
#include "ipc/layout.hpp"
#include "ipc/record.hpp"
#include "ipc/ring.hpp"
#include "ipc/shm.hpp"
#include "os/fd.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace hb::ipc {

/// Descriptors that the child gets as 3, 4 and 5 (os::spawn_self).
struct ChildEnds {
  os::Fd bell, up, down;
};

enum class BellState : std::uint8_t {
  none,    ///< nothing was waiting
  rung,    ///< look into the ring; a descriptor may have come (take_fd)
  closed,  ///< the other side is gone
};

/// A descriptor that came over the bell socket; the tag says what for ('l' log, 'd' debug file).
struct ReceivedFd {
  std::uint8_t tag = 0;
  os::Fd fd;
};

struct ChannelCounters {
  std::uint64_t records_sent = 0, bytes_sent = 0;  ///< payload bytes
  std::uint64_t records_taken = 0, bytes_taken = 0;
  std::uint64_t drops = 0;       ///< pushes that found no room: the newest is dropped, nobody waits
  std::uint64_t violations = 0;
  std::uint64_t rings = 0;       ///< bells rung: far fewer than records when it matters
};

/// One side's end. It is born with a child and dies with it (design rule 5): after a violation or a
/// death there is nothing to repair. Never blocks. Order of a side's turn:
///   awake(); drain(...); push(...)...; flush(); prepare_to_sleep(); wait for bell().
class Channel {
 public:
  /// The master's end, and the descriptors for the child. `incarnation` counts respawns.
  [[nodiscard]] static core::Result<std::pair<Channel, ChildEnds>> create(
      Role child, core::LinkId link, std::uint64_t incarnation);
  /// The child's end, from descriptors 3, 4, 5. Call before giving rights up.
  [[nodiscard]] static core::Result<Channel> adopt();
  /// The same from any descriptors, for tests.
  [[nodiscard]] static core::Result<Channel> adopt(ChildEnds ends);

  Channel(Channel&&) = default;
  Channel& operator=(Channel&&) = default;

  /// Appends a record, invisible to the other side until flush(). False: no room; it is dropped and
  /// counted. The second form joins two parts into one payload.
  bool push(RecordType type, std::uint16_t flags, core::Instant time, core::Bytes payload);
  bool push(RecordType type, std::uint16_t flags, core::Instant time, core::Bytes first,
            core::Bytes second);
  /// Publishes what was pushed, and rings the bell if the other side sleeps. Cheap if nothing was.
  void flush();

  /// Takes at most `most` records; `take(const RecordView&)` sees private copies that are within
  /// the permit table (ipc/record). The number taken, or an Error: the other side broke the rules
  /// and must be ended. `take` may push to any channel, and must not destroy this one.
  template <class Take>
  core::Result<std::size_t> drain(std::size_t most, Take&& take) {
    if (Violation bad = begin_drain(); bad != Violation::none) return broken(bad);
    std::size_t count = 0;
    RecordView record;
    while (count < most) {
      const auto next = in_.next(record);
      if (next == RingConsumer::Next::empty) break;
      if (next == RingConsumer::Next::violation) return broken(in_.violation());
      if (!permitted(record)) return broken(Violation::forbidden_record);
      take(std::as_const(record));
      ++count;
    }
    in_.commit();
    return count;
  }

  /// Says that this side is about to wait for its bell. False: something arrived meanwhile, drain
  /// again first.
  [[nodiscard]] bool prepare_to_sleep();
  /// Says that this side looks at its ring by itself: no bell needed.
  void awake();

  /// To be watched for readability.
  [[nodiscard]] int bell() const { return bell_.get(); }
  /// Takes all waiting rings; one system call. Descriptors are accepted only where the design has
  /// them: by the master from the runner, by any child from the master.
  [[nodiscard]] BellState take_bell();
  /// Sends a copy of `fd`, which stays ours. An Error if the socket is full or the other side gone.
  [[nodiscard]] core::Result<void> send_fd(std::uint8_t tag, int fd);
  /// The oldest descriptor that take_bell() brought.
  [[nodiscard]] std::optional<ReceivedFd> take_fd();

  [[nodiscard]] Role role() const { return role_; }  ///< of the child
  [[nodiscard]] core::LinkId link() const { return link_; }
  [[nodiscard]] std::uint64_t incarnation() const { return incarnation_; }

  /// How many payload bytes fit now: a reader leaves datagrams in the kernel's queue rather than
  /// dropping them here.
  [[nodiscard]] std::uint64_t room() const { return out_.room(); }
  [[nodiscard]] const ChannelCounters& counters() const { return counters_; }

  /// Child: its own counters and progress, on its page. Master: reads them.
  void count(ChildCounter counter, std::uint64_t amount = 1);
  void set_count(ChildCounter counter, std::uint64_t value);
  [[nodiscard]] std::uint64_t child_count(ChildCounter counter) const;
  void stamp_progress(core::Instant now);
  [[nodiscard]] core::Instant other_progress() const;

 private:
  enum class Side : std::uint8_t { master, child };
  Channel() = default;
  [[nodiscard]] core::Result<void> attach(Side side, int up, int down);
  [[nodiscard]] Violation begin_drain();
  [[nodiscard]] bool permitted(const RecordView& record);
  [[nodiscard]] core::Error broken(Violation violation);

  Side side_ = Side::master;
  Role role_ = Role::reader;
  core::LinkId link_ = core::no_link;
  std::uint64_t incarnation_ = 0;
  boost::interprocess::mapped_region mine_, theirs_;
  SegmentPage* my_page_ = nullptr;
  const SegmentPage* their_page_ = nullptr;
  RingProducer out_;
  RingConsumer in_;
  os::Fd bell_;
  std::uint64_t sleep_ = 0;     ///< what my page says
  std::uint64_t rung_for_ = 0;  ///< the other side's sleep that was rung for already
  Violation violation_ = Violation::none;
  static constexpr std::size_t most_fds = 4;
  std::array<ReceivedFd, most_fds> fds_;
  std::size_t fd_count_ = 0;
  ChannelCounters counters_;
};

}  // namespace hb::ipc
