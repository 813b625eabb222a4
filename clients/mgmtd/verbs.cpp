// verbs: what each request of the management connection answers, from a picture of the cluster
#include "clients/mgmtd/verbs.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/core.h>

namespace hb::clients::mgmtd {

namespace {

using mgmt::Answer;
using mgmt::failed;
using mgmt::good;
using mgmt::Request;

constexpr std::array verbs{
    Verb{"login", "USER PASSWORD", 0, 2, Handler::session, Depth::nodes},
    Verb{"logout", "", 0, 0, Handler::session, Depth::nodes},
    Verb{"echo", "[TEXT …]", 0, 15, Handler::session, Depth::nodes},
    Verb{"regevt", "[node|link|resource|daemon …]", 0, 4, Handler::session, Depth::nodes},
    Verb{"all_nodes", "", 0, 0, Handler::asker, Depth::nodes},
    Verb{"active_nodes", "", 0, 0, Handler::asker, Depth::nodes},
    Verb{"node_type", "NODE", 1, 1, Handler::asker, Depth::nodes},
    Verb{"node_config", "NODE", 1, 1, Handler::asker, Depth::details},
    Verb{"hb_config", "", 0, 0, Handler::asker, Depth::parameters},
    Verb{"links", "NODE", 1, 1, Handler::asker, Depth::nodes},
    Verb{"link_status", "NODE LINK", 2, 2, Handler::asker, Depth::nodes},
    Verb{"rsc_status", "", 0, 0, Handler::asker, Depth::nodes},
    Verb{"standby", "NODE on|off", 2, 2, Handler::asker, Depth::nodes},
    Verb{"status_hblinks", "", 0, 0, Handler::asker, Depth::nodes},
};

std::string no_such_node(std::string_view name) {
  return fmt::format("there is no node {}; all_nodes lists them", name);
}

Answer all_nodes(const Picture& picture) {
  Answer answer = good();
  for (const auto& node : picture.nodes) answer.values.push_back(node.name);
  return answer;
}

Answer active_nodes(const Picture& picture) {
  Answer answer = good();
  for (const auto& node : picture.nodes)
    if (!node.is_ping() && node.status == "active") answer.values.push_back(node.name);
  return answer;
}

Answer node_config(const Picture& picture, const Picture::Node& node) {
  return good({"name=" + node.name, "type=" + node.type, "status=" + node.status,
               "weight=" + node.weight, "site=" + node.site,
               fmt::format("local={}", picture.is_self(node) ? "yes" : "no")});
}

Answer hb_config(const Picture& picture) {
  Answer answer = good();
  for (const auto& parameter : picture.parameters)
    answer.values.push_back(fmt::format("{}={}", parameter.name, parameter.value));
  return answer;
}

Answer link_names(const Picture::Node& node) {
  Answer answer = good();
  for (const auto& link : node.links) answer.values.push_back(link.name);
  return answer;
}

Answer link_status(const Picture::Node& node, std::string_view name) {
  for (const auto& link : node.links)
    if (link.name == name) return good({link.status});
  return failed(fmt::format("node {} has no link {}; links {} lists them", node.name, name,
                            node.name));
}

/// The holding of this node, then a line for each group, where the board could be read.
Answer rsc_status(const Picture& picture) {
  Answer answer = good({picture.holding});
  if (!picture.groups) return answer;
  for (const auto& group : *picture.groups)
    answer.values.push_back(fmt::format("{} owner={} home={} state={}", group.name,
                                        group.owner.empty() ? "-" : group.owner, group.home,
                                        group.state));
  return answer;
}

/// The walk that monitors ask for. Ping nodes and the local node have no heartbeat link to judge.
Answer status_hblinks(const Picture& picture) {
  for (const auto& node : picture.nodes) {
    if (node.is_ping() || picture.is_self(node)) continue;
    for (const auto& link : node.links)
      if (link.status == "dead") return good({"has_dead"});
  }
  return good({"good"});
}

/// `on`: the node gives up all; `off`: it gets its own groups back. Only the local daemon can be
/// ordered; the message hb_takeover makes the one other node give up.
Outcome standby(const Picture& picture, const Picture::Node& node, std::string_view how) {
  if (how != "on" && how != "off")
    return {failed(fmt::format("standby {}: say on or off, not {}", node.name, how)), {}};
  if (node.is_ping()) return {failed(node.name + " is a ping node: it holds nothing"), {}};
  if (node.status != "active")
    return {failed(fmt::format("node {} is {}, not active", node.name, node.status)), {}};
  if (picture.holding == "transition")
    return {failed("resources are moving; try again when that is over"), {}};
  const bool local = picture.is_self(node);
  const auto others = std::count_if(picture.nodes.begin(), picture.nodes.end(), [&](auto& other) {
    return !other.is_ping() && !picture.is_self(other) && other.status == "active";
  });
  if (others == 0) return {failed("there is no other active node"), {}};
  if (!local && others > 1)
    return {failed(fmt::format("there are several other nodes; ask the mgmtd on {}", node.name)),
            {}};
  using What = MoveOrder::What;
  using Which = MoveOrder::Which;
  if (how == "on") return {good(), MoveOrder{local ? What::give : What::take, Which::all}};
  // What is local to the other node is foreign to us.
  return {good(), local ? MoveOrder{What::take, Which::local}
                        : MoveOrder{What::give, Which::foreign}};
}

}  // namespace

const Verb* find_verb(std::string_view name) {
  for (const Verb& verb : verbs)
    if (verb.name == name) return &verb;
  return nullptr;
}

std::optional<Answer> refuse(const Request& request) {
  const Verb* verb = find_verb(request.name);
  if (verb == nullptr) return failed("no such request; see mgmtcmd(1)");
  const std::size_t count = request.arguments.size();
  if (count < verb->fewest || count > verb->most)
    return failed(fmt::format("wrong number of arguments; use: {}{}{}", verb->name,
                              verb->arguments.empty() ? "" : " ", verb->arguments));
  return std::nullopt;
}

Outcome carry_out(const Request& request, const core::Result<Picture>& asked) {
  if (const auto refused = refuse(request)) return {*refused, {}};
  if (find_verb(request.name)->handler == Handler::session)
    return {failed("not a question to the cluster"), {}};
  if (!asked) return {failed(asked.error().text), {}};
  const Picture& picture = *asked;
  const std::string& verb = request.name;
  if (verb == "all_nodes") return {all_nodes(picture), {}};
  if (verb == "active_nodes") return {active_nodes(picture), {}};
  if (verb == "hb_config") return {hb_config(picture), {}};
  if (verb == "rsc_status") return {rsc_status(picture), {}};
  if (verb == "status_hblinks") return {status_hblinks(picture), {}};
  const Picture::Node* node = picture.find(request.arguments.front());
  if (node == nullptr) return {failed(no_such_node(request.arguments.front())), {}};
  if (verb == "node_type") return {good({node->type}), {}};
  if (verb == "node_config") return {node_config(picture, *node), {}};
  if (verb == "links") return {link_names(*node), {}};
  if (verb == "link_status") return {link_status(*node, request.arguments[1]), {}};
  return standby(picture, *node, request.arguments[1]);
}

}  // namespace hb::clients::mgmtd
