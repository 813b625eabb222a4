// groups_bench: one node with its groups alone; scripts end when the test says so
#pragma once

#include "core/groups.hpp"

#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace hb::test {

using namespace hb::core;
using namespace std::chrono_literals;
using Kind = GroupOutcome::Kind;

/// One node with Groups alone; scripts end when the test says so.
class Bench : public ResourceSink {
 public:
  explicit Bench(std::vector<std::vector<std::string>> texts) {
    config.nodes.push_back({"n1", NodeType::normal});
    config.node_name = "n1";
    for (const auto& line : texts) {
      Group group;
      group.home = NodeId{0};
      for (const auto& each : line) group.resources.push_back({each, each, {}});
      list.push_back(group);
    }
    groups.emplace(config, list);
  }
  void send(Message&, NodeId) override {}
  Outputs& outputs() override { return outputs_; }
  Ticket next_ticket() override { return Ticket{++tickets_}; }
  void log(LogLevel, std::string_view text) override { lines.emplace_back(text); }
  void changed() override {}
  [[nodiscard]] NodeStatus status(NodeId) const override { return NodeStatus::active; }
  [[nodiscard]] bool is_ours(NodeId) const override { return true; }
  [[nodiscard]] bool peers_are_ours() const override { return true; }
  void stopped() override {}
  void begin_anew() override {}

  /// "start a" for each new action, and "kill a".
  std::string asked() {
    std::string text;
    for (const Output& output : outputs_) {
      if (!text.empty()) text += ", ";
      if (const auto* action = std::get_if<RunAction>(&output)) {
        running.push_back(*action);
        text += std::string{name_of(action->operation)} + " " + name(*action);
      } else if (const auto* kill = std::get_if<KillAction>(&output)) {
        for (const auto& each : running) {
          if (each.ticket == kill->ticket) text += "kill " + name(each);
        }
      }
    }
    outputs_.clear();
    return text;
  }
  /// Ends the oldest script that runs; returns what is asked for next.
  std::string end(int code, std::string_view output = {}, ActionEnd how = ActionEnd::exited) {
    if (running.empty()) return "nothing runs";
    const RunAction action = running.front();
    running.pop_front();
    groups->done(now, ActionDone{action.ticket, how, code, output}, *this);
    return asked();
  }
  std::string order_start(std::size_t group = 0) {
    groups->start(now, id(group), *this);
    return asked();
  }
  std::string order_stop(std::size_t group = 0) {
    groups->stop(now, id(group), *this);
    return asked();
  }
  std::string wait(Duration time) {
    now.instant += time;
    groups->time_passed(now, *this);
    return asked();
  }
  [[nodiscard]] static GroupId id(std::size_t group) {
    return GroupId{static_cast<std::uint16_t>(group)};
  }
  [[nodiscard]] GroupState state(std::size_t group = 0) const { return groups->state(id(group)); }
  [[nodiscard]] std::string name(const RunAction& action) const {
    return list[action.group.value].resources[action.resource].text;
  }
  [[nodiscard]] bool logged(std::string_view text) const {
    for (const auto& line : lines) {
      if (line.find(text) != line.npos) return true;
    }
    return false;
  }

  Config config;
  std::vector<Group> list;
  std::optional<Groups> groups;
  Now now{Instant{1s}, {}};
  std::deque<RunAction> running;
  std::vector<std::string> lines;

 private:
  Outputs outputs_;
  std::uint64_t tickets_ = 0;
};

}  // namespace hb::test
