// state_writer: puts the master's state files on disk, without waiting for the disk
#include "status/state_writer.hpp"

#include "os/file.hpp"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace hb::status {

namespace {

constexpr mode_t only_root = 0600;
/// Different files that may wait; the master has fewer.
constexpr std::size_t most_waiting = 32;

}  // namespace

bool is_state_file_name(std::string_view name) {
  constexpr std::size_t longest = 64;
  if (name.empty() || name.size() > longest || name.front() == '.') return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '-' || c == '.';
  });
}

StateWriter::~StateWriter() {
  if (child_) surroundings_.loop.unwatch(child_.get());
}

void StateWriter::write(std::string_view name, std::string_view content) {
  if (!is_state_file_name(name) || waiting_.size() >= most_waiting) {
    surroundings_.log(core::LogLevel::error, "A state file of the master is not written: bad name "
                                             "or too many wait");
    return;
  }
  const auto same = std::ranges::find(waiting_, name, &File::name);
  if (same != waiting_.end())
    same->content = content;
  else
    waiting_.push_back({std::string(name), std::string(content)});
  if (!child_) start_next();
}

void StateWriter::start_next() {
  if (waiting_.empty()) return;
  const File file = std::move(waiting_.front());
  waiting_.pop_front();
  path_ = surroundings_.settings.state_dir + '/' + file.name;
  pid_ = ::fork();
  if (pid_ == 0) {
    const auto written = os::write_atomically(path_, file.content, only_root);
    ::_exit(written ? 0 : std::max(written.error().os_error & 0x7f, 1));
  }
  if (pid_ > 0) child_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!child_) {
    // No process or descriptor left: then it is written here after all.
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
    const auto written = os::write_atomically(path_, file.content, only_root);
    if (!written) surroundings_.log(core::LogLevel::error, written.error().text);
    return;
  }
  surroundings_.loop.watch(child_.get(), [this] { ended(); });
}

void StateWriter::ended() {
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0)
    return;
  surroundings_.loop.unwatch(child_.get());
  child_.reset();
  if (info.si_code != CLD_EXITED || info.si_status != 0)
    surroundings_.log(core::LogLevel::error,
                      path_ + " could not be written: " +
                          (info.si_code == CLD_EXITED ? std::strerror(info.si_status) : "killed"));
  start_next();
}

}  // namespace hb::status
