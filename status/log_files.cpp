// log_files: opens the configured log files for those who may not, and where scripts write to
#include "status/log_files.hpp"

#include "os/confine.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace hb::status {

namespace {

constexpr mode_t log_mode = 0644;
constexpr mode_t spare_mode = 0600;
/// More than the output that is ever asked for; the spare file lies in memory.
constexpr off_t spare_bytes = 1 << 20;
constexpr const char* log_user = "hacluster";
constexpr const char* log_group = "haclient";

core::Error failed(const std::string& path, const char* what, int error) {
  return {path + ": " + what + ": " + std::strerror(error), error};
}

/// Appending, also for reading: the end of a script's output is read back. Only a regular file: the
/// open must not wait for a FIFO's reader.
core::Result<os::Fd> open_log(const std::string& path) {
  constexpr int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  os::Fd fd(::open(path.c_str(), flags | O_CREAT | O_EXCL, log_mode));
  if (fd) {
    // habit: a new log file belongs to the daemon's user; a host without one keeps it root's
    if (const auto owner = os::account(log_user, log_group))
      (void)!::fchown(fd.get(), owner->user, owner->group);
    ::fchmod(fd.get(), log_mode);
    return fd;
  }
  fd.reset(::open(path.c_str(), flags));
  if (!fd) return failed(path, "cannot be opened", errno);
  struct stat facts {};
  if (::fstat(fd.get(), &facts) != 0) return failed(path, "cannot be examined", errno);
  if (!S_ISREG(facts.st_mode))
    return core::Error{path + " is not a regular file; name another one in ha.cf", EINVAL};
  return fd;
}

bool is_file(const std::string& path) {
  return !path.empty() && path != "/dev/null";
}

}  // namespace

LogFiles::LogFiles()
    : null_(::open("/dev/null", O_RDWR | O_CLOEXEC)), log_{{}, 'l', {}}, debug_{{}, 'd', {}} {
  ENSURE(null_.valid());
}

void LogFiles::configure(const std::string& logfile, const std::string& debugfile,
                         const std::string& spare) {
  for (File* file : {&log_, &debug_}) {
    const std::string& path = file == &log_ ? logfile : debugfile;
    if (file->path != path) file->fd.reset();
    file->path = is_file(path) ? path : std::string();
    file->passed = false;
    file->complained = false;
  }
  if (spare_path_ == spare) return;
  spare_path_ = spare;
  constexpr int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  spare_.reset(::open(spare.c_str(), flags, spare_mode));
}

void LogFiles::check(const Pass& pass, const Complain& complain) {
  check(log_, pass, complain);
  check(debug_, pass, complain);
  trim_spare();
}

void LogFiles::check(File& file, const Pass& pass, const Complain& complain) {
  if (file.path.empty()) return;
  struct stat facts {};
  const bool is_same = file.fd && ::stat(file.path.c_str(), &facts) == 0 &&
                       facts.st_dev == file.device && facts.st_ino == file.inode;
  if (!is_same) {
    auto opened = open_log(file.path);
    if (!opened) {
      if (!file.complained) complain(opened.error().text);
      file.complained = true;
      return;  // what was open goes on being written: late lines are better than none
    }
    ENSURE(::fstat(opened->get(), &facts) == 0);
    file.fd = std::move(*opened);
    file.device = facts.st_dev;
    file.inode = facts.st_ino;
    file.passed = file.complained = false;
  }
  if (!file.passed) file.passed = pass(file.tag, file.fd.get()).has_value();
}

void LogFiles::trim_spare() {
  struct stat facts {};
  if (spare_ && ::fstat(spare_.get(), &facts) == 0 && facts.st_size > spare_bytes)
    (void)!::ftruncate(spare_.get(), 0);
}

int LogFiles::script_output() const {
  if (debug_.fd) return debug_.fd.get();
  return spare_ ? spare_.get() : null_.get();
}

OutputMark LogFiles::mark() const {
  struct stat facts {};
  const int fd = debug_.fd ? debug_.fd.get() : spare_.get();
  if (fd < 0 || ::fstat(fd, &facts) != 0) return {};
  // A copy: the file may be rotated before the script ends.
  return {os::Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 3)), static_cast<std::uint64_t>(facts.st_size)};
}

std::string LogFiles::since(const OutputMark& mark, std::size_t limit) {
  struct stat facts {};
  if (!mark.fd || ::fstat(mark.fd.get(), &facts) != 0) return {};
  const auto size = static_cast<std::uint64_t>(facts.st_size);
  const std::uint64_t from = std::max(size < mark.at ? 0 : mark.at,
                                      size > limit ? size - limit : 0);
  std::string text(size > from ? size - from : 0, '\0');
  const ssize_t got = ::pread(mark.fd.get(), text.data(), text.size(), static_cast<off_t>(from));
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

}  // namespace hb::status
