// fuzz_resource_options: any bytes as haresources.options: no crash, policies within limits
#include "core/resource_options.hpp"
#include "core/result.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

using namespace hb::core;

std::vector<Group> lab_groups() {
  std::vector<Group> groups(2);
  groups[0].resources = {{"IPaddr2::10.0.0.1", "IPaddr2", {"10.0.0.1"}}, {"nginx", "nginx", {}}};
  groups[1].resources = {{"db", "db", {}}, {"nginx", "nginx", {}}};
  return groups;
}

bool is_bounded(const std::optional<Duration>& time) {
  return !time || (*time >= Duration{} && *time <= policy_limits::longest_timeout);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  auto groups = lab_groups();
  const auto findings = apply_resource_options(text, groups);
  for (const Group& group : groups) {
    ENSURE(group.policy.start_retries <= policy_limits::most_tries);
    ENSURE(group.policy.recoveries <= policy_limits::most_tries);
    ENSURE(group.policy.failure_window > Duration{});
    for (const Resource& each : group.resources) {
      const ResourcePolicy& policy = each.policy;
      ENSURE(is_bounded(policy.start_timeout) && is_bounded(policy.stop_timeout));
      ENSURE(is_bounded(policy.status_timeout) && is_bounded(policy.monitor_timeout));
      ENSURE(policy.monitor == Duration{} || policy.monitor >= policy_limits::shortest_monitor);
    }
  }
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  for (const Finding& finding : findings) {
    ENSURE(finding.line >= 1 && finding.line <= lines && !finding.text.empty());
  }
  return 0;
}
