// sources: reads the files of a cluster, and what this machine knows about it
#include "clients/cib/sources.hpp"

#include "core/config_text.hpp"
#include "core/resource_options.hpp"
#include "os/file.hpp"
#include "os/netlink.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include <netdb.h>
#include <sys/socket.h>
#include <sys/utsname.h>

namespace hb::clients::cib {

namespace {

using core::Finding;
using core::Severity;

/// No configuration is a hundredth as long; bounds what a mistaken path can cost.
constexpr std::size_t file_bytes = 1 << 20;

core::Result<std::string> read(const std::string& folder, std::string_view file) {
  const std::string path = fmt::format("{}/{}", folder, file);
  auto text = os::read_file(path, file_bytes, os::Links::follow);
  if (text) return text;
  core::Error error = text.error();
  if (error.os_error == ENOENT) error.text += "; name the folder of the files with -c";
  return error;
}

core::ParsedConfig parse_as(std::string_view text, std::string_view node) {
  core::HostFacts facts;
  facts.node_name = node;
  return core::parse_ha_cf(text, facts);
}

/// `stonith TYPE FILE`: the parameters are the first line of the file that has any.
std::vector<std::string> parameters_in(const std::string& path) {
  std::vector<std::string> parameters;
  const auto text = os::read_file(path, file_bytes, os::Links::follow);
  std::string_view rest = text ? std::string_view{*text} : std::string_view{};
  while (!rest.empty() && parameters.empty()) {
    const std::string_view line = core::take_line(rest);
    if (line.starts_with('#')) continue;
    for (const core::Word& word : core::words_of(line)) parameters.emplace_back(word.text);
  }
  return parameters;
}

/// What one node uses, as it reads ha.cf: lines for other nodes do not count for it.
void add_fencing(Cluster& cluster, const std::string& node, const core::StonithConfig& device) {
  FencingLine line{.type = device.type, .parameters = {}, .users = {}};
  if (device.host.empty()) {
    line.parameters = parameters_in(device.parameters);
  } else {
    for (const core::Word& word : core::words_of(device.parameters)) {
      line.parameters.emplace_back(word.text);
    }
  }
  const auto same = std::find_if(cluster.fencing.begin(), cluster.fencing.end(),
                                 [&](const FencingLine& one) {
                                   return one.type == line.type &&
                                          one.parameters == line.parameters;
                                 });
  auto& users = same != cluster.fencing.end() ? same->users
                                              : cluster.fencing.emplace_back(line).users;
  users.push_back(node);
}

std::vector<std::string> names_in(const std::string& folder, std::string_view ending) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    std::string name = entry.path().filename().string();
    if (!name.ends_with(ending)) continue;
    name.resize(name.size() - ending.size());
    names.push_back(std::move(name));
  }
  return names;
}

std::vector<std::string> resolve(const std::string& name) {
  std::vector<std::string> found;
  addrinfo* list = nullptr;
  if (::getaddrinfo(name.c_str(), nullptr, nullptr, &list) != 0) return found;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    char text[NI_MAXHOST] = {};
    if (::getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, nullptr, 0,
                      NI_NUMERICHOST) == 0) {
      found.emplace_back(text);
    }
  }
  ::freeaddrinfo(list);
  return found;
}

void look_at_network(Machine& machine) {
  auto netlink = os::Netlink::open();
  if (!netlink) return;
  const auto interfaces = netlink->interfaces();
  const auto addresses = netlink->addresses();
  if (!interfaces || !addresses) return;
  for (const os::HeldAddress& held : *addresses) {
    const auto interface =
        std::find_if(interfaces->begin(), interfaces->end(),
                     [&](const os::Interface& one) { return one.index == held.interface; });
    // A service address is no address of the node.
    if (interface == interfaces->end() || held.secondary ||
        held.address.is_link_local_v6()) continue;
    machine.addresses[interface->name].push_back(os::text_of(held.address));
  }
}

}  // namespace

core::Result<Sources> read_sources(const std::string& folder) {
  const auto ha_cf = read(folder, "ha.cf");
  if (!ha_cf) return ha_cf.error();
  const auto haresources = read(folder, "haresources");
  if (!haresources) return haresources.error();

  Sources sources;
  Cluster& cluster = sources.cluster;
  cluster.config = parse_as(*ha_cf, "").config;
  const std::vector<std::string> nodes = cluster.nodes();
  if (nodes.empty()) return core::Error{"ha.cf: no line `node` names the nodes"};
  for (const std::string& node : nodes) {
    core::ParsedConfig parsed = parse_as(*ha_cf, node);
    if (!parsed.config.stonith.empty()) {
      add_fencing(cluster, node, parsed.config.stonith.back());
    }
    if (&node != &nodes.front()) continue;
    cluster.config = std::move(parsed.config);
    sources.findings = std::move(parsed.findings);
  }
  for (FencingLine& line : cluster.fencing) {
    if (line.users.size() == nodes.size()) line.users.clear();
  }
  if (!cluster.config.manages_resources) {
    return core::Error{"ha.cf: with `pacemaker` on, haresources is not used and Pacemaker has its "
                       "configuration already"};
  }
  const auto name = cluster.config.parameters.find("cluster");
  if (name != cluster.config.parameters.end()) cluster.name = name->second;

  core::ParsedResources parsed = core::parse_haresources(*haresources, cluster.config);
  cluster.groups = std::move(parsed.groups);
  sources.findings.insert(sources.findings.end(), parsed.findings.begin(), parsed.findings.end());
  if (const auto options = read(folder, "haresources.options")) {
    auto found = core::apply_resource_options(*options, cluster.groups);
    sources.findings.insert(sources.findings.end(), found.begin(), found.end());
  } else if (options.error().os_error != ENOENT) {
    return options.error();
  }
  return sources;
}

void look_around(Cluster& cluster, const std::string& folder) {
  Machine& machine = cluster.machine;
  const std::vector<std::string> nodes = cluster.nodes();
  utsname name{};
  if (::uname(&name) == 0) {
    const std::string own = core::lower(name.nodename);
    if (std::find(nodes.begin(), nodes.end(), own) != nodes.end()) {
      machine.node = own;
      look_at_network(machine);
    }
  }
  for (const std::string& node : nodes) machine.resolved[node] = resolve(node);
  for (const core::MediumConfig& medium : cluster.config.media) {
    const bool numeric = core::is_ipv4(medium.address) || core::is_ipv6(medium.address);
    if (core::is_ping(medium.type) || medium.address.empty() || numeric) continue;
    machine.resolved.try_emplace(medium.address, resolve(medium.address));
  }
  for (const char* units : {"/etc/systemd/system", "/lib/systemd/system",
                            "/usr/lib/systemd/system"}) {
    auto found = names_in(units, ".service");
    machine.units.insert(machine.units.end(), found.begin(), found.end());
  }
  machine.init_scripts = names_in("/etc/init.d", "");
  machine.resource_scripts = names_in(folder + "/resource.d", "");
}

}  // namespace hb::clients::cib
