// password: reads a password from the terminal without showing it
#include "clients/mgmtcmd/password.hpp"

#include "os/fd.hpp"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace hb::clients::mgmtcmd {

namespace {

constexpr std::size_t longest = 1024;

/// Switches echo off for as long as it lives.
class Silence {
 public:
  explicit Silence(int terminal) : terminal_(terminal) {
    if (::tcgetattr(terminal_, &before_) != 0) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    quiet.c_lflag |= ECHONL;
    changed_ = ::tcsetattr(terminal_, TCSAFLUSH, &quiet) == 0;
  }
  ~Silence() {
    if (changed_) ::tcsetattr(terminal_, TCSAFLUSH, &before_);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

 private:
  int terminal_;
  termios before_{};
  bool changed_ = false;
};

core::Result<std::string> read_line(int source) {
  std::string line;
  char c = 0;
  ssize_t got = 0;
  while (line.size() < longest && (got = ::read(source, &c, 1)) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return core::Error{std::string("no password: ") + std::strerror(errno), errno};
    if (c == '\n') return core::ok(line);
    line.push_back(c);
  }
  if (line.empty()) return core::Error{"no password given"};
  return core::ok(line);
}

}  // namespace

core::Result<std::string> read_password(const std::string& prompt) {
  if (::isatty(STDIN_FILENO) == 0) return read_line(STDIN_FILENO);
  const os::Fd terminal{::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)};
  const int source = terminal ? terminal.get() : STDIN_FILENO;
  const int shown = terminal ? terminal.get() : STDERR_FILENO;
  (void)!::write(shown, prompt.data(), prompt.size());
  const Silence silence(source);
  return read_line(source);
}

}  // namespace hb::clients::mgmtcmd
