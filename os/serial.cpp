// serial: opens a serial line for heartbeats, raw and locked against other programs
#include "os/serial.hpp"

#include "os/file.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

namespace hb::os {
namespace {

struct Speed {
  unsigned baud;
  speed_t code;
};
constexpr std::array speeds = {
    Speed{9600, B9600},     Speed{19200, B19200},   Speed{38400, B38400},   Speed{57600, B57600},
    Speed{115200, B115200}, Speed{230400, B230400}, Speed{460800, B460800},
};

/// Far more than a process id and blanks.
constexpr std::size_t lock_bytes = 64;

core::Error failed(const std::string& what, int code = errno) {
  return {fmt::format("{}: {}", what, std::strerror(code)), code};
}

/// The process that a lock names; 0 if the text is none.
pid_t owner_of(const std::string& path) {
  const auto text = read_file(path, lock_bytes, Links::refuse);
  if (!text) return 0;
  const auto first = text->find_first_not_of(' ');
  pid_t owner = 0;
  if (first == std::string::npos) return 0;
  (void)std::from_chars(text->data() + first, text->data() + text->size(), owner);
  return std::max(owner, 0);
}

bool is_alive(pid_t process) {
  return process > 0 && (::kill(process, 0) == 0 || errno == EPERM);
}

}  // namespace

core::Result<LineLock> LineLock::take(const std::string& folder, const std::string& device) {
  const std::string path = fmt::format("{}/LCK..{}", folder,
                                       device.substr(device.find_last_of('/') + 1));
  for (int attempt = 0; attempt < 2; ++attempt) {
    const Fd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644)};
    if (file) {
      const std::string text = fmt::format("{:>10}\n", ::getpid());
      if (::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) {
        return LineLock{path};
      }
      const core::Error error = failed("cannot write the lock file " + path);
      ::unlink(path.c_str());
      return error;
    }
    if (errno != EEXIST) return failed("cannot make the lock file " + path);
    const pid_t owner = owner_of(path);
    if (owner != ::getpid() && is_alive(owner)) {
      return core::Error{fmt::format("process {} uses {} ({}); end it, or remove that file", owner,
                                     device, path), EBUSY};
    }
    ::unlink(path.c_str());  // of a process that is gone
  }
  return core::Error{fmt::format("somebody makes the lock file {} again and again", path), EBUSY};
}

LineLock::LineLock(LineLock&& other) noexcept : path_{std::exchange(other.path_, {})} {}

LineLock& LineLock::operator=(LineLock&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

LineLock::~LineLock() {
  if (!path_.empty() && owner_of(path_) == ::getpid()) ::unlink(path_.c_str());
}

core::Result<Fd> open_serial_line(const std::string& device, Baud baud) {
  const auto speed = std::ranges::find(speeds, baud.value, &Speed::baud);
  if (speed == speeds.end()) {
    return core::Error{fmt::format("no serial line has {} baud", baud.value), EINVAL};
  }
  Fd line{::open(device.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)};
  if (!line) return failed("cannot open " + device);
  termios settings{};
  if (::tcgetattr(line.get(), &settings) != 0) return failed(device + " is no terminal line");
  ::cfmakeraw(&settings);
  settings.c_iflag |= IGNCR;
  settings.c_cflag |= CREAD | CLOCAL | CRTSCTS;
  settings.c_cflag &= ~static_cast<tcflag_t>(CSTOPB);
  settings.c_cc[VMIN] = settings.c_cc[VTIME] = 1;
  if (::cfsetispeed(&settings, speed->code) != 0 || ::cfsetospeed(&settings, speed->code) != 0 ||
      ::tcsetattr(line.get(), TCSANOW, &settings) != 0) {
    return failed(fmt::format("cannot set {} to {} baud", device, baud.value));
  }
  (void)::tcflush(line.get(), TCIOFLUSH);  // what came before we listened is no message
  return line;
}

std::optional<Baud> serial_speed(int descriptor) {
  termios settings{};
  if (::tcgetattr(descriptor, &settings) != 0) return std::nullopt;
  const auto speed = std::ranges::find(speeds, ::cfgetospeed(&settings), &Speed::code);
  return speed == speeds.end() ? Baud{speeds.front().baud} : Baud{speed->baud};
}

void send_break(int descriptor) { (void)::tcsendbreak(descriptor, 0); }

}  // namespace hb::os
