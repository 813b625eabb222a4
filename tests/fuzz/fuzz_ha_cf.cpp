// fuzz_ha_cf: any bytes as ha.cf: no crash, and what is accepted keeps the promises of Config
#include "core/ha_cf.hpp"
#include "core/result.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace {

using namespace hb::core;

/// Answers that depend on the name only, so that both are met.
bool perhaps(std::string_view name) {
  return name.size() % 4 != 3;
}

HostFacts host() {
  HostFacts facts;
  facts.node_name = "n1";
  facts.interfaces = {"lo", "eth0", "eth1"};
  facts.lookup = {.resolves = perhaps,
                  .is_executable = perhaps,
                  .is_tty = perhaps,
                  .user_exists = perhaps,
                  .group_exists = perhaps,
                  .exists = perhaps,
                  .is_char_device = perhaps,
                  .knows_stonith = perhaps,
                  .service_of = [](std::uint16_t port) {
                    return port % 2 == 0 ? std::string{"domain"} : std::string{};
                  }};
  return facts;
}

void check_accepted(const Config& config) {
  ENSURE(config.self() != no_node);
  ENSURE(!config.nodes.empty() && config.nodes.size() <= limits::nodes);
  ENSURE(!config.media.empty() && config.media.size() <= limits::links);
  ENSURE(config.keepalive > Duration::zero());
  ENSURE(config.deadtime > 2 * config.keepalive);
  ENSURE(config.initdead >= config.deadtime);
  ENSURE(config.hopfudge <= 255 && config.rtprio >= 1 && config.rtprio <= 99);
  for (const NodeConfig& node : config.nodes) {
    ENSURE(!node.name.empty() && node.name.size() <= limits::node_name_bytes);
    ENSURE(std::none_of(node.name.begin(), node.name.end(), [](char character) {
      return static_cast<unsigned char>(character) <= 0x20;
    }));
  }
  for (const MediumConfig& medium : config.media) {
    ENSURE(!medium.link_name().empty() && medium.port != 0 && medium.line != 0);
  }
  for (const RespawnConfig& client : config.clients) ENSURE(client.command.front() == '/');
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto parsed = parse_ha_cf(text, host());
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  for (const Finding& finding : parsed.findings) {
    ENSURE(finding.line <= lines && !finding.text.empty());
    ENSURE(finding.text.find('\n') == std::string::npos);
  }
  if (!parsed.has_errors()) check_accepted(parsed.config);
  return 0;
}
