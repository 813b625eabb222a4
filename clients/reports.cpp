// reports: what each sub-command of cl_status asks, prints and answers as exit code
#include "clients/reports.hpp"

#include "os/clock.hpp"
#include "os/log.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include <fmt/core.h>

namespace hb::clients::reports {

namespace {

constexpr std::chrono::milliseconds client_status_patience{500};
/// The program's own alarm comes long before.
constexpr long longest_wait_ms = 60'000;

int wrong_usage(const char* text) {
  std::fputs(text, stderr);
  return parameter_error;
}

bool is_off(std::string_view pacemaker) {
  return pacemaker == "false" || pacemaker == "off" || pacemaker == "no" || pacemaker == "n" ||
         pacemaker == "0" || pacemaker.empty();
}

int list_links(const Call& call, std::string_view node, bool with_status) {
  const auto links = call.client.links(node);
  if (!links) {
    log_failure("Cannot start heartbeat link interface walk.", links.error().text);
    return unknown_error;
  }
  if (call.options.for_people) fmt::print("\tthis node has the following heartbeat links:\n");
  // habit: the walks of the old library go backwards.
  for (auto link = links->rbegin(); link != links->rend(); ++link)
    if (with_status)
      fmt::print("\t{}\t{}\n", link->name, link->status);
    else
      fmt::print("\t{}\n", link->name);
  return good;
}

int list_nodes(const Call& call, bool with_links) {
  const auto nodes = call.client.nodes();
  if (!nodes) {
    log_failure("Cannot start node walk", nodes.error().text);
    return unknown_error;
  }
  const bool every = call.options.normal == call.options.ping;
  if (call.options.for_people) fmt::print("The nodes are as follow:\n");
  for (auto node = nodes->rbegin(); node != nodes->rend(); ++node) {
    const bool wanted = node->type == "ping" ? call.options.ping : call.options.normal;
    if (!every && !wanted) continue;
    if (!with_links) {
      fmt::print("{}\n", node->name);
      continue;
    }
    fmt::print("\n{}\t{}\t(nodetype: {})\n", node->name, node->status, node->type);
    if (const int code = list_links(call, node->name, true); code != good) return code;
  }
  return good;
}

}  // namespace

void log_error(std::string_view text) {
  os::LogSource source = os::log_source();
  source.entity = "cl_status";
  const auto line = os::file_line(os::LineFormat::syslog_like, source,
                                      os::now().wall, core::LogLevel::error, text);
  std::fputs(line.c_str(), stderr);
}

void log_failure(std::string_view what, std::string_view reason) {
  log_error(what);
  log_error(fmt::format("REASON: {}", reason));
}

// ---- nodes and links

int run_list_nodes(const Call& call) {
  return list_nodes(call, call.options.verbose);
}

int run_list_links(const Call& call) {
  if (call.options.words.empty()) return wrong_usage("No enough parameter.\n");
  return list_links(call, call.options.words[0], call.options.verbose);
}

int run_node_status(const Call& call) {
  if (call.options.words.empty()) return wrong_usage("Not enough parameters.\n");
  const std::string& node = call.options.words[0];
  const auto status = call.client.node_status(node);
  if (!status) return wrong_usage("Error. May be due to incorrect node name\n");
  if (call.options.for_people)
    fmt::print("The cluster node {} is {}\n", node, *status);
  else
    fmt::print("{}\n", *status);
  const bool alive = *status == "active" || *status == "up" || *status == "ping";
  return alive ? good : normal_failure;
}

int run_node_weight(const Call& call) {
  if (call.options.words.empty()) return wrong_usage("Not enough parameters.\n");
  const std::string& node = call.options.words[0];
  const auto weight = call.client.node_weight(node);
  if (!weight) return wrong_usage("Error. Maybe due to incorrect node name.\n");
  if (call.options.for_people)
    fmt::print("The weight of the cluster node {} is {}\n", node, *weight);
  else
    fmt::print("{}\n", *weight);
  return good;
}

int run_node_site(const Call& call) {
  if (call.options.words.empty()) return wrong_usage("Not enough parameters.\n");
  const std::string& node = call.options.words[0];
  const auto site = call.client.node_site(node);
  if (!site) return wrong_usage("Error. May be due to incorrect node name\n");
  if (call.options.for_people)
    fmt::print("The site of the cluster node {} is {}\n", node, *site);
  else
    fmt::print("{}\n", *site);
  return good;
}

int run_node_type(const Call& call) {
  if (call.options.words.empty()) return wrong_usage("No enough parameter.\n");
  const std::string& node = call.options.words[0];
  const auto type = call.client.node_type(node);
  if (!type) return wrong_usage("Error. May be due to incorrect node name\n");
  if (call.options.for_people)
    fmt::print("The node {}'s type: {}\n", node, *type);
  else
    fmt::print("{}\n", *type);
  return good;
}

int run_link_status(const Call& call) {
  if (call.options.words.size() < 2) return wrong_usage("No enough parameter.\n");
  const std::string& node = call.options.words[0];
  const std::string& link = call.options.words[1];
  const auto status = call.client.link_status(node, link);
  if (!status) {
    log_failure("Cannot get heartbeat link status", "");  // habit: no reason is told here
    return unknown_error;
  }
  if (call.options.for_people)
    fmt::print("The node {}'s heartbeat link {} is {}\n", node, link, *status);
  else
    fmt::print("{}\n", *status);
  return *status == "up" ? good : *status == "dead" ? normal_failure : unknown_error;
}

// ---- the daemon, its clients, resources and parameters

int run_daemon_status(const Call& call) {
  const auto& facts = call.client.facts();
  if (!call.signed_on) {
    // habit: a daemon that told its deadtime is there, and only refuses us.
    const bool refused = facts.deadtime.has_value();
    fmt::print("{}\n", refused ? "Heartbeat is apparently running on this machine, but refuses "
                                 "my connection"
                               : "Heartbeat is stopped on this machine.");
    if (call.options.verbose) fmt::print("({})\n", call.signed_on.error().text);
    return refused ? good : normal_failure;
  }
  const bool people = call.options.for_people;
  if (!call.options.verbose) {
    fmt::print("Heartbeat is running on this machine.\n");
    return good;
  }
  const bool haresources = is_off(facts.pacemaker);
  if (people)
    fmt::print("Heartbeat version {}\n{}\n", facts.version,
               haresources ? "Resources controlled by \"haresources\""
                           : "Resources controlled by Pacemaker.");
  else if (haresources)
    fmt::print("version:\t{}\nmanaged by:\t\"haresources\"\n", facts.version);
  else
    fmt::print("version:\t{}\nmanaged by:\tpacemaker\t({})\n", facts.version, facts.pacemaker);
  return list_nodes(call, true);
}

int run_client_status(const Call& call) {
  const auto& words = call.options.words;
  if (words.size() < 2) return wrong_usage("No enough parameter.\n");
  auto limit = client_status_patience;
  if (words.size() > 2)  // habit: what is no number is 0
    limit = std::chrono::milliseconds{
        std::clamp(std::strtol(words[2].c_str(), nullptr, 10), 0L, longest_wait_ms)};
  const auto status = call.client.client_status(words[0], words[1], limit);
  if (!status) {
    log_failure(fmt::format("Cannot get heartbeat client {}'s status", words[1]),
                status.error().text);
    return unknown_error;
  }
  fmt::print("{}\n", *status);
  if (*status == "online") return good;
  if (*status == "offline") return normal_failure;
  return *status == "join" ? client_join : *status == "leave" ? client_leave : unknown_error;
}

int run_resource_status(const Call& call) {
  if (!is_off(call.client.facts().pacemaker)) {
    log_error("Cannot get cluster resource status of a pacemaker cluster; try crm_mon");
    return normal_failure;
  }
  const auto held = call.client.resources();
  if (!held) {
    log_failure("Cannot get cluster resource status", held.error().text);
    return normal_failure;
  }
  if (call.options.for_people)
    fmt::print("This node is holding {} resources.\n", *held);
  else
    fmt::print("{}\n", *held);
  return good;
}

int run_parameter(const Call& call) {
  if (!call.options.has_parameter) {
    log_error("parameter name required");
    return parameter_error;
  }
  const std::string& name = call.options.parameter;
  const auto value = call.client.parameter(name);
  if (!value) {
    log_failure(fmt::format("Cannot get parameter {}'s value", name), value.error().text);
    return normal_failure;
  }
  if (call.options.for_people)
    fmt::print("Heartbeat parameter {}'s value: {}\n", name, *value);
  else
    fmt::print("{}\n", *value);
  return good;
}

int run_test(const Call& call) {
  const auto& facts = call.client.facts();
  const auto held = call.client.resources();
  // habit: spelling and layout of 3.0.6
  fmt::print("Dead time: {}\n keeplive time: {}\n mynodeid: {}\n rsc: {}\n",
             facts.deadtime->count(), facts.keepalive->count(), facts.node,
             held ? *held : "(null)");
  return good;
}

}  // namespace hb::clients::reports
