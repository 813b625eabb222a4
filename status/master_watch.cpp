// master_watch: whether the master still takes turns; one that hangs is as dead as one that died
#include "status/master_watch.hpp"

#include <csignal>
#include <utility>

#include <unistd.h>

namespace hb::status {
namespace {

constexpr int looks = 8;  // within the patience

}  // namespace

bool TurnWatch::is_hung(core::Instant now, std::uint64_t turns) {
  if (now < next_look_) return false;
  const core::Duration pause = patience_ / looks;
  const bool were_late = now - next_look_ > pause;  // also at the first look
  next_look_ = now + pause;
  if (std::exchange(turns_, turns) != turns || were_late) quiet_since_ = now;
  return now - quiet_since_ >= patience_;
}

void MasterWatch::begin(const std::string& board, core::Duration patience) {
  master_ = ::getppid();
  auto reader = ipc::BoardReader::open(board);
  if (!reader || reader->identity().pid != master_) return;
  board_.emplace(std::move(*reader));
  watch_.emplace(patience);
}

bool MasterWatch::end_if_hung(core::Instant now) {
  if (!watch_ || !watch_->is_hung(now, board_->turns())) return false;
  watch_.reset();
  // Still our parent: its number cannot be another process's yet.
  return ::getppid() == master_ && ::kill(master_, SIGKILL) == 0;
}

core::Instant MasterWatch::next_deadline() const {
  return watch_ ? watch_->next_look() : core::never;
}

core::Duration MasterWatch::patience() const {
  return watch_ ? watch_->patience() : core::Duration{};
}

}  // namespace hb::status
