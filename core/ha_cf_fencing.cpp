// ha_cf_fencing: the directives of fencing: devices that reset a node, and their times
#include "core/ha_cf_parser.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>

namespace hb::core::ha_cf {

namespace {

using namespace std::chrono_literals;

constexpr Duration shortest_timeout = 1s, longest_timeout = 1h;
/// Each is tried in turn, and checked at the start.
constexpr std::size_t most_agents = 32;

bool check_stonith_type(State& state, const Line& line, Word type) {
  if (ask(state.host.lookup.knows_stonith, type.text)) return true;
  state.refuse(line, type,
               "no such fencing plugin in /usr/lib/stonith/plugins; external ones are written "
               "external/NAME",
               fmt::format("Invalid Stonith type [{}]", printable(type.text)));
  return false;
}

void keep_stonith(State& state, const Line& line, StonithConfig device) {
  if (!state.config.stonith.empty()) {
    state.advise(line, {}, "replaces the fencing device named before; only one is kept");
    state.config.stonith.clear();
  }
  state.config.stonith.push_back(std::move(device));
}

void set_stonith(State& state, const Line& line, Word) {
  const auto words = words_of(line.rest.text, line.rest.column);
  if (words.empty()) {
    state.refuse(line, {}, "write: stonith type configuration-file", "No Stonith type given");
    return;
  }
  if (!check_stonith_type(state, line, words[0])) return;
  // 3.0.6 would go on with what its memory happens to hold in place of the name.
  if (words.size() < 2 || !ask(state.host.lookup.exists, words[1].text)) {
    const Word file = words.size() < 2 ? Word{} : words[1];
    state.refuse(line, words.size() < 2 ? words[0] : file,
                 words.size() < 2 ? "the configuration file is missing" : "no such file",
                 fmt::format("Invalid Stonith config file [{}]", printable(file.text)));
    return;
  }
  keep_stonith(state, line, {"", std::string{words[0].text}, std::string{words[1].text}});
}

void set_stonith_host(State& state, const Line& line, Word) {
  const auto words = words_of(line.rest.text, line.rest.column);
  if (words.empty()) {
    state.refuse(line, {}, "write: stonith_host host type parameters...",
                 "No Stonith hostname argument given");
    return;
  }
  // habit: lines for other nodes are not looked at, since their plugins may not be here
  if (words[0].text != "*" && lower(words[0].text) != state.config.node_name) return;
  if (words.size() < 2) {
    state.refuse(line, words[0], "the type of the fencing device is missing",
                 "No Stonith type given");
    return;
  }
  if (!check_stonith_type(state, line, words[1])) return;
  if (words.size() < 3) {
    state.refuse(line, words[1], "the parameters of the fencing device are missing",
                 "Invalid Stonith configuration parameter []");
    return;
  }
  const auto parameters = line.rest.text.substr(words[2].column - line.rest.column);
  keep_stonith(state, line, {std::string{words[0].text}, std::string{words[1].text},
                             std::string{parameters}});
}

// ---- fence_agent (extension)

/// Of an agent's name, which is looked up in /usr/sbin, or its full path.
bool is_program(std::string_view name) {
  const auto last = name.rfind('/');
  if (last != name.npos && !name.starts_with('/')) return false;
  return !name.ends_with('/') && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '/' || c == '.' || c == '-' || c == '_';
  });
}

void add_fence_agent(State& state, const Line& line, Word) {
  const auto words = words_of(line.rest.text, line.rest.column);
  if (words.size() < 2) {
    return state.refuse(line, line.rest,
                        "write: fence_agent NODE PROGRAM name=value..., e.g. fence_agent n1 "
                        "fence_ipmilan ip=192.0.2.201 username=admin password=secret; NODE may "
                        "be *");
  }
  if (state.config.fence_agents.size() >= most_agents) {
    return state.refuse(line, words[0], "too many fence_agent lines; at most 32");
  }
  if (!is_program(words[1].text)) {
    return state.refuse(line, words[1],
                        "must be the name of a program in /usr/sbin, or a full path");
  }
  const std::string path = words[1].text.starts_with('/')
                               ? std::string{words[1].text}
                               : "/usr/sbin/" + std::string{words[1].text};
  if (!ask(state.host.lookup.exists, path)) {
    return state.refuse(line, words[1], "no such program: " + path +
                                            "; install the package fence-agents");
  }
  FenceAgentConfig agent{lower(words[0].text), path, {}, line.number};
  for (const Word setting : std::span{words}.subspan(2)) {
    const auto equals = setting.text.find('=');
    if (equals == 0 || equals == setting.text.npos) {
      return state.refuse(line, setting, "must be name=value, as the agent's manual has it");
    }
    agent.parameters.emplace_back(setting.text);
  }
  state.config.fence_agents.push_back(std::move(agent));
}

void set_fence_timeout(State& state, const Line& line, Word value) {
  const auto time = parse_time(value.text);
  if (!time || *time < shortest_timeout || *time > longest_timeout) {
    return state.refuse(line, value, "must be a time from 1 to 3600 (seconds)");
  }
  state.config.fence_timeout = *time;
}

void add_fence_delay(State& state, const Line& line, Word) {
  const auto words = words_of(line.rest.text, line.rest.column);
  const auto time = words.size() == 2 ? parse_time(words[1].text) : std::nullopt;
  if (!time || *time > longest_timeout) {
    return state.refuse(line, line.rest,
                        "write: fence_delay NODE TIME; that node is fenced so much later than "
                        "others, so that of two nodes that would fence each other it survives");
  }
  state.config.fence_delays.emplace_back(lower(words[0].text), *time);
}

constexpr auto not_kept = Record::nothing;

constexpr Directive table[]{
    {"stonith", Style::whole_line, Values::many, not_kept, set_stonith},
    {"stonith_host", Style::whole_line, Values::many, not_kept, set_stonith_host},
    {"fence_agent", Style::whole_line, Values::many, not_kept, add_fence_agent},
    {"fence_timeout", Style::list, Values::one, not_kept, set_fence_timeout},
    {"fence_delay", Style::whole_line, Values::many, not_kept, add_fence_delay},
};

}  // namespace

std::span<const Directive> fencing_directives() {
  return table;
}

void check_fencing(State& state) {
  const auto is_node = [&](std::string_view name) {
    return std::ranges::any_of(state.config.nodes, [&](const NodeConfig& node) {
      return node.type == NodeType::normal && node.name == name;
    });
  };
  for (const FenceAgentConfig& agent : state.config.fence_agents) {
    if (agent.node == "*" || is_node(agent.node)) continue;
    state.warn(agent.line, {}, "fence_agent " + agent.node +
                                   ": is no node of this cluster; its fencing is never used");
  }
  for (const auto& [name, time] : state.config.fence_delays) {
    if (is_node(name)) continue;
    state.warn(state.line_of("fence_delay"), {},
               "fence_delay " + name + ": is no node of this cluster");
  }
}

}  // namespace hb::core::ha_cf
