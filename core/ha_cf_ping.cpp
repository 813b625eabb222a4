// ha_cf_ping: the directives of ping nodes: hosts outside that tell whether we are cut off
#include "core/ha_cf_parser.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace hb::core::ha_cf {

namespace {

/// True, with a warning, if the line names a ping node again: 3.0.6 counts it twice then.
bool is_repeated(State& state, const Line& line, Word name) {
  const auto& nodes = state.config.nodes;
  if (std::none_of(nodes.begin(), nodes.end(), [&](const NodeConfig& node) {
        return node.type == NodeType::ping && node.name == name.text;
      })) {
    return false;
  }
  state.advise(line, name, "is a ping node already; the second one is ignored");
  return true;
}

/// The node that a ping medium brings; false, with an error, if there cannot be one.
bool add_ping_node(State& state, const Line& line, Word name) {
  if (name.text.size() > limits::node_name_bytes) {
    state.refuse(line, name,
                 fmt::format("a node name has at most {} bytes", limits::node_name_bytes));
    return false;
  }
  if (state.config.node(name.text)) {
    state.refuse(line, name,
                 "is a node already; ping something that is no node of the cluster, e.g. the "
                 "router");
    return false;
  }
  if (state.config.nodes.size() >= limits::nodes) {
    state.refuse(line, name, fmt::format("at most {} nodes, ping nodes included", limits::nodes));
    return false;
  }
  state.config.nodes.push_back({std::string{name.text}, NodeType::ping});
  return true;
}

template <MediumType type>
void add_ping(State& state, const Line& line, Word value) {
  if (is_repeated(state, line, value) || !has_room(state, line, value)) return;
  const bool numeric = type == MediumType::ping ? is_ipv4(value.text) : is_ipv6(value.text);
  if (!numeric && !ask(state.host.lookup.resolves, value.text)) {
    const std::string shown = printable(value.text);
    state.refuse(line, value, "cannot be resolved; write the address itself",
                 fmt::format("glib: unknown host: {0}: Unknown host\n"
                             "Illegal {1} [ping membership] in config file [{0}]",
                             shown, line.directive.text));
    return;
  }
  if (!add_ping_node(state, line, value)) return;
  MediumConfig medium = medium_at(line, type);
  medium.address = value.text;
  state.config.media.push_back(std::move(medium));
}

void add_ping_group(State& state, const Line& line, Word) {
  const auto words = words_of(line.rest.text, line.rest.column);
  if (words.size() < 2) {
    state.refuse(line, line.rest, "write: ping_group name host...");
    return;
  }
  if (is_repeated(state, line, words[0]) || !has_room(state, line, words[0])) return;
  MediumConfig medium = medium_at(line, MediumType::ping_group);
  medium.address = words[0].text;
  for (const Word host : std::span{words}.subspan(1)) {
    if (!is_ipv4(host.text) && !ask(state.host.lookup.resolves, host.text)) {
      state.advise(line, host, "cannot be resolved; left out of the group",
                   "ERROR: glib: unknown host: " + printable(host.text));
      continue;
    }
    medium.hosts.emplace_back(host.text);
  }
  if (medium.hosts.empty()) {
    state.refuse(line, words[0], "none of its hosts can be resolved; write addresses");
    return;
  }
  if (!add_ping_node(state, line, words[0])) return;
  state.config.media.push_back(std::move(medium));
}

constexpr auto not_kept = Record::nothing;

constexpr Directive table[]{
    {"ping", Style::list, Values::many, not_kept, add_ping<MediumType::ping>},
    {"ping6", Style::list, Values::many, not_kept, add_ping<MediumType::ping6>},
    {"ping_group", Style::whole_line, Values::many, not_kept, add_ping_group},
};

}  // namespace

std::span<const Directive> ping_directives() {
  return table;
}

}  // namespace hb::core::ha_cf
