// corosync: the links and nodes of ha.cf as a corosync.conf
#include "clients/cib/corosync.hpp"

#include "clients/cib/xml.hpp"
#include "core/config_text.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <optional>

namespace hb::clients::cib {

namespace {

using core::MediumConfig;
using core::MediumType;

constexpr std::size_t most_links = 8;  // of knet
/// Below it corosync takes ordinary delays for deaths; it knows no kernel stamps.
constexpr std::chrono::milliseconds shortest_token{1000};

/// One interface of ha.cf with the ucast addresses that its lines name.
struct Link {
  std::string interface;
  std::vector<std::string> addresses;
};

bool is_address_word(std::string_view text) {
  std::string plain{text};
  std::erase(plain, ':');
  return is_plain_name(plain);
}

class CorosyncWriter {
 public:
  explicit CorosyncWriter(const Cluster& cluster) : cluster_{cluster}, nodes_{cluster.nodes()} {}

  core::Result<CorosyncConf> write() {
    if (const auto good = find_links(); !good) return good.error();
    find_addresses();
    totem();
    node_list();
    text_ += fmt::format("\nquorum {{\n  provider: corosync_votequorum\n{}}}\n",
                         nodes_.size() == 2
                             ? "  # Either of two goes on alone. This sets wait_for_all: after a "
                               "boot both must have\n  # been seen once, which Heartbeat did not "
                               "ask for (initdead).\n  two_node: 1\n"
                             : "");
    text_ += "\nlogging {\n  to_syslog: yes\n  timestamp: on\n}\n";
    return CorosyncConf{std::move(text_), std::move(notes_)};
  }

 private:
  void note(std::size_t line, std::string text) {
    notes_.push_back({"ha.cf", line, std::move(text)});
  }
  core::Result<void> find_links();
  void find_addresses();
  [[nodiscard]] std::optional<std::string> address_of(const std::string& node,
                                                      const Link& link) const;
  [[nodiscard]] std::vector<std::string> resolved(const std::string& name) const {
    const auto found = cluster_.machine.resolved.find(name);
    return found == cluster_.machine.resolved.end() ? std::vector<std::string>{} : found->second;
  }
  void totem();
  void node_list();

  const Cluster& cluster_;
  std::vector<std::string> nodes_;
  std::vector<Link> links_;
  std::vector<std::vector<std::string>> addresses_;  ///< by node, then by link
  std::string text_;
  Notes notes_;
};

core::Result<void> CorosyncWriter::find_links() {
  for (const MediumConfig& medium : cluster_.config.media) {
    if (core::is_ping(medium.type)) continue;
    if (medium.type == MediumType::serial) {
      note(medium.line, fmt::format("serial {}: corosync has no serial links; use a second "
                                    "network", medium.interface));
      continue;
    }
    if (!is_address_word(medium.interface) ||
        (!medium.address.empty() && !is_address_word(medium.address))) {
      return core::Error{fmt::format("ha.cf:{}: {} {}: neither interface nor address may hold such "
                                     "characters", medium.line,
                                     core::printable(medium.interface),
                                     core::printable(medium.address))};
    }
    auto link = std::find_if(links_.begin(), links_.end(),
                             [&](const Link& one) { return one.interface == medium.interface; });
    if (link == links_.end()) link = links_.insert(links_.end(), {medium.interface, {}});
    if (medium.type == MediumType::ucast || medium.type == MediumType::ucast6) {
      link->addresses.push_back(medium.address);
    }
  }
  if (links_.empty()) return core::Error{"ha.cf: no link between the nodes that is a network"};
  if (links_.size() > most_links) {
    note(0, fmt::format("{} links; corosync takes {}, the others are left out", links_.size(),
                        most_links));
    links_.resize(most_links);
  }
  return {};
}

/// By what is certain, in this order: told, named by the node's name, our own.
std::optional<std::string> CorosyncWriter::address_of(const std::string& node,
                                                      const Link& link) const {
  const auto given = cluster_.given.find({node, link.interface});
  if (given != cluster_.given.end()) return given->second;
  const auto own_addresses = cluster_.machine.addresses.find(link.interface);
  const bool own = node == cluster_.machine.node;
  const auto of_node = resolved(node);
  for (const std::string& address : link.addresses) {
    if (core::same_without_case(address, node)) return address;
    auto numeric = resolved(address);
    numeric.push_back(address);
    for (const std::string& one : numeric) {
      if (std::find(of_node.begin(), of_node.end(), one) != of_node.end()) return address;
      if (!own || own_addresses == cluster_.machine.addresses.end()) continue;
      const auto& ours = own_addresses->second;
      if (std::find(ours.begin(), ours.end(), one) != ours.end()) return address;
    }
  }
  if (own && own_addresses != cluster_.machine.addresses.end() && !own_addresses->second.empty()) {
    return own_addresses->second.front();
  }
  return {};
}

void CorosyncWriter::find_addresses() {
  addresses_.assign(nodes_.size(), std::vector<std::string>(links_.size()));
  for (std::size_t at = 0; at < links_.size(); ++at) {
    const Link& link = links_[at];
    std::vector<std::string> left = link.addresses;
    std::vector<std::size_t> unknown;
    for (std::size_t node = 0; node < nodes_.size(); ++node) {
      const auto address = address_of(nodes_[node], link);
      if (!address) {
        unknown.push_back(node);
        continue;
      }
      addresses_[node][at] = *address;
      std::erase(left, *address);
    }
    // The last node is at the last address.
    if (unknown.size() == 1 && left.size() == 1) {
      addresses_[unknown.front()][at] = left.front();
      continue;
    }
    for (const std::size_t node : unknown) {
      addresses_[node][at] = fmt::format("UNKNOWN-{}-{}", nodes_[node], link.interface);
      note(0, fmt::format("the address of {0} on {1} is not known{2}; run this on a node of the "
                          "cluster, or say -a {0}/{1}=ADDRESS", nodes_[node], link.interface,
                          left.empty() ? "" : ", only that it is one of " + core::join(left, " ")));
    }
  }
}

void CorosyncWriter::totem() {
  using std::chrono::milliseconds;
  const auto deadtime = std::chrono::duration_cast<milliseconds>(cluster_.config.deadtime);
  const auto token = std::max(deadtime, shortest_token);
  text_ += "# corosync.conf: written by haresources2cib from ha.cf; the same on all nodes\n";
  for (const Note& one : notes_) text_ += fmt::format("# TO BE DONE: {}\n", one.text);
  text_ += fmt::format(
      "totem {{\n"
      "  version: 2\n"
      "  cluster_name: {}\n"
      "  transport: knet\n"
      "  # `corosync-keygen` makes /etc/corosync/authkey; copy it to all nodes (authkeys is "
      "another thing)\n"
      "  crypto_cipher: aes256\n"
      "  crypto_hash: sha256\n"
      "  # deadtime was {} ms\n"
      "  token: {}\n"
      "}}\n",
      is_plain_name(cluster_.name) ? cluster_.name : "linux-ha", deadtime.count(), token.count());
  if (token != deadtime) {
    note(0, fmt::format("deadtime {} ms became a token of {} ms, the least that corosync bears",
                        deadtime.count(), token.count()));
  }
}

void CorosyncWriter::node_list() {
  text_ += "\nnodelist {\n";
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    text_ += fmt::format("  node {{\n    nodeid: {}\n    name: {}\n", node + 1, nodes_[node]);
    for (std::size_t link = 0; link < links_.size(); ++link) {
      // Behind the value there may be no comment.
      text_ += fmt::format("    # {}\n    ring{}_addr: {}\n", links_[link].interface, link,
                           addresses_[node][link]);
    }
    text_ += "  }\n";
  }
  text_ += "}\n";
}

}  // namespace

core::Result<CorosyncConf> write_corosync(const Cluster& cluster) {
  return CorosyncWriter{cluster}.write();
}

}  // namespace hb::clients::cib
