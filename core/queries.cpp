// queries: answers of the client API that the cluster's snapshot and the configuration give
#include "core/queries.hpp"

#include "core/version.hpp"

#include <algorithm>
#include <array>

namespace hb::core {

namespace {

constexpr std::string_view invalid = "EINVAL";

struct Query {
  std::string_view type;
  const Message& request;
  const ApiConfig& config;
  const Snapshot& snapshot;
  std::vector<Message>& replies;

  Message& reply() const {
    begin_reply(replies.emplace_back(), type);
    return replies.back();
  }
  void invalid_argument() const { refuse(reply(), invalid); }
};

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

/// Counts come from shared memory: a torn or old copy must not lead beyond the tables.
std::size_t nodes_of(const Snapshot& snapshot) {
  return std::min<std::size_t>(snapshot.node_count, snapshot.nodes.size());
}
std::size_t links_of(const Snapshot& snapshot) {
  return std::min<std::size_t>(snapshot.link_count, snapshot.links.size());
}

const NodeRow* node_of(const Query& query) {
  const auto name = query.request.text("node");
  const auto id = name ? find_node(query.snapshot, *name) : std::nullopt;
  return id ? &query.snapshot.nodes[id->value] : nullptr;
}

std::string_view type_name(NodeType type) {
  return type == NodeType::ping ? "ping" : "normal";
}
std::string_view status_name(LinkStatus status) {
  return status == LinkStatus::up ? "up" : "dead";
}

void finish(Message& reply) {
  reply.add("result", "OK");
}

void node_list(const Query& query) {
  const std::size_t count = nodes_of(query.snapshot);
  if (count == 0) return query.invalid_argument();
  for (std::size_t i = 0; i < count; ++i) {
    const NodeRow& row = query.snapshot.nodes[i];
    Message& reply = query.reply();
    reply.add("node", row.name.view());
    reply.add("nodetype", type_name(row.type));
    reply.add("st", name_of(row.status));
    reply.add("result", i + 1 < count ? "ok/more" : "OK");
  }
}

void node_status(const Query& query) {
  const NodeRow* row = node_of(query);
  if (row == nullptr) return query.invalid_argument();
  Message& reply = query.reply();
  reply.add("st", name_of(row->status));
  finish(reply);
}

void node_type(const Query& query) {
  const NodeRow* row = node_of(query);
  if (row == nullptr) return query.invalid_argument();
  Message& reply = query.reply();
  reply.add("nodetype", type_name(row->type));
  finish(reply);
}

void node_weight(const Query& query) {
  const NodeRow* row = node_of(query);
  if (row == nullptr) return query.invalid_argument();
  Message& reply = query.reply();
  reply.add_decimal("weight", row->weight);
  finish(reply);
}

void node_site(const Query& query) {
  const NodeRow* row = node_of(query);
  if (row == nullptr) return query.invalid_argument();
  Message& reply = query.reply();
  reply.add("site", row->site.view());
  finish(reply);
}

void number_of_nodes(const Query& query) {
  std::uint64_t normal = 0;
  for (std::size_t i = 0; i < nodes_of(query.snapshot); ++i)
    if (query.snapshot.nodes[i].type == NodeType::normal) ++normal;
  Message& reply = query.reply();
  reply.add_decimal("numnodes", normal);
  finish(reply);
}

/// The links of a node, each name once: of two media on one interface only the first can be live,
/// and the library keeps the first as well (client-api §2.3).
std::vector<std::size_t> link_indexes(const Snapshot& snapshot, std::size_t node) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < links_of(snapshot); ++i) {
    if (snapshot.link_status[node][i] == LinkStatus::none) continue;
    const auto same = [&](std::size_t other) {
      return snapshot.links[other].name.view() == snapshot.links[i].name.view();
    };
    if (std::none_of(found.begin(), found.end(), same)) found.push_back(i);
  }
  return found;
}

std::size_t index_of(const Query& query, const NodeRow* row) {
  return static_cast<std::size_t>(row - query.snapshot.nodes.data());
}

void link_list(const Query& query) {
  const NodeRow* row = node_of(query);
  if (row == nullptr) return query.invalid_argument();
  const std::size_t node = index_of(query, row);
  const std::vector<std::size_t> links = link_indexes(query.snapshot, node);
  if (links.empty()) return query.invalid_argument();  // a list without an element cannot be sent
  for (const std::size_t link : links) {
    Message& reply = query.reply();
    reply.add("ifname", query.snapshot.links[link].name.view());
    reply.add("st", status_name(query.snapshot.link_status[node][link]));
    reply.add("result", link != links.back() ? "ok/more" : "OK");
  }
}

void link_status(const Query& query) {
  const NodeRow* row = node_of(query);
  const auto name = query.request.text("ifname");
  if (row == nullptr || !name) return query.invalid_argument();
  const std::size_t node = index_of(query, row);
  for (const std::size_t link : link_indexes(query.snapshot, node)) {
    if (query.snapshot.links[link].name.view() != *name) continue;
    Message& reply = query.reply();
    reply.add("st", status_name(query.snapshot.link_status[node][link]));
    return finish(reply);
  }
  query.invalid_argument();
}

void parameter(const Query& query) {
  auto name = query.request.text("pname");
  if (!name) return query.invalid_argument();
  if (*name == "crm") name = "pacemaker";
  Message& reply = query.reply();
  const auto found = query.config.parameters.find(*name);
  if (*name == "hbversion")
    reply.add("pvalue", heartbeat_version);
  else if (found != query.config.parameters.end())
    reply.add("pvalue", found->second);
  finish(reply);  // habit: an unset parameter is OK without pvalue
}

void resources(const Query& query) {
  if (!query.config.manages_resources)
    return refuse(query.reply(),
                  "Resource is managed by crm. Use crm tool to query resource");
  Message& reply = query.reply();
  reply.add("rsc_hold", name_of(query.snapshot.holding));
  finish(reply);
}

void uuid_of_name(const Query& query) {
  const auto name = query.request.text("queryname");
  if (!name) return refuse(query.reply(), "no query node name found");
  Message& reply = query.reply();
  if (const auto id = find_node(query.snapshot, *name))
    reply.add_uuid("queryuuid", query.snapshot.nodes[id->value].uuid);  // a ping node's is nil
  finish(reply);
}

void name_of_uuid(const Query& query) {
  const auto uuid = query.request.uuid("queryuuid");
  if (!uuid) return refuse(query.reply(), "no query node name found");
  Message& reply = query.reply();
  for (std::size_t i = 0; i < nodes_of(query.snapshot) && !uuid->is_nil(); ++i) {
    if (query.snapshot.nodes[i].uuid != *uuid) continue;
    reply.add("queryname", query.snapshot.nodes[i].name.view());
    break;
  }
  finish(reply);
}

struct Handler {
  std::string_view type;
  void (*run)(const Query&);
};
constexpr std::array handlers{
    Handler{"nodelist", node_list},       Handler{"nodestatus", node_status},
    Handler{"nodetype", node_type},       Handler{"nodeweight", node_weight},
    Handler{"nodesite", node_site},       Handler{"numnodes", number_of_nodes},
    Handler{"iflist", link_list},         Handler{"ifstatus", link_status},
    Handler{"getparm", parameter},        Handler{"getrsc", resources},
    Handler{"getuuid", uuid_of_name},     Handler{"getnodename", name_of_uuid},
};

}  // namespace

void begin_reply(Message& reply, std::string_view request_type) {
  reply.clear();
  reply.add("t", "hbapi-resp");
  reply.add("reqtype", request_type);
}

void refuse(Message& reply, std::string_view info) {
  reply.add("result", "badreq");
  if (!info.empty()) reply.add("info", info);
}

std::optional<NodeId> find_node(const Snapshot& snapshot, std::string_view name) {
  for (std::size_t i = 0; i < nodes_of(snapshot); ++i)
    if (same_name(snapshot.nodes[i].name.view(), name))
      return NodeId{static_cast<std::uint16_t>(i)};
  return std::nullopt;
}

bool answer(std::string_view request_type, const Message& request, const ApiConfig& config,
            const Snapshot& snapshot, std::vector<Message>& replies) {
  const auto handler = std::find_if(handlers.begin(), handlers.end(),
                                    [&](const Handler& h) { return h.type == request_type; });
  if (handler == handlers.end()) return false;
  handler->run(Query{request_type, request, config, snapshot, replies});
  return true;
}

}  // namespace hb::core
