// fuzz_cib: any bytes as ha.cf and haresources: no crash, and text that is no broken XML
#include "clients/cib/cib.hpp"
#include "clients/cib/corosync.hpp"
#include "core/result.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using namespace hb;

/// Elements closed in the order in which they were opened, and no '<' anywhere else.
void check_nesting(std::string_view xml) {
  std::vector<std::string_view> open;
  for (auto at = xml.find('<'); at != std::string_view::npos; at = xml.find('<', at)) {
    const bool comment = xml.substr(at).starts_with("<!--");
    const auto end = comment ? xml.find("-->", at) + 2 : xml.find('>', at);
    ENSURE(end < xml.size());
    const std::string_view tag = xml.substr(at + 1, end - at - 1);
    at = end;
    if (comment) {
      ENSURE(tag.substr(3, tag.size() - 5).find("--") == std::string_view::npos);
      continue;
    }
    ENSURE(tag.find('<') == std::string_view::npos);
    if (tag.starts_with('?') || tag.ends_with('/')) continue;
    if (tag.starts_with('/')) {
      ENSURE(!open.empty() && open.back() == tag.substr(1));
      open.pop_back();
    } else {
      open.push_back(tag.substr(0, tag.find(' ')));
    }
  }
  ENSURE(open.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto cut = std::min(text.find('\0'), text.size());
  clients::cib::Cluster cluster;
  core::HostFacts facts;
  facts.node_name = "n1";
  const std::string base = "node n1 n2\nbcast eth0\nucast eth1 10.0.0.1\n";
  cluster.config = core::parse_ha_cf(base + std::string{text.substr(0, cut)}, facts).config;
  const auto rest = text.substr(std::min(cut + 1, text.size()));
  cluster.groups = core::parse_haresources(rest, cluster.config).groups;
  for (const core::StonithConfig& device : cluster.config.stonith) {
    cluster.fencing.push_back({device.type, {device.parameters}, {"n1"}});
  }
  cluster.machine.resource_scripts = {"a"};
  cluster.machine.units = {"b"};
  if (const auto written = clients::cib::write_cib(cluster)) check_nesting(written->cib);
  if (const auto conf = clients::cib::write_corosync(cluster)) {
    ENSURE(conf->text.find("nodelist {") != std::string::npos);
  }
  return 0;
}
