// cib: a cluster of haresources as the configuration of Pacemaker
#include "clients/cib/cib.hpp"

#include "clients/cib/fencing.hpp"
#include "clients/cib/xml.hpp"
#include "core/config_text.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

namespace hb::clients::cib {

namespace {

using core::AutoFailback;
using core::Duration;
using core::Group;
using core::Resource;

/// Pacemaker 2.1.2 and later know it; the first that says Promoted instead of Master.
constexpr std::string_view schema = "pacemaker-3.7";
/// Without haresources.options nothing says how long a script may take. A minute is what
/// resource agents recommend at most.
constexpr Duration usual_timeout = std::chrono::seconds{60};
constexpr Duration usual_monitor = std::chrono::seconds{20};
/// Higher than the preference for the home node: who runs, stays.
constexpr std::string_view staying = "1000", preferring = "100", returning = "INFINITY";

std::string time_text(Duration time) {
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  if (milliseconds % 1000 == 0) return fmt::format("{}s", milliseconds / 1000);
  return fmt::format("{}ms", milliseconds);
}

/// What cannot be carried is refused whole: a changed word would be another resource.
core::Result<void> check_words(const Cluster& cluster) {
  for (const std::string& node : cluster.nodes()) {
    if (is_plain_name(node)) continue;
    return core::Error{fmt::format("ha.cf: node {}: Pacemaker and corosync take letters, digits, "
                                   "'.', '_' and '-' only; rename the node",
                                   core::printable(node))};
  }
  for (const Group& group : cluster.groups) {
    for (const Resource& resource : group.resources) {
      if (is_xml_text(resource.text)) continue;
      return core::Error{fmt::format("haresources:{}: {}: a CIB is UTF-8, and this is not; write "
                                     "the name otherwise", group.line,
                                     core::printable(resource.text))};
    }
  }
  for (const FencingLine& line : cluster.fencing) {
    const bool good = is_xml_text(line.type) && std::all_of(line.parameters.begin(),
                                                            line.parameters.end(), is_xml_text);
    if (!good) return core::Error{"ha.cf: a stonith line is not UTF-8, as a CIB must be"};
  }
  for (const core::FenceAgentConfig& agent : cluster.config.fence_agents) {
    const bool good = is_xml_text(agent.node) && is_xml_text(agent.program) &&
                      std::all_of(agent.parameters.begin(), agent.parameters.end(), is_xml_text);
    if (!good) {
      return core::Error{fmt::format("ha.cf:{}: the fence_agent line is not UTF-8, as a CIB must "
                                     "be", agent.line)};
    }
  }
  return {};
}

class CibWriter {
 public:
  explicit CibWriter(const Cluster& cluster) : cluster_{cluster} {}

  Written write() {
    plan();
    head();
    xml_.open("cib", {{"validate-with", schema}, {"admin_epoch", "0"}, {"epoch", "1"},
                      {"num_updates", "0"}});
    xml_.open("configuration", {});
    options();
    nodes();
    xml_.open("resources", {});
    for (const Planned& planned : planned_) write_group(planned);
    for (const Fence& fence : fences_) write_fence(fence);
    xml_.close();
    xml_.open("constraints", {});
    for (const Planned& planned : planned_) constrain(planned);
    for (const Fence& fence : fences_) constrain(fence);
    xml_.close();
    xml_.open("rsc_defaults", {});
    xml_.open("meta_attributes", {{"id", ids_.take("rsc-options")}});
    const bool stays = cluster_.config.auto_failback == AutoFailback::off;
    pair("rsc-options", "resource-stickiness", stays ? staying : "0");
    xml_.close();
    xml_.close();
    xml_.close();
    xml_.element("status", {});
    xml_.close();
    return {xml_.text(), std::move(notes_), std::move(wrappers_)};
  }

 private:
  struct Member {
    const Resource* resource;
    Agent agent;
    std::string id;
    std::string clone;  ///< around it, if it is promotable
  };
  struct Planned {
    const Group* group;
    std::string id;
    std::vector<Member> members, disks;  ///< disks: what is promotable, outside of the group
  };
  struct Fence {
    FencingDevice device;
    std::vector<std::string> users;  ///< all nodes if empty
    std::string id;
  };

  void plan();
  void note_what_is_not_carried();
  void head();
  void options();
  void nodes();
  void write_group(const Planned& planned);
  void write_primitive(const Member& member);
  void write_disk(const Member& disk);
  void write_fence(const Fence& fence);
  void constrain(const Planned& planned);
  void constrain(const Fence& fence);

  void pair(std::string_view owner, std::string_view name, std::string_view value) {
    xml_.element("nvpair", {{"id", ids_.take(fmt::format("{}-{}", owner, name))},
                            {"name", name}, {"value", value}});
  }
  void pairs(std::string_view kind, const std::string& owner,
             const std::vector<std::pair<std::string, std::string>>& values) {
    if (values.empty()) return;
    const std::string id = ids_.take(fmt::format("{}-{}", owner, kind));
    xml_.open(kind, {{"id", id}});
    for (const auto& [name, value] : values) pair(id, name, value);
    xml_.close();
  }
  void operation(const Member& member, std::string_view name, std::string_view interval,
                 std::optional<Duration> timeout, std::string_view role = {});
  void note(std::string_view file, std::size_t line, std::string text) {
    notes_.push_back({std::string{file}, line, std::move(text)});
  }

  const Cluster& cluster_;
  XmlWriter xml_;
  Ids ids_;
  Notes notes_;
  std::vector<Wrapper> wrappers_;
  std::vector<Planned> planned_;
  std::vector<Fence> fences_;
};

/// Chooses all agents and names first, so that all notes can stand at the top.
void CibWriter::plan() {
  for (const Group& group : cluster_.groups) {
    Planned planned{.group = &group, .id = {}, .members = {}, .disks = {}};
    for (const Resource& resource : group.resources) {
      Agent agent = agent_of(resource, group.line, cluster_.machine, notes_, wrappers_);
      if (planned.id.empty()) planned.id = ids_.take("group-" + agent.id);
      std::string id = ids_.take(agent.id);
      if (agent.shape == Agent::Shape::promotable) {
        std::string clone = ids_.take(id + "-clone");
        planned.disks.push_back({&resource, std::move(agent), std::move(id), std::move(clone)});
      } else {
        planned.members.push_back({&resource, std::move(agent), std::move(id), {}});
      }
    }
    if (group.policy.after_failure == core::AfterFailure::stay) {
      note("haresources.options", 0, fmt::format("after_failure stay of {}: Pacemaker moves a "
           "group that fails; on-fail=\"block\" at its operations comes nearest", group.key()));
    }
    planned_.push_back(std::move(planned));
  }
  for (const FencingLine& line : cluster_.fencing) {
    if (auto device = device_of(line, notes_)) {
      fences_.push_back({std::move(*device), line.users, ids_.take("fence-" + line.type)});
    }
  }
  for (const core::FenceAgentConfig& agent : cluster_.config.fence_agents) {
    FencingDevice device = device_of(agent, cluster_.config);
    const std::string target = agent.node == "*" ? "" : "-" + agent.node;
    std::string id = ids_.take(device.type + target);
    fences_.push_back({std::move(device), {}, std::move(id)});
  }
  note_what_is_not_carried();
}

void CibWriter::note_what_is_not_carried() {
  const core::Config& config = cluster_.config;
  for (std::size_t i = 0; i < cluster_.groups.size(); ++i) {
    for (const Resource& resource : cluster_.groups[i].resources) {
      for (std::size_t j = 0; j < i; ++j) {
        const auto& others = cluster_.groups[j].resources;
        if (std::any_of(others.begin(), others.end(),
                        [&](const Resource& other) { return other.text == resource.text; })) {
          note("haresources", cluster_.groups[i].line,
               fmt::format("{} is in line {} too; Pacemaker must see each service once: make one "
                           "group of both lines, or a clone", resource.text,
                           cluster_.groups[j].line));
        }
      }
    }
  }
  for (const core::RespawnConfig& client : config.clients) {
    const bool ipfail = client.command.find("ipfail") != std::string::npos;
    note("ha.cf", 0, ipfail ? "respawn ipfail: a clone of ocf:pacemaker:ping and a rule for each "
                              "group do this (growing-out.md has them)"
                            : fmt::format("respawn {}: make it a systemd unit, or a clone",
                                          client.command));
  }
  if (config.witness.kind != core::WitnessKind::none) {
    note("ha.cf", 0, "witness: corosync-qdevice is a third party for Pacemaker");
  }
  if (!config.watchdog.empty()) note("ha.cf", 0, "watchdog: sbd does this for Pacemaker");
}

void CibWriter::head() {
  xml_.comment("written by haresources2cib; see haresources2cib(8) for what to do with it");
  for (const Note& one : notes_) {
    const std::string place = one.line == 0 ? one.file : fmt::format("{}:{}", one.file, one.line);
    xml_.comment(fmt::format("TO BE DONE: {}: {}", place, one.text));
  }
  if (fences_.empty()) {
    xml_.comment("THERE IS NO FENCING DEVICE: stonith-enabled is false below, as Heartbeat ran "
                 "too.\nA node that hangs and comes back, or a network that is cut, lets services "
                 "run twice and can destroy\ndata. Make a device for each node, then set it to "
                 "true.");
  }
}

void CibWriter::options() {
  xml_.open("crm_config", {});
  const std::string id = ids_.take("cib-bootstrap-options");
  xml_.open("cluster_property_set", {{"id", id}});
  pair(id, "stonith-enabled", fences_.empty() ? "false" : "true");
  if (cluster_.maintenance) {
    xml_.comment("Pacemaker looks, and touches nothing, until this is false");
    pair(id, "maintenance-mode", "true");
  }
  xml_.close();
  xml_.close();
}

void CibWriter::nodes() {
  xml_.open("nodes", {});
  unsigned number = 0;
  for (const std::string& name : cluster_.nodes()) {
    xml_.element("node", {{"id", fmt::format("{}", ++number)}, {"uname", name}});
  }
  xml_.close();
}

void CibWriter::operation(const Member& member, std::string_view name, std::string_view interval,
                          std::optional<Duration> timeout, std::string_view role) {
  const std::string id = ids_.take(fmt::format("{}-{}-{}", member.id, name, interval));
  const std::string limit = time_text(timeout.value_or(usual_timeout));
  if (role.empty()) {
    xml_.element("op", {{"id", id}, {"name", name}, {"interval", interval}, {"timeout", limit}});
  } else {
    xml_.element("op", {{"id", id}, {"name", name}, {"interval", interval}, {"timeout", limit},
                        {"role", role}});
  }
}

void CibWriter::write_primitive(const Member& member) {
  const Agent& agent = member.agent;
  if (agent.provider.empty()) {
    xml_.open("primitive", {{"id", member.id}, {"class", agent.standard}, {"type", agent.type}});
  } else {
    xml_.open("primitive", {{"id", member.id}, {"class", agent.standard},
                            {"provider", agent.provider}, {"type", agent.type}});
  }
  pairs("instance_attributes", member.id, agent.parameters);
  const auto& policy = member.resource->policy;
  // Zero means no limit there, which Pacemaker does not have.
  const auto given = [&](std::optional<Duration> own) {
    const Duration limit = own.value_or(cluster_.config.resource_timeout);
    return limit == Duration::zero() ? std::nullopt : std::optional{limit};
  };
  xml_.open("operations", {});
  operation(member, "start", "0s", given(policy.start_timeout));
  operation(member, "stop", "0s", given(policy.stop_timeout));
  const auto looks = policy.monitor == Duration::zero() ? usual_monitor : policy.monitor;
  const auto limit = given(policy.monitor_timeout ? policy.monitor_timeout
                                                  : policy.status_timeout);
  if (agent.shape == Agent::Shape::promotable) {
    // Two operations of one resource must differ in their intervals.
    operation(member, "monitor", time_text(looks), limit, "Promoted");
    operation(member, "monitor", time_text(looks + std::chrono::seconds{1}), limit, "Unpromoted");
  } else {
    operation(member, "monitor", time_text(looks), limit);
  }
  xml_.close();
  xml_.close();
}

void CibWriter::write_disk(const Member& disk) {
  xml_.open("clone", {{"id", disk.clone}});
  pairs("meta_attributes", disk.clone,
        {{"promotable", "true"}, {"promoted-max", "1"}, {"clone-max", "2"}, {"notify", "true"}});
  write_primitive(disk);
  xml_.close();
}

void CibWriter::write_group(const Planned& planned) {
  for (const Member& disk : planned.disks) write_disk(disk);
  if (planned.members.empty()) return;
  xml_.comment(fmt::format("haresources:{}: {}", planned.group->line, planned.group->key()));
  xml_.open("group", {{"id", planned.id}});
  const auto& policy = planned.group->policy;
  if (policy.failure_limit) {
    pairs("meta_attributes", planned.id,
          {{"migration-threshold", fmt::format("{}", *policy.failure_limit)},
           {"failure-timeout", time_text(policy.failure_window)}});
  }
  for (const Member& member : planned.members) write_primitive(member);
  xml_.close();
}

void CibWriter::write_fence(const Fence& fence) {
  xml_.open("primitive", {{"id", fence.id}, {"class", "stonith"}, {"type", fence.device.type}});
  pairs("instance_attributes", fence.id, fence.device.parameters);
  xml_.close();
}

void CibWriter::constrain(const Planned& planned) {
  const std::string& home = cluster_.config.nodes[planned.group->home.value].name;
  const bool stays = cluster_.config.auto_failback == AutoFailback::off;
  const std::string_view score = stays ? preferring : returning;
  for (const Member& disk : planned.disks) {
    const std::string id = ids_.take(disk.id + "-home");
    xml_.open("rsc_location", {{"id", id}, {"rsc", disk.clone}});
    xml_.open("rule", {{"id", ids_.take(id + "-rule")}, {"role", "Promoted"},
                       {"score", preferring}});
    xml_.element("expression", {{"id", ids_.take(id + "-node")}, {"attribute", "#uname"},
                                {"operation", "eq"}, {"value", home}});
    xml_.close();
    xml_.close();
    if (planned.members.empty()) continue;
    xml_.element("rsc_colocation", {{"id", ids_.take(planned.id + "-with-" + disk.id)},
                                    {"rsc", planned.id}, {"with-rsc", disk.clone},
                                    {"with-rsc-role", "Promoted"}, {"score", "INFINITY"}});
    xml_.element("rsc_order", {{"id", ids_.take(planned.id + "-after-" + disk.id)},
                               {"first", disk.clone}, {"first-action", "promote"},
                               {"then", planned.id}, {"then-action", "start"}});
  }
  if (planned.members.empty()) return;
  xml_.element("rsc_location", {{"id", ids_.take(planned.id + "-home")}, {"rsc", planned.id},
                                {"node", home}, {"score", score}});
}

/// A device that only some nodes reach must not be used by the others.
void CibWriter::constrain(const Fence& fence) {
  if (fence.users.empty()) return;
  for (const std::string& node : cluster_.nodes()) {
    if (std::find(fence.users.begin(), fence.users.end(), node) != fence.users.end()) continue;
    xml_.element("rsc_location", {{"id", ids_.take(fence.id + "-not-" + node)},
                                  {"rsc", fence.id}, {"node", node}, {"score", "-INFINITY"}});
  }
}

}  // namespace

core::Result<Written> write_cib(const Cluster& cluster) {
  if (const auto good = check_words(cluster); !good) return good.error();
  return CibWriter{cluster}.write();
}

}  // namespace hb::clients::cib
