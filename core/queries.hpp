// queries: answers of the client API that the cluster's snapshot and the configuration give
#pragma once

#include "core/frame.hpp"
#include "core/message.hpp"
#include "core/snapshot.hpp"
#include "core/types.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hb::core {

/// One `apiauth` entry with users and groups as numbers (client-api §2.2).
struct ApiEntry {
  std::string client;
  std::vector<std::uint32_t> uids, gids;
};

/// What the client API needs to know of ha.cf; replaced as a whole by a reload.
struct ApiConfig {
  std::string node_name;
  std::chrono::milliseconds deadtime{}, keepalive{};
  Framing framing = Framing::text;      ///< `msgfmt`: of everything that we send to clients
  int logfacility = -1;                 ///< syslog facility code, -1 = none
  bool manages_resources = true;
  std::string pacemaker = "false";
  std::vector<ApiEntry> entries;
  std::map<std::string, std::string, std::less<>> parameters;  ///< as getparm answers them
};

/// The begin of every reply: `t`, `reqtype` (client-api §2.1). Clears `reply`.
void begin_reply(Message& reply, std::string_view request_type);

/// Ends a reply as refused: `result=badreq`, then `info` unless empty.
void refuse(Message& reply, std::string_view info);

/// The node of this name in the snapshot, compared without case (client-api §2.3).
[[nodiscard]] std::optional<NodeId> find_node(const Snapshot& snapshot, std::string_view name);

/// Answers the requests of client-api §2.3 that depend on nothing but snapshot and configuration:
/// nodelist, nodestatus, nodetype, nodeweight, nodesite, numnodes, iflist, ifstatus, getparm,
/// getrsc, getuuid, getnodename. Appends whole replies, in order, to `replies` (a list gives
/// several). False if `request_type` is none of these; nothing is appended then.
[[nodiscard]] bool answer(std::string_view request_type, const Message& request,
                          const ApiConfig& config, const Snapshot& snapshot,
                          std::vector<Message>& replies);

}  // namespace hb::core
