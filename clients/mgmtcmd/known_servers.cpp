// known_servers: the certificates that servers showed at the first use, in a file of the user
#include "clients/mgmtcmd/known_servers.hpp"

#include "os/file.hpp"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fmt/core.h>

namespace hb::clients::mgmtcmd {

namespace {

using core::Error;
using core::Result;

constexpr std::size_t file_bytes = 1 << 20;

/// The fingerprint kept for `name`; empty if there is none.
std::string_view find(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.starts_with(name) && line.substr(name.size()).starts_with(' '))
      return line.substr(name.size() + 1);
  }
  return {};
}

}  // namespace

Result<std::string> known_servers_path() {
  const char* home = ::secure_getenv("HOME");
  if (home == nullptr || *home == '\0') {
    const passwd* entry = ::getpwuid(::getuid());
    if (entry == nullptr) return Error{"you have no home folder to keep the server's certificate"};
    home = entry->pw_dir;
  }
  return core::ok(std::string(home) + "/.systole/known_servers");
}

Result<Acquaintance> meet(const std::string& path, const std::string& server, std::uint16_t port,
                          std::string_view fingerprint) {
  if (fingerprint.empty()) return Error{server + " showed no certificate"};
  if (server.find_first_of(" \n") != std::string::npos) return Error{"not a server's name"};
  const std::string name = fmt::format("{}:{}", server, port);
  auto text = os::read_file(path, file_bytes, os::Links::follow);
  if (!text && text.error().os_error != ENOENT) return text.error();
  const std::string_view known = text ? find(*text, name) : std::string_view{};
  if (known == fingerprint) return Acquaintance::same;
  if (!known.empty())
    return Error{fmt::format(
        "the certificate of {} is not the one that was pinned at the first use.\n"
        "  pinned: {}\n  shown:  {}\n"
        "Somebody may stand between you and the server; nothing was sent to it. If the server\n"
        "got a new certificate (compare with: openssl x509 -noout -fingerprint -sha256\n"
        "-in /etc/ha.d/mgmt-certificate.pem), remove the line of {} from {}",
        name, known, fingerprint, name, path)};
  const std::string folder = path.substr(0, path.rfind('/'));
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return Error{fmt::format("{}: {}", folder, std::strerror(errno)), errno};
  std::string next = text ? *text : std::string{};
  if (!next.empty() && !next.ends_with('\n')) next += '\n';
  next += fmt::format("{} {}\n", name, fingerprint);
  if (auto written = os::write_atomically(path, next, 0600); !written) return written.error();
  return Acquaintance::fresh;
}

}  // namespace hb::clients::mgmtcmd
