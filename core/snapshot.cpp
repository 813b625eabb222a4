// snapshot: names of the states that readers of the board print
#include "core/snapshot.hpp"

#include <utility>

namespace hb::core {

namespace {

template <class Value, std::size_t Size>
using Names = std::array<std::pair<Value, std::string_view>, Size>;

constexpr Names<NodeStatus, 5> statuses = {{{NodeStatus::init, "init"},
                                            {NodeStatus::up, "up"},
                                            {NodeStatus::active, "active"},
                                            {NodeStatus::ping, "ping"},
                                            {NodeStatus::dead, "dead"}}};
constexpr Names<Holding, 5> holdings = {{{Holding::none, "none"},
                                         {Holding::local, "local"},
                                         {Holding::foreign, "foreign"},
                                         {Holding::all, "all"},
                                         {Holding::transition, "transition"}}};
constexpr Names<GroupState, 6> group_states = {{{GroupState::stopped, "stopped"},
                                                {GroupState::starting, "starting"},
                                                {GroupState::running, "running"},
                                                {GroupState::stopping, "stopping"},
                                                {GroupState::failed, "failed"},
                                                {GroupState::unknown, "unknown"}}};

template <class Value, std::size_t Size>
std::string_view name_in(const Names<Value, Size>& names, Value value) {
  for (const auto& [candidate, name] : names) {
    if (candidate == value) return name;
  }
  return "unknown";  // a torn or foreign snapshot may hold any byte
}

template <class Value, std::size_t Size>
std::optional<Value> value_in(const Names<Value, Size>& names, std::string_view text) {
  for (const auto& [value, name] : names) {
    if (name == text) return value;
  }
  return std::nullopt;
}

}  // namespace

std::string_view name_of(NodeStatus status) { return name_in(statuses, status); }
std::optional<NodeStatus> node_status(std::string_view name) { return value_in(statuses, name); }
std::string_view name_of(Holding value) { return name_in(holdings, value); }
std::optional<Holding> holding(std::string_view name) { return value_in(holdings, name); }
std::string_view name_of(GroupState state) { return name_in(group_states, state); }

}  // namespace hb::core
