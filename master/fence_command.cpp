// fence_command: the program that a fencing device of ha.cf stands for, with its arguments
#include "master/fence_command.hpp"

#include <algorithm>
#include <string_view>

namespace hb::master {

namespace {

constexpr const char* stonith_program = "/usr/sbin/stonith";

bool has(const std::vector<std::string>& parameters, std::string_view name) {
  return std::ranges::any_of(parameters, [&](const std::string& each) {
    return each.starts_with(name) && each.size() > name.size() && each[name.size()] == '=';
  });
}

FenceCommand agent_command(const core::FenceAgentConfig& agent, std::string_view node) {
  FenceCommand command{agent.program, {}, {}};
  const bool is_check = node.empty();
  const auto add = [&](std::string_view line) { command.input.append(line).append("\n"); };
  for (const std::string& parameter : agent.parameters) {
    if (!is_check || !parameter.starts_with("action=")) add(parameter);
  }
  if (is_check) {
    add("action=monitor");
    return command;
  }
  if (!has(agent.parameters, "action")) add("action=reboot");
  if (!has(agent.parameters, "nodename")) add("nodename=" + std::string{node});
  return command;
}

}  // namespace

FenceCommand fence_command(const core::Config& config, core::Device device, core::NodeId node) {
  const std::string name = node == core::no_node ? "" : config.nodes[node.value].name;
  const std::size_t agents = config.fence_agents.size();
  if (device.value < agents) return agent_command(config.fence_agents[device.value], name);
  const core::StonithConfig& stonith = config.stonith[device.value - agents];
  FenceCommand command{stonith_program, {"-t", stonith.type}, {}};
  const char* const kind = stonith.host.empty() ? "-F" : "-p";
  command.arguments.insert(command.arguments.end(), {kind, stonith.parameters});
  if (name.empty()) {
    command.arguments.emplace_back("-S");
  } else {
    command.arguments.insert(command.arguments.end(), {"-T", "reset", name});
  }
  return command;
}

}  // namespace hb::master
