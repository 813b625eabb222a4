// channel: two rings and a bell between the master and one child
#include "ipc/channel.hpp"

#include "os/process.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace hb::ipc {
namespace {

/// The byte of an ordinary ring; a message with a descriptor has its tag instead.
constexpr std::uint8_t ring_byte = 0;
/// Bells taken with one call; a sleep is rung for once, so more are rare.
constexpr unsigned bells_a_call = 8;

constexpr std::size_t segment_bytes(Role role) {
  return page_bytes + static_cast<std::size_t>(ring_capacity(role));
}

SegmentHeader header_for(Role child, core::LinkId link, std::uint64_t incarnation) {
  return {segment_magic, layout_version, static_cast<std::uint16_t>(child), link.value,
          layout_hash, incarnation, ring_capacity(child)};
}

core::Error os_error(const char* what) {
  const int code = errno;
  return {fmt::format("{}: {}", what, std::strerror(code)), code};
}

/// The descriptor of a message; the padding of our room would hold a second one, which is closed.
os::Fd received_fd(msghdr& message) {
  const cmsghdr* control = CMSG_FIRSTHDR(&message);
  os::Fd first;
  if (control == nullptr || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) {
    return first;
  }
  const std::size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (std::size_t i = 0; i < count; ++i) {
    int number = -1;
    std::memcpy(&number, CMSG_DATA(control) + i * sizeof number, sizeof number);
    os::Fd fd{number};
    if (i == 0) first = std::move(fd);
  }
  return first;
}

/// The ring that `from` writes and `to` reads.
RingMemory ring_memory(const SegmentPage* from, const SegmentPage* to, std::uint64_t capacity) {
  // One of the two pages is mapped read-only; producer and consumer write only their own.
  auto* producer = const_cast<SegmentPage*>(from);
  auto* consumer = const_cast<SegmentPage*>(to);
  return {&producer->tail, &consumer->head,
          reinterpret_cast<std::byte*>(producer) + page_bytes, capacity};
}

}  // namespace

core::Result<std::pair<Channel, ChildEnds>> Channel::create(Role child, core::LinkId link,
                                                            std::uint64_t incarnation) {
  Channel channel;
  ChildEnds ends;
  const SegmentHeader header = header_for(child, link, incarnation);
  for (os::Fd* segment : {&ends.up, &ends.down}) {
    auto memory = create_memory(segment == &ends.up ? "heartbeat-up" : "heartbeat-down",
                                segment_bytes(child));
    if (!memory) return std::move(memory).error();
    *segment = std::move(*memory);
    if (::pwrite(segment->get(), &header, sizeof header, 0) != sizeof header) {
      return os_error("cannot write to shared memory");
    }
  }
  channel.role_ = child;
  channel.link_ = link;
  channel.incarnation_ = incarnation;
  // Map before sealing: our mapping of `down` stays the only one that can be written.
  if (auto mapped = channel.attach(Side::master, ends.up.get(), ends.down.get()); !mapped) {
    return std::move(mapped).error();
  }
  if (auto sealed = seal(ends.up.get(), Writers::every_holder); !sealed) {
    return std::move(sealed).error();
  }
  if (auto sealed = seal(ends.down.get(), Writers::present_mappings); !sealed) {
    return std::move(sealed).error();
  }
  int bells[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, bells) != 0) {
    return os_error("cannot make a bell socket");
  }
  channel.bell_ = os::Fd{bells[0]};
  ends.bell = os::Fd{bells[1]};
  return std::pair{std::move(channel), std::move(ends)};
}

core::Result<Channel> Channel::adopt() {
  constexpr int first = os::first_inherited;
  ChildEnds ends{os::Fd{first}, os::Fd{first + 1}, os::Fd{first + 2}};
  // Must not reach programs that the runner starts.
  for (int fd = first; fd < first + 3; ++fd) {
    if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
      for (os::Fd* end : {&ends.bell, &ends.up, &ends.down}) (void)end->release();
      return core::Error{"descriptors 3, 4 and 5 are not there: this role is for heartbeat's own "
                         "use", EBADF};
    }
  }
  return adopt(std::move(ends));
}

core::Result<Channel> Channel::adopt(ChildEnds ends) {
  SegmentHeader header{};
  if (::pread(ends.down.get(), &header, sizeof header, 0) != sizeof header) {
    return os_error("cannot read the header of the shared memory");
  }
  if (header.magic != segment_magic || header.version != layout_version ||
      header.layout_hash != layout_hash) {
    return core::Error{"the shared memory has another layout: restart heartbeat after an upgrade"};
  }
  Channel channel;
  channel.role_ = static_cast<Role>(header.role);
  channel.link_ = core::LinkId{header.link};
  channel.incarnation_ = header.incarnation;
  if (auto mapped = channel.attach(Side::child, ends.up.get(), ends.down.get()); !mapped) {
    return std::move(mapped).error();
  }
  channel.bell_ = std::move(ends.bell);
  return channel;
}

core::Result<void> Channel::attach(Side side, int up, int down) {
  side_ = side;
  const bool master = side == Side::master;
  auto mine = map(master ? down : up, Access::read_write, segment_bytes(role_));
  if (!mine) return std::move(mine).error();
  auto theirs = map(master ? up : down, Access::read, segment_bytes(role_));
  if (!theirs) return std::move(theirs).error();
  mine_ = std::move(*mine);
  theirs_ = std::move(*theirs);
  my_page_ = static_cast<SegmentPage*>(mine_.get_address());
  their_page_ = static_cast<const SegmentPage*>(theirs_.get_address());
  out_ = RingProducer{ring_memory(my_page_, their_page_, ring_capacity(role_))};
  in_ = RingConsumer{ring_memory(their_page_, my_page_, ring_capacity(role_))};
  return {};
}

bool Channel::push(RecordType type, std::uint16_t flags, core::Instant time, core::Bytes payload) {
  return push(type, flags, time, payload, {});
}

bool Channel::push(RecordType type, std::uint16_t flags, core::Instant time, core::Bytes first,
                   core::Bytes second) {
  if (!out_.push(type, flags, time, first, second)) {
    ++counters_.drops;
    return false;
  }
  ++counters_.records_sent;
  counters_.bytes_sent += first.size() + second.size();
  return true;
}

void Channel::flush() {
  if (!out_.flush()) return;
  // Store tail, fence, load sleep: against store sleep, fence, load tail in prepare_to_sleep(). One
  // of the two sides sees the other's store.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const std::uint64_t sleep =
      std::atomic_ref{const_cast<SegmentPage*>(their_page_)->sleep}.load(std::memory_order_relaxed);
  if (sleep % 2 == 0 || sleep == rung_for_) return;
  rung_for_ = sleep;
  ++counters_.rings;
  // EAGAIN: rings are waiting already. EPIPE: its death is noticed by the bell's end of file.
  (void)::send(bell_.get(), &ring_byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

Violation Channel::begin_drain() {
  if (violation_ != Violation::none) return violation_;
  if (out_.violation() != Violation::none) return out_.violation();
  return in_.begin();
}

bool Channel::permitted(const RecordView& record) {
  const auto direction = side_ == Side::master ? Direction::up : Direction::down;
  const std::size_t most = permitted_bytes(role_, direction, record.type);
  if (most == 0 || record.payload.size() > most) return false;
  ++counters_.records_taken;
  counters_.bytes_taken += record.payload.size();
  return true;
}

core::Error Channel::broken(Violation violation) {
  ++counters_.violations;
  violation_ = violation;
  return {fmt::format("{} of the {}'s ring", name_of(violation), name_of(role_)), EPROTO};
}

bool Channel::prepare_to_sleep() {
  if (sleep_ % 2 == 0) {
    std::atomic_ref{my_page_->sleep}.store(++sleep_, std::memory_order_relaxed);
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (violation_ != Violation::none || !in_.anything_waiting()) return true;
  awake();
  return false;
}

void Channel::awake() {
  if (sleep_ % 2 == 0) return;
  std::atomic_ref{my_page_->sleep}.store(++sleep_, std::memory_order_relaxed);
}

// ---- bell -------------------------------------------------------------------------------------

BellState Channel::take_bell() {
  const bool takes_fds = side_ == Side::child || role_ == Role::runner;
  std::array<std::uint8_t, bells_a_call> bytes{};
  std::array<iovec, bells_a_call> parts{};
  std::array<mmsghdr, bells_a_call> messages{};
  alignas(cmsghdr) std::array<char[CMSG_SPACE(sizeof(int))], bells_a_call> controls{};
  for (unsigned i = 0; i < bells_a_call; ++i) {
    parts[i] = {&bytes[i], 1};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    if (!takes_fds) continue;  // without room for descriptors the kernel drops them
    messages[i].msg_hdr.msg_control = controls[i];
    messages[i].msg_hdr.msg_controllen = sizeof controls[i];
  }
  const int count = ::recvmmsg(bell_.get(), messages.data(), bells_a_call,
                               MSG_DONTWAIT | MSG_CMSG_CLOEXEC, nullptr);
  if (count < 0) {
    return errno == EAGAIN || errno == EINTR ? BellState::none : BellState::closed;
  }
  BellState state = BellState::none;
  for (unsigned i = 0; i < static_cast<unsigned>(count); ++i) {
    if (messages[i].msg_len == 0) return BellState::closed;  // end of file: nobody sends 0 bytes
    state = BellState::rung;
    os::Fd fd = received_fd(messages[i].msg_hdr);
    if (fd.valid() && fd_count_ < most_fds) fds_[fd_count_++] = {bytes[i], std::move(fd)};
  }
  return state;
}

core::Result<void> Channel::send_fd(std::uint8_t tag, int fd) {
  iovec part{&tag, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(head), &fd, sizeof fd);
  if (::sendmsg(bell_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) != 1) {
    return os_error("cannot pass a descriptor on");
  }
  return {};
}

std::optional<ReceivedFd> Channel::take_fd() {
  if (fd_count_ == 0) return std::nullopt;
  ReceivedFd oldest = std::move(fds_[0]);
  std::move(fds_.begin() + 1, fds_.begin() + static_cast<std::ptrdiff_t>(fd_count_), fds_.begin());
  --fd_count_;
  return oldest;
}

// ---- counters on the child's page -------------------------------------------------------------

void Channel::count(ChildCounter counter, std::uint64_t amount) {
  std::atomic_ref word{my_page_->counters[static_cast<std::size_t>(counter)]};
  word.store(word.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

void Channel::set_count(ChildCounter counter, std::uint64_t value) {
  std::atomic_ref{my_page_->counters[static_cast<std::size_t>(counter)]}.store(
      value, std::memory_order_relaxed);
}

std::uint64_t Channel::child_count(ChildCounter counter) const {
  auto* page = side_ == Side::child ? my_page_ : const_cast<SegmentPage*>(their_page_);
  return std::atomic_ref{page->counters[static_cast<std::size_t>(counter)]}.load(
      std::memory_order_relaxed);
}

void Channel::stamp_progress(core::Instant now) {
  std::atomic_ref{my_page_->progress_ns}.store(now.time_since_epoch().count(),
                                               std::memory_order_relaxed);
}

core::Instant Channel::other_progress() const {
  auto* page = const_cast<SegmentPage*>(their_page_);
  return core::Instant{
      core::Duration{std::atomic_ref{page->progress_ns}.load(std::memory_order_relaxed)}};
}

}  // namespace hb::ipc
