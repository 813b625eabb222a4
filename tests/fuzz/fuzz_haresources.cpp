// fuzz_haresources: any bytes as haresources: no crash, and every group can be run
#include "core/haresources.hpp"
#include "core/result.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace {

using namespace hb::core;

const Config& config() {
  static const Config parsed =
      parse_ha_cf("node n1 n2\nping gate\nbcast eth0\nlogfile /l\n", [] {
        HostFacts facts;
        facts.node_name = "n1";
        return facts;
      }()).config;
  return parsed;
}

void check_group(const Group& group) {
  ENSURE(group.home == NodeId{0} || group.home == NodeId{1});
  ENSURE(!group.resources.empty() && group.resources.size() <= limits::resources);
  for (const Resource& resource : group.resources) {
    ENSURE(!resource.script.empty() && resource.script.front() != '/');
    ENSURE(resource.script != ".." && resource.script.find("/../") == std::string::npos);
    ENSURE(std::none_of(resource.text.begin(), resource.text.end(), [](char character) {
      return static_cast<unsigned char>(character) <= 0x20;
    }));
    for (const std::string& argument : resource.arguments) ENSURE(!argument.empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto parsed = parse_haresources(text, config());
  ENSURE(parsed.groups.size() <= limits::groups);
  for (const Group& group : parsed.groups) check_group(group);
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  for (const Finding& finding : parsed.findings) {
    ENSURE(finding.line >= 1 && finding.line <= lines && !finding.text.empty());
  }
  return 0;
}
