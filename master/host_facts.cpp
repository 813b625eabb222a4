// host_facts: what parsing ha.cf must know of this host: interfaces, services, users, files
#include "master/host_facts.hpp"

#include "os/fd.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <netdb.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>

namespace hb::master {

namespace {

constexpr std::string_view stonith_plugins = "/usr/lib/stonith/plugins/";

bool resolves(std::string_view host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(std::string{host}.c_str(), nullptr, &hints, &found) != 0) return false;
  ::freeaddrinfo(found);
  return true;
}

std::optional<struct stat> about(std::string_view path) {
  struct stat result {};
  if (::stat(std::string{path}.c_str(), &result) != 0) return std::nullopt;
  return result;
}

bool exists(std::string_view path) {
  return about(path).has_value();
}

bool is_executable(std::string_view path) {
  const auto file = about(path);
  return file && S_ISREG(file->st_mode) && (file->st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0;
}

bool is_char_device(std::string_view path) {
  const auto file = about(path);
  return file && S_ISCHR(file->st_mode);
}

/// Non-blocking: a serial line without carrier must not hold us up.
bool is_tty(std::string_view path) {
  const os::Fd line{::open(std::string{path}.c_str(),
                           O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)};
  return line.valid() && ::isatty(line.get()) == 1;
}

bool user_exists(std::string_view user) {
  return ::getpwnam(std::string{user}.c_str()) != nullptr;
}

bool group_exists(std::string_view group) {
  return ::getgrnam(std::string{group}.c_str()) != nullptr;
}

bool knows_stonith(std::string_view type) {
  if (type.find("..") != std::string_view::npos) return false;
  const std::string plugins{stonith_plugins};
  if (type.starts_with("external/")) return is_executable(plugins + std::string{type});
  return exists(plugins + "stonith2/" + std::string{type} + ".so");
}

std::string service_of(std::uint16_t port) {
  const servent* service = ::getservbyport(::htons(port), "udp");
  return service == nullptr ? std::string{} : std::string{service->s_name};
}

}  // namespace

core::HostFacts gather_host_facts(std::string node_name, Devices devices) {
  core::HostFacts facts;
  facts.node_name = std::move(node_name);
  if (auto* const interfaces = ::if_nameindex(); interfaces != nullptr) {
    for (auto* entry = interfaces; entry->if_index != 0; ++entry) {
      facts.interfaces.emplace_back(entry->if_name);
    }
    ::if_freenameindex(interfaces);
  }
  if (const servent* service = ::getservbyname("ha-cluster", "udp"); service != nullptr) {
    facts.default_port = ::ntohs(static_cast<std::uint16_t>(service->s_port));
  }
  facts.lookup = {.resolves = resolves,
                  .is_executable = is_executable,
                  .is_tty = is_tty,
                  .user_exists = user_exists,
                  .group_exists = group_exists,
                  .exists = exists,
                  .is_char_device = is_char_device,
                  .knows_stonith = knows_stonith,
                  .service_of = service_of};
  if (devices == Devices::may_be_away) {
    facts.interfaces.clear();
    facts.lookup.exists = facts.lookup.is_char_device = facts.lookup.is_tty = nullptr;
  }
  return facts;
}

}  // namespace hb::master
