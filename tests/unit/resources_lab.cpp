// resources_lab: nodes that exchange messages in memory and run imaginary scripts, for unit tests
#include "tests/unit/resources_lab.hpp"

#include "core/result.hpp"

#include <algorithm>
#include <sstream>

namespace hb::test {

std::string describe(const Message& message) {
  std::string text{message.type()};
  for (const auto* field : {"rsc_hold", "isstable", "info", "ipaddr", "weown", "result"}) {
    const auto value = message.text(field);
    if (!value) continue;
    text.append(" ").append(*value);
  }
  return text;
}

// ---- OurNode

OurNode::OurNode(Lab& lab, NodeId id, AutoFailback mode, const Inheritance& inheritance)
    : LabNode{lab, id}, config{lab.config_of(id.value, mode)} {
  for (const GroupId group : inheritance.running) {
    for (const auto& each : lab.groups[group.value].resources) running.insert(each.text);
  }
  resources = std::make_unique<Resources>(config, lab.groups, inheritance);
}

void OurNode::handle(const ResourceEvent& event) {
  outputs_.clear();
  resources->handle(lab_.now, event, *this);
  run_actions();
}

/// Scripts end at once, each in a handle() of its own, in the order they were started.
void OurNode::run_actions() {
  std::deque<RunAction> todo;
  const auto gather = [&] {
    for (const Output& output : outputs_) {
      if (const auto* action = std::get_if<RunAction>(&output)) todo.push_back(*action);
      if (const auto* kill = std::get_if<KillAction>(&output)) {
        for (auto& each : hung_) {
          if (each.action.ticket != kill->ticket) continue;
          calls.push_back("kill " + lab_.groups[each.action.group.value]
                                        .resources[each.action.resource].text);
        }
      }
    }
    outputs_.clear();
  };
  gather();
  while (!todo.empty()) {
    const RunAction action = todo.front();
    todo.pop_front();
    const auto& name = lab_.groups[action.group.value].resources[action.resource].text;
    if (action.operation != Operation::status && hanging.erase(name) > 0) {
      calls.push_back(std::string{name_of(action.operation)} + " " + name);
      hung_.push_back({action});
      continue;
    }
    std::string output;
    const ActionDone done = run(action, output);
    resources->handle(lab_.now, ActionDone{done.ticket, done.end, done.code, output}, *this);
    gather();
  }
}

ActionDone OurNode::run(const RunAction& action, std::string& output) {
  const auto& name = lab_.groups[action.group.value].resources[action.resource].text;
  if (action.operation != Operation::status) {
    calls.push_back(std::string{name_of(action.operation)} + " " + name);
  }
  int code = 0;
  switch (action.operation) {
    case Operation::status:
      output = running.contains(name) ? "running\n" : "stopped\n";
      break;
    case Operation::start:
      code = bad_start.contains(name) ? 1 : 0;
      if (code == 0) running.insert(name);
      break;
    case Operation::stop:
      code = bad_stop.contains(name) && running.contains(name) ? 1 : 0;
      if (code == 0) running.erase(name);
      break;
  }
  lab_.check_doubles();
  return {action.ticket, ActionEnd::exited, code, {}};
}

void OurNode::release(std::string_view resource, int code) {
  const auto at = std::ranges::find_if(hung_, [&](const Hanging& each) {
    return lab_.groups[each.action.group.value].resources[each.action.resource].text == resource;
  });
  ENSURE(at != hung_.end());
  const RunAction action = at->action;
  hung_.erase(at);
  if (code == 0 && action.operation == Operation::start) running.insert(std::string{resource});
  if (code == 0 && action.operation == Operation::stop) running.erase(std::string{resource});
  lab_.check_doubles();
  handle(ActionDone{action.ticket, ActionEnd::exited, code, {}});
}

void OurNode::lose_runner() {
  hung_.clear();
  handle(RunnerReady{});
}

GroupRow OurNode::row(std::size_t group) const {
  auto snapshot = std::make_unique<Snapshot>();
  resources->fill(*snapshot);
  return snapshot->groups[group];
}

void OurNode::communication_up() {
  up = true;
  handle(CommunicationReached{});
  for (std::size_t i = 0; i < lab_.nodes.size(); ++i) {
    const NodeId node{static_cast<std::uint16_t>(i)};
    if (node != id_ && status(node) == NodeStatus::dead) handle(NodeDied{node, false});
  }
}
void OurNode::receive(NodeId source, const Message& message) {
  if (up) handle(ResourceMessage{source, &message});
}
void OurNode::died(NodeId node) {
  if (up) handle(NodeDied{node, true});
}
void OurNode::returned(NodeId node, ReturnKind kind, bool was_dead) {
  if (up) handle(NodeReturned{node, kind, was_dead});
}
void OurNode::time_passed() { handle(TimePassed{}); }
void OurNode::stop() { handle(StopAsked{}); }

void OurNode::send(Message& message, NodeId) { lab_.post(id_, message); }
void OurNode::log(LogLevel, std::string_view text) { LabNode::log.emplace_back(text); }
NodeStatus OurNode::status(NodeId node) const { return lab_.status(id_, node); }
bool OurNode::is_ours(NodeId node) const {
  return lab_.nodes[node.value] && lab_.nodes[node.value]->is_ours();
}
bool OurNode::peers_are_ours() const {
  for (std::size_t i = 0; i < lab_.nodes.size(); ++i) {
    const NodeId node{static_cast<std::uint16_t>(i)};
    if (node != id_ && status(node) != NodeStatus::dead && !is_ours(node)) return false;
  }
  return true;
}

// ---- OldNode

void OldNode::send(std::string_view type,
                   std::vector<std::pair<std::string, std::string>> fields) {
  Message message;
  message.add("t", type);
  for (const auto& [field, value] : fields) message.add(field, value);
  lab_.post(id_, message);
}

void OldNode::send_resource(bool stable, std::string_view info) {
  std::vector<std::pair<std::string, std::string>> fields{
      {"rsc_hold", std::string{name_of(holding_of(mine))}},
      {"rtype", "full"},
      {"isstable", stable ? "1" : "0"}};
  if (!info.empty()) fields.emplace_back("info", info);
  send("resource", fields);
}

void OldNode::communication_up() {
  up = true;
  if (mode_ != AutoFailback::legacy) {
    send("starting", {});
    r = R::starting;
    for (std::size_t i = 0; i < lab_.nodes.size(); ++i) {
      const NodeId node{static_cast<std::uint16_t>(i)};
      if (node != id_ && lab_.status(id_, node) == NodeStatus::dead) died(node);
    }
    return;
  }
  bool peer_active = false;
  for (std::size_t i = 0; i < lab_.nodes.size(); ++i) {
    const NodeId node{static_cast<std::uint16_t>(i)};
    if (node != id_ && lab_.status(id_, node) == NodeStatus::active) peer_active = true;
  }
  for (const auto& group : lab_.groups) {
    if (group.home != id_) continue;
    if (peer_active) {
      send("ip-request", {{"ipaddr", group.key()}});
    } else {
      for (const auto& each : group.resources) running.insert(each.text);
    }
  }
  if (!peer_active) start_groups(false);
}

void OldNode::start_groups(bool own) {
  for (const auto& group : lab_.groups) {
    if ((group.home == id_) != own) continue;
    for (const auto& each : group.resources) {
      if (running.insert(each.text).second) calls.push_back("start " + each.text);
    }
  }
}

void OldNode::acquire(Holding set, NodeId) {
  if (has_local(set)) start_groups(true);
  if (has_foreign(set)) start_groups(false);
}

void OldNode::release(Holding set) {
  for (const auto& group : lab_.groups) {
    if (group.home == id_ ? !has_local(set) : !has_foreign(set)) continue;
    for (const auto& each : group.resources) {
      if (running.erase(each.text) > 0) calls.push_back("stop " + each.text);
    }
  }
}

void OldNode::request(bool force) {
  if (!(force || s != S::none) && (other.foreign || mine.local)) return;
  mine.local = true;
  start_groups(true);
  send_resource(true, "req_our_resources()");
}

void OldNode::receive(NodeId source, const Message& message) {
  if (!up) return;
  const bool from_self = source == id_;
  const auto type = message.type();
  if (type == "ip-request" && !from_self) {
    const auto key = message.text_or_empty("ipaddr");
    bool owned = false;
    for (const auto& group : lab_.groups) {
      if (group.key() != key || !running.contains(group.key())) continue;
      owned = true;
      for (const auto& each : group.resources) running.erase(each.text);
    }
    send("ip-request-resp", {{"dest", lab_.config.nodes[source.value].name},
                             {"ipaddr", std::string{key}},
                             {"weown", owned ? "yes" : "no"},
                             {"ok", "OK"}});
  }
  if (type == "ip-request-resp" &&
      message.text_or_empty("dest") == lab_.config.nodes[id_.value].name) {
    for (const auto& group : lab_.groups) {
      if (group.key() != message.text_or_empty("ipaddr")) continue;
      for (const auto& each : group.resources) running.insert(each.text);
    }
  }
  if (type == "shutdone" && !from_self) {
    take_over();
  }
  if (mode_ == AutoFailback::legacy) {
    if (type == "starting" || type == "resource")
      errors.push_back("unexpected " + describe(message));
    return;
  }
  if (type == "starting" && !from_self) {
    switch (r) {
      case R::starting:
        r = R::both_starting;
        other_stable = false;
        return send_resource(false);
      case R::received:
      case R::stable:
      case R::shutdown:
        other_stable = false;
        return send_resource(r == R::stable);
      default: errors.push_back("starting");
    }
  }
  if (type == "resource") on_resource(from_self, message);
  if (type == "ask_resources") on_ask(from_self, message);
  if (type == "hb_takeover" && !from_self) {
    const auto hold = message.text_or_empty("rsc_hold");
    send("ask_resources", {{"rsc_hold", hold == "local"     ? "foreign"
                                        : hold == "foreign" ? "local"
                                                            : "all"},
                           {"info", "me"}});
  }
}

void OldNode::on_resource(bool from_self, const Message& message) {
  if (r == R::init) return errors.push_back("resource in INIT");
  if (r == R::starting || r == R::both_starting) {
    r = R::received;
    if (deadline_ == never) deadline_ = lab_.now.instant + 10s;
  }
  const auto said = *holding(message.text_or_empty("rsc_hold"));
  const bool full = message.text_or_empty("rtype") == "full";
  Shares& whose = from_self ? mine : other;
  const Shares value{.local = has_local(said), .foreign = has_foreign(said)};
  if (full || said == Holding::none) {
    whose = value;
  } else {
    whose = {.local = whose.local || value.local, .foreign = whose.foreign || value.foreign};
  }
  if (from_self) {
    const auto info = message.text_or_empty("info");
    if (info == "mach_down") {
      takeover = false;
      mine.foreign = needs_failback = other_stable = true;
    }
    if (info == "shutdown") r = R::shutdown;
    return;
  }
  const auto stable = message.text("isstable");
  if (stable == "0") other_stable = false;
  if (stable == "1" && !other_stable) {
    other_stable = true;
    send_resource(r == R::stable);
    try_failback();
  }
  if (other_stable && r != R::stable && r != R::shutdown) {
    request(false);
    r = R::stable;
    deadline_ = never;
    send_resource(true);
    try_failback();
  }
}

void OldNode::try_failback() {
  if (mode_ != AutoFailback::on || r == R::shutdown || !mine.foreign || !needs_failback) return;
  if (s != S::none || !other_stable || r != R::stable) {
    failback_at_ = lab_.now.instant + 1s;
    return;
  }
  send("ask_resources", {{"rsc_hold", "foreign"}, {"info", "me"}});
}

void OldNode::on_ask(bool from_self, const Message& message) {
  if (r == R::shutdown) return;
  const auto info = message.text_or_empty("info");
  const auto set = *holding(message.text_or_empty("rsc_hold"));
  const auto ask = [&](std::string_view what) {
    send("ask_resources", {{"rsc_hold", std::string{name_of(set)}}, {"info", std::string{what}}});
  };
  if (standby_deadline_ != never && lab_.now.instant > standby_deadline_) {
    errors.push_back("No reply");
    s = S::none;
    other_stable = true;
    standby_deadline_ = never;
  }
  if (info == "me" && standby_deadline_ != never) return errors.push_back("Standby in progress");
  const auto wait = [&](Duration time) { standby_deadline_ = lab_.now.instant + time; };
  const auto finish = [&] {
    s = S::none;
    standby_deadline_ = never;
    send_resource(true);
  };
  if (s == S::none) {
    if (!other_stable) return errors.push_back("Other side is in flux.");
    if (r != R::stable) return errors.push_back("local resources in flux.");
    if (info != "me") return errors.push_back("Ignored standby message");
    other_stable = false;
    s = from_self ? S::me : S::other;
    wait(from_self ? Duration{10s} : Duration{1h});
    if (!from_self) ask("other");
  } else if (s == S::me && info == "other" && !from_self) {
    wait(1h);
    if (has_local(set)) mine.local = false;
    if (has_foreign(set)) mine.foreign = false;
    send_resource(false, "standby");
    release(set);
    ask("done");
  } else if (s == S::me && info == "done" && from_self) {
    s = S::done;
    wait(1h);
  } else if (s == S::other && info == "done" && !from_self) {
    acquire(mirrored(set), id_);
    s = S::done;
    wait(1h);
    ask("done");
  } else if (s == S::done && info == "done") {
    if (from_self) {
      const Holding gained = mirrored(set);
      mine = {.local = mine.local || has_local(gained),
              .foreign = mine.foreign || has_foreign(gained)};
    }
    finish();
  } else if (!(from_self && (info == "other" || info == "me"))) {
    errors.push_back("Ignored standby message " + std::string{info});
  }
}

void OldNode::take_over() {
  mine.foreign = true;
  other = {};
  other_stable = takeover = needs_failback = true;
  start_groups(false);
  mine.local = true;
  start_groups(true);
  if (mode_ == AutoFailback::legacy) return;
  send_resource(true, "req_our_resources()");
  send("resource", {{"rsc_hold", "foreign"}, {"info", "mach_down"}});
  if (r == R::starting || r == R::both_starting) r = R::received;
  if (deadline_ == never && r == R::received) deadline_ = lab_.now.instant + 10s;
}

void OldNode::died(NodeId) {
  if (!up || r == R::shutdown) return;
  s = S::none;
  standby_deadline_ = never;
  needs_failback = true;
  if (!(mine.local && mine.foreign)) take_over();
}

void OldNode::time_passed() {
  if (deadline_ <= lab_.now.instant && r == R::received) {
    deadline_ = never;
    r = R::stable;
    request(false);
    send_resource(true);
  }
  if (failback_at_ <= lab_.now.instant) {
    failback_at_ = never;
    try_failback();
  }
}

Instant OldNode::next_deadline() const { return std::min(deadline_, failback_at_); }

void OldNode::stop() {
  if (mode_ != AutoFailback::legacy) {
    r = R::shutdown;
    mine = {};
    send_resource(false, "shutdown");
  }
  release(Holding::all);
  send("shutdone", {{"st", "dead"}});
  finished = true;
}

// ---- Lab

Lab::Lab(std::size_t node_count, std::vector<std::string> group_lines)
    : nodes(node_count), alive(node_count, false) {
  for (std::size_t i = 0; i < node_count; ++i) {
    config.nodes.push_back({"n" + std::to_string(i + 1), NodeType::normal});
  }
  config.node_name = "n1";
  for (const auto& line : group_lines) {
    std::istringstream words{line};
    std::string word;
    words >> word;
    Group group;
    group.home = *config.node(word);
    while (words >> word) group.resources.push_back({word, word.substr(0, word.find(':')), {}});
    groups.push_back(group);
  }
}

Config Lab::config_of(std::size_t index, AutoFailback mode) const {
  Config copy = config;
  copy.node_name = config.nodes[index].name;
  copy.auto_failback = mode;
  return copy;
}

OurNode& Lab::add_ours(std::size_t index, AutoFailback mode, const Inheritance& inheritance) {
  auto made = std::make_unique<OurNode>(*this, NodeId{static_cast<std::uint16_t>(index)}, mode,
                                        inheritance);
  auto& node = *made;
  nodes[index] = std::move(made);
  alive[index] = true;
  return node;
}

OldNode& Lab::add_old(std::size_t index, AutoFailback mode) {
  auto made = std::make_unique<OldNode>(*this, NodeId{static_cast<std::uint16_t>(index)}, mode);
  auto& node = *made;
  nodes[index] = std::move(made);
  alive[index] = true;
  return node;
}

NodeStatus Lab::status(NodeId from, NodeId of) const {
  if (!alive[of.value] || !nodes[of.value] || is_cut(from, of)) return NodeStatus::dead;
  return nodes[of.value]->up ? NodeStatus::active : NodeStatus::up;
}

void Lab::post(NodeId source, const Message& message) {
  Letter letter{source, message, {}};
  letter.message.add("src", config.nodes[source.value].name);
  letter.message.add_hex("seq", ++seq_);
  letter.message.add_hex("hg", 1);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const NodeId node{static_cast<std::uint16_t>(i)};
    const auto dest = message.text("dest");
    if (dest && *dest != config.nodes[i].name) continue;
    const bool lost = lossy_.contains(std::minmax<std::size_t>(source.value, i));
    if (alive[i] && !lost && !is_cut(source, node)) letter.to.push_back(node);
  }
  wire.push_back(config.nodes[source.value].name + " " + describe(message));
  letters_.push_back(std::move(letter));
}

void Lab::run() {
  for (int count = 0; !letters_.empty(); ++count) {
    ENSURE(count < 10'000);  // else they talk for ever
    const Letter letter = std::move(letters_.front());
    letters_.pop_front();
    for (const NodeId to : letter.to) {
      if (alive[to.value] && nodes[to.value])
        nodes[to.value]->receive(letter.source, letter.message);
    }
    check_doubles();
  }
}

void Lab::advance(Duration time) {
  const Instant end = now.instant + time;
  run();
  for (int count = 0;; ++count) {
    ENSURE(count < 100'000);
    Instant next = end;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (alive[i]) next = std::min(next, nodes[i]->next_deadline());
    }
    now.instant = std::max(now.instant, next);
    if (now.instant >= end) break;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (alive[i] && nodes[i]->next_deadline() <= now.instant) nodes[i]->time_passed();
    }
    run();
  }
}

void Lab::come_up(std::size_t index) { nodes[index]->communication_up(); }

void Lab::start_all() {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!alive[i]) continue;
    come_up(i);
    run();
  }
}

void Lab::kill(std::size_t index) {
  alive[index] = false;
  nodes[index]->running.clear();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (alive[i]) nodes[i]->died(NodeId{static_cast<std::uint16_t>(index)});
  }
  run();
}

OurNode& Lab::restart_ours(std::size_t index, AutoFailback mode) {
  auto& node = add_ours(index, mode);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (alive[i] && i != index) nodes[i]->returned(node.id(), ReturnKind::restart, true);
  }
  run();
  come_up(index);
  run();
  return node;
}

OldNode& Lab::restart_old(std::size_t index, AutoFailback mode) {
  auto& node = add_old(index, mode);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (alive[i] && i != index) nodes[i]->returned(node.id(), ReturnKind::restart, true);
  }
  run();
  come_up(index);
  run();
  return node;
}

bool Lab::is_cut(NodeId one, NodeId two) const {
  return cuts_.contains(std::minmax<std::size_t>(one.value, two.value));
}

void Lab::cut(std::size_t one, std::size_t two) {
  cuts_.insert(std::minmax(one, two));
  nodes[one]->died(NodeId{static_cast<std::uint16_t>(two)});
  nodes[two]->died(NodeId{static_cast<std::uint16_t>(one)});
  run();
}

void Lab::heal(std::size_t one, std::size_t two) {
  cuts_.erase(std::minmax(one, two));
  nodes[one]->returned(NodeId{static_cast<std::uint16_t>(two)}, ReturnKind::partition, true);
  nodes[two]->returned(NodeId{static_cast<std::uint16_t>(one)}, ReturnKind::partition, true);
  run();
}

void Lab::fifo(std::size_t index, std::vector<std::pair<std::string, std::string>> fields) {
  Message message;
  for (const auto& [field, value] : fields) message.add(field, value);
  post(NodeId{static_cast<std::uint16_t>(index)}, message);
  run();
}

std::string Lab::where(std::size_t group) const {
  std::string places;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!alive[i] || !nodes[i]) continue;
    const auto& resources = groups[group].resources;
    const auto count = std::ranges::count_if(resources, [&](const Resource& each) {
      return nodes[i]->running.contains(each.text);
    });
    if (count == 0) continue;
    if (!places.empty()) places.append(" ");
    places.append(config.nodes[i].name);
    if (count != static_cast<std::ptrdiff_t>(resources.size())) places.append("(part)");
  }
  return places;
}

void Lab::check_doubles() {
  for (const auto& group : groups) {
    for (const auto& each : group.resources) {
      int count = 0;
      for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (alive[i] && nodes[i] && nodes[i]->running.contains(each.text)) ++count;
      }
      if (count > 1) double_seen = true;
    }
  }
}

}  // namespace hb::test
