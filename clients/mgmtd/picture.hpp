// picture: the cluster as one value: what verbs, events and the web page are made from
#pragma once

#include "core/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hb::clients::mgmtd {

/// What the daemon's API and, where it can be read, its board say at one moment.
struct Picture {
  struct Link {
    std::string name, status;
    bool operator==(const Link&) const = default;
  };
  struct Node {
    std::string name, type, status;
    std::string weight, site;
    std::vector<Link> links;
    bool is_ping() const { return type == "ping"; }
    bool operator==(const Node&) const = default;
  };
  /// From the board only.
  struct Group {
    std::string name, home;
    std::string owner;  ///< empty: nobody, as far as this node knows
    std::string state;  ///< on this node
    std::uint32_t failures = 0;
    bool operator==(const Group&) const = default;
  };
  struct Parameter {
    std::string name, value;
  };
  struct Counter {
    std::string label;
    std::uint64_t value = 0;
  };

  std::string self;     ///< the local node
  std::string version;  ///< as told at sign-on
  std::uint64_t deadtime_ms = 0, keepalive_ms = 0;
  std::vector<Node> nodes;  ///< in the order of ha.cf
  std::string holding;      ///< getrsc: none, local, foreign, all, transition
  std::optional<std::vector<Group>> groups;
  std::vector<Parameter> parameters;
  std::vector<Counter> counters;

  /// habit: the daemon compares node names without regard to case.
  [[nodiscard]] const Node* find(std::string_view name) const;
  [[nodiscard]] bool is_self(const Node& node) const;
};

/// Letters A–Z and a–z are the same.
[[nodiscard]] bool same_name(std::string_view one, std::string_view other);

/// A group's owner changed: when, and the daemon's own words for why, if it told.
struct Move {
  std::int64_t wall_seconds = 0;
  std::string group, from, to;
  std::string why;
};

/// One line of the daemon's journal.
struct JournalLine {
  std::int64_t wall_seconds = 0;
  std::string level, text;
};

}  // namespace hb::clients::mgmtd
