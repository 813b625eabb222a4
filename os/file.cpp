// file: reading with a bound and without surprises, writing that is whole or not at all, pid files
#include "os/file.hpp"

#include "os/fd.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hb::os {
namespace {

/// The pid and its newline (configuration §9).
constexpr std::size_t pid_file_bytes = 11;

core::Error failed(const char* what, const std::string& path, int code) {
  return {fmt::format("cannot {} {}: {}", what, path, std::strerror(code)), code};
}

core::Result<void> write_all(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return failed("write", path, written < 0 ? errno : EIO);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

core::Result<void> write_new(const std::string& path, std::string_view content, mode_t mode) {
  const Fd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!file.valid()) return failed("make", path, errno);
  if (auto written = write_all(file.get(), content, path); !written) return written;
  if (::fchmod(file.get(), mode) != 0) return failed("set the mode of", path, errno);
  if (::fsync(file.get()) != 0) return failed("sync", path, errno);
  return {};
}

void sync_folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const Fd fd{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  // Some file systems cannot sync a folder; the content is safe either way.
  if (fd.valid()) (void)::fsync(fd.get());
}

}  // namespace

core::Result<std::string> read_file(const std::string& path, std::size_t limit, Links links) {
  // O_NONBLOCK: a FIFO or a modem line would keep open() waiting.
  const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY |
                    (links == Links::refuse ? O_NOFOLLOW : 0);
  const Fd file{::open(path.c_str(), flags)};
  if (!file.valid()) return failed("open", path, errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return failed("look at", path, errno);
  if (!S_ISREG(info.st_mode)) {
    return core::Error{fmt::format("{} is not a regular file; replace it by one", path), EINVAL};
  }
  const core::Error too_long{fmt::format("{} is longer than {} bytes; shorten it", path, limit),
                             EFBIG};
  if (static_cast<std::uint64_t>(info.st_size) > limit) return too_long;
  std::string content;
  char part[4096];
  for (;;) {
    const ssize_t got = ::read(file.get(), part, sizeof part);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("read", path, errno);
    if (got == 0) return {boost::system::in_place_value, std::move(content)};
    content.append(part, static_cast<std::size_t>(got));
    if (content.size() > limit) return too_long;  // it grew meanwhile
  }
}

core::Result<void> write_atomically(const std::string& path, std::string_view content,
                                    mode_t mode) {
  const std::string temporary = fmt::format("{}.{}.tmp", path, ::getpid());
  (void)::unlink(temporary.c_str());  // left by an earlier process of our number
  auto written = write_new(temporary, content, mode);
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) {
    written = failed("rename the new content over", path, errno);
  }
  if (!written) {
    (void)::unlink(temporary.c_str());
    return written;
  }
  sync_folder_of(path);
  return {};
}

core::Result<void> write_pid_file(const std::string& path, pid_t pid) {
  return write_atomically(path, fmt::format("{:>10}\n", pid), 0644);
}

std::optional<pid_t> read_pid_file(const std::string& path) {
  // Other programs may have written it, so leading and trailing blanks of any number pass.
  const auto content = read_file(path, 4 * pid_file_bytes);
  if (!content) return std::nullopt;
  std::string_view text{*content};
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return std::nullopt;
  text.remove_prefix(first);
  text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (error != std::errc{} || end != text.data() + text.size() || pid <= 0) return std::nullopt;
  return pid;
}

namespace {

std::string read_proc(const std::string& path) {
  const Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  char text[512];
  const ssize_t size = fd.valid() ? ::read(fd.get(), text, sizeof text) : 0;
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string{};
}

}  // namespace

bool process_exists(pid_t pid) {
  if (pid <= 0 || (::kill(pid, 0) != 0 && errno != EPERM)) return false;
  // A zombie answers signals, but nothing runs any more: "12 (name) Z ...".
  const auto state = read_proc("/proc/" + std::to_string(pid) + "/stat");
  const auto name_end = state.rfind(')');
  return name_end == std::string::npos || name_end + 2 >= state.size() ||
         state[name_end + 2] != 'Z';
}

std::string boot_id() {
  auto text = read_file("/proc/sys/kernel/random/boot_id", 64);
  if (!text) return {};
  std::erase(*text, '\n');
  return *text;
}

}  // namespace hb::os
