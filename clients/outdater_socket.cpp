// outdater_socket: the socket between dopd and drbd-peer-outdater, and its messages
#include "clients/outdater_socket.hpp"

#include "core/frame.hpp"

#include <fmt/core.h>

#include <array>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace hb::clients {
namespace {

/// A request has two names and some words.
constexpr std::size_t longest_message = 4096;
constexpr int backlog = 16;

core::Error failed(const std::string& what) {
  const int code = errno;
  return {fmt::format("{} {}: {}", what, outdater_path, std::strerror(code)), code};
}

sockaddr_un address() {
  sockaddr_un result{};
  result.sun_family = AF_UNIX;
  std::strncpy(result.sun_path, outdater_path, sizeof result.sun_path - 1);
  return result;
}

os::Fd open_socket() {
  return os::Fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
}

}  // namespace

core::Result<os::Fd> listen_for_outdaters() {
  constexpr mode_t folder_mode = 0750;  // the group may ask
  if (::mkdir(outdater_folder, folder_mode) == 0) (void)::chmod(outdater_folder, folder_mode);
  if (connect_to_dopd()) {
    return core::Error{fmt::format("another dopd serves {} already", outdater_path), EADDRINUSE};
  }
  ::unlink(outdater_path);
  os::Fd socket = open_socket();
  const sockaddr_un name = address();
  if (!socket.valid() ||
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 ||
      ::chmod(outdater_path, 0777) != 0 || ::listen(socket.get(), backlog) != 0) {
    return failed("cannot listen on");
  }
  return socket;
}

core::Result<os::Fd> connect_to_dopd() {
  os::Fd socket = open_socket();
  const sockaddr_un name = address();
  if (!socket.valid() ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
    return failed("cannot reach dopd at");
  }
  return socket;
}

OutdaterConnection::State OutdaterConnection::fill() {
  std::array<std::byte, longest_message> bytes;
  const ssize_t got = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
  if (got < 0) return errno == EAGAIN || errno == EINTR ? State::open : State::closed;
  if (got == 0) return State::closed;
  reader_.append(core::Bytes{bytes.data(), static_cast<std::size_t>(got)});
  const bool too_long = reader_.state() == core::ApiFrameReader::State::incomplete &&
                        reader_.size() > longest_message;
  if (too_long || reader_.state() == core::ApiFrameReader::State::broken) return State::closed;
  return State::open;
}

std::optional<core::Message> OutdaterConnection::next() {
  while (reader_.state() == core::ApiFrameReader::State::whole) {
    core::Message message;
    const bool parses = core::decode(reader_.body(), message).has_value();
    reader_.pop();
    if (parses) return message;
  }
  return std::nullopt;
}

OutdaterConnection::State OutdaterConnection::send(const core::Message& message) {
  std::string body, frame;
  core::append_client_body(message, core::Framing::text, body);
  core::append_api_frame(core::as_bytes(body), frame);
  const ssize_t sent = ::send(socket_.get(), frame.data(), frame.size(), MSG_NOSIGNAL);
  return sent == static_cast<ssize_t>(frame.size()) ? State::open : State::closed;
}

}  // namespace hb::clients
