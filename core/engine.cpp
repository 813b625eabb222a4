// engine: joins protocol, membership and resources; life and time of the local node
#include "core/config_text.hpp"
#include "core/engine_parts.hpp"

#include <utility>

namespace hb::core {

namespace {

/// Between two `reqnodes` (wire-protocol §9).
constexpr Duration ask_nodes_pause = std::chrono::seconds{1};
/// The board's numbers are never older than this.
constexpr Duration publish_pause = std::chrono::seconds{1};
/// Peers are saved soon after a change, and now and then for their sequence numbers.
constexpr Duration persist_soon = std::chrono::seconds{1};
constexpr Duration persist_pause = std::chrono::minutes{1};
/// How long a leaving node waits for its last words to arrive; 3.0.6 itself stays for two seconds.
constexpr Duration linger = std::chrono::seconds{2};
constexpr Duration linger_beat = std::chrono::milliseconds{50};
/// Tickets of hooks lie above those of actions, which start at 1.
constexpr std::uint64_t hook_tickets = std::uint64_t{1} << 63;
/// Own messages may cause own messages; a step that does not end is a bug.
constexpr int most_rounds = 10'000;

/// The groups that the image before us named. If only a set is known of what it held (`-C all`),
/// that tells with two nodes which groups run; with more, "foreign" could be anybody's.
Inheritance completed(Inheritance inheritance, const std::vector<Group>& groups, NodeId self) {
  if (inheritance.running_keys) {
    for (const Word& word : words_of(*inheritance.running_keys)) {
      const auto found = std::ranges::find(groups, word.text, &Group::key);
      if (found == groups.end()) continue;  // begin() tells of it
      inheritance.running.push_back(GroupId{static_cast<std::uint16_t>(found - groups.begin())});
    }
    return inheritance;
  }
  if (!inheritance.held || !inheritance.running.empty()) return inheritance;
  const Holding held = *inheritance.held;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const Holding wanted = groups[i].home == self ? Holding::local : Holding::foreign;
    if (held != Holding::all && held != wanted) continue;
    inheritance.running.push_back(GroupId{static_cast<std::uint16_t>(i)});
  }
  return inheritance;
}

template <class... Cases>
struct Overload : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overload(Cases...) -> Overload<Cases...>;  // clang 14 cannot deduce it

}  // namespace

Engine::Parts::Parts(EngineSetup given, Now at)
    : config_(std::move(given.config)),
      groups_(std::move(given.groups)),
      keys_(std::move(given.keys)),
      identity_(given.identity),
      inheritance_(completed(std::move(given.inheritance), groups_, config_.self())),
      hooks_(std::move(given.hooks)),
      self_(config_.self()),
      born_(at.instant),
      now_(at),
      random_(given.seed),
      membership_(config_, at.instant),
      history_(identity_.first_seqno),
      health_(config_.keepalive, config_.deadtime),
      next_beat_(at.instant),
      next_publish_(at.instant + publish_pause) {
  for (std::size_t i = 0; i < config_.nodes.size(); ++i) {
    Peer each;
    each.stream = PeerStream{random_.below(10)};
    peers_.push_back(std::move(each));
  }
  for (std::size_t i = 0; i < config_.media.size(); ++i) {
    const MediumType type = config_.media[i].type;
    if (!is_ping(type)) {
      (type == MediumType::serial ? serial_links_ : cluster_links_) |= std::uint64_t{1} << i;
    }
    std::size_t first = 0;
    while (config_.media[first].link_name() != config_.media[i].link_name()) ++first;
    link_of_medium_.push_back(LinkId{static_cast<std::uint16_t>(first)});
  }
  peer(self_).uuid = identity_.uuid;
  peer(self_).is_ours = true;
  quiet_until_.fill(Instant::min());
  last_status_at_ = Instant::min();
  last_hook_ = hook_tickets;
  if (config_.manages_resources) resources_.emplace(config_, groups_, inheritance_);
  restore_peers(given.peers);
  if (inheritance_.memory) remember(*inheritance_.memory);
}

/// What ran here and is no longer configured is left alone, as 3.0.6 does, but not silently.
void Engine::Parts::tell_abandoned(std::string_view key) {
  logf(LogLevel::error,
       "{}: runs here, but haresources has no such group any more: it is left running and "
       "nobody watches it. Stop it by hand, or put its line back and reload.",
       key);
}

void Engine::Parts::begin() {
  if (inheritance_.running_keys) {
    for (const Word& word : words_of(*inheritance_.running_keys)) {
      const auto found = std::ranges::find(groups_, word.text, &Group::key);
      if (found == groups_.end()) tell_abandoned(word.text);
    }
  }
  if (inheritance_.memory) {
    go_on();
  } else if (inheritance_.continues) {
    // The peers saw a short silence only: no new generation, no start-up exchange.
    communication_up();
  } else {
    // habit: a starting node says init once, then up.
    send_status();
    membership_.set_own_status(NodeStatus::up);
    logf(LogLevel::info, log_text::local_status, "up");
    send_status();
    check_start();
  }
  // Beats of nodes that were started together should not collide for ever.
  next_beat_ = now_.instant + config_.keepalive -
               random_.between(Duration{}, config_.keepalive / 16);
  publish_ = true;
  finish_step();
}

void Engine::Parts::dispatch_input(const Input& input) {
  std::visit(
      Overload{
          [&](const FrameArrived& frame) { receive(frame); },
          [&](const FifoMessage& message) { from_fifo(message); },
          [&](const ClientJoined& client) { client_joined(client); },
          [&](const ClientLeft& client) { client_left(client); },
          [&](const ClientMessage& message) { from_client(message); },
          [&](const ClientQuery& query) { on_client_query(query); },
          [&](const ActionDone& done) {
            if (done.ticket.value < hook_tickets) tell_resources(done);
          },
          [&](const RunnerReady& runner) { tell_resources(runner); },
          [&](const AddressLost& lost) { tell_resources(lost); },
          [&](const ServicePathsSeen& paths) { tell_resources(paths); },
          [&](const AddressAnswered& answer) { tell_resources(answer); },
          [&](const LinkOpened&) { hurry_ = true; },
          [&](const LinkFailed&) { publish_ = true; },
          [&](const ClientsWant& wish) { wanted_classes_ = wish.classes | client_class::all; },
          [&](const Tick& time) { tick(time.lateness); },
          [&](const StopRequested&) { stop_asked(); },
          [&](const RestartRequested&) {
            restart_asked_ = true;
            if (resources_ && !resources_->is_at_rest()) {
              log(LogLevel::info, "Restart waits until no resource moves, and, with a witness, "
                                  "until no node is silent.");
            }
          },
          [&](const ConfigReloaded&) { hurry_ = true; },
      },
      input);
}

void Engine::Parts::tick(Duration lateness) {
  if (health_.observe(lateness) != Health::Verdict::well) {
    membership_.excuse(lateness, now_.instant);
  }
  judge_others();
  ask_again();
  if (now_.instant >= next_beat_) {
    hurry_ = true;
    next_beat_ += config_.keepalive;
    if (next_beat_ <= now_.instant) next_beat_ = now_.instant + config_.keepalive;
  }
  if (phase_ == Phase::ending && now_.instant >= last_status_at_ + linger_beat) hurry_ = true;
  if (now_.instant >= next_publish_) publish_ = true;
  if (phase_ == Phase::hearing || phase_ == Phase::asking) check_start();
  if (resources_ && !is_frozen() && now_.instant >= resources_->next_deadline()) {
    tell_resources(TimePassed{});
  }
}

/// Before anything that arrived meanwhile is looked at: were we silent for so long that the others
/// may have declared us dead?
void Engine::Parts::check_own_pause() {
  const Duration silence = now_.instant - last_status_at_;
  if (phase_ != Phase::up || muted_ || is_frozen()) return;
  // A keepalive as long as the dead time would make every beat a pause.
  if (silence < std::max(config_.deadtime, config_.keepalive + config_.keepalive / 2)) return;
  complain(Counter::own_pauses, LogLevel::warn,
           "This node did not run for {} ms, longer than its deadtime: the others may have "
           "declared it dead. Nobody else is judged until they had time to speak.",
           std::chrono::duration_cast<std::chrono::milliseconds>(silence).count());
  membership_.excuse(silence, now_.instant);
  using enum WasAway::Consequence;
  muted_ = resources_ && !peers_are_ours();
  send_status();  // what is asked in a moment comes from a live node
  tell_resources(WasAway{muted_ ? begin_anew : ask_peers});
}

/// When resources must hear that a verdict on the node is near; never if they have, or need not.
Instant Engine::Parts::doubt_at(NodeId node) const {
  const Instant verdict = membership_.verdict_at(node);
  if (verdict == never || !resources_ || peers_[node.value].doubted == verdict) return never;
  return verdict - std::min(conflict_limits::lead,
                            membership_.dead_time(node) / conflict_limits::lead_part);
}

void Engine::Parts::tell_doubts() {
  each_other([&](NodeId node) {
    if (now_.instant < doubt_at(node)) return;
    peer(node).doubted = membership_.verdict_at(node);
    tell_resources(NodeDoubtful{node});
  });
}

void Engine::Parts::judge_others() {
  tell_doubts();
  const Membership::Expired& expired = membership_.judge(now_.instant);
  for (const NodeId node : expired.nodes) node_died(node);
  for (const auto& [node, link] : expired.links) {
    logf(LogLevel::info, log_text::link_dead, name(node), config_.media[link.value].link_name());
    tell_link(node, link, "dead");
    publish_ = true;
  }
}

void Engine::Parts::node_died(NodeId node) {
  counters_.add(Counter::deaths);
  logf(LogLevel::warn, log_text::node_dead, name(node));
  peer(node).stream.forget();
  release_held(node);  // what it still said counts: it may have given up its resources
  tell_node_dead(node);
  publish_ = true;
  if (membership_.type(node) == NodeType::normal) {
    persist_at_ = std::min(persist_at_, now_.instant + persist_soon);
    if (is_up()) tell_resources(NodeDied{node, membership_.ever_heard(node)});
  }
  update_flow();
}

void Engine::Parts::check_start() {
  if (phase_ != Phase::hearing && phase_ != Phase::asking) return;
  if (!membership_.all_known()) return;
  NodeId first = no_node;
  each_other([&](NodeId node) {
    if (first == no_node && is_live(node)) first = node;
  });
  if (first == no_node) return communication_up();
  if (phase_ == Phase::asking && now_.instant < ask_nodes_at_) return;
  phase_ = Phase::asking;
  ask_nodes_at_ = now_.instant + ask_nodes_pause;
  outgoing_.clear();
  outgoing_.add("t", "reqnodes");
  outgoing_.add("dest", name(first));
  transmit(outgoing_, first);
}

void Engine::Parts::communication_up() {
  phase_ = Phase::up;
  ask_nodes_at_ = never;
  membership_.communication_up(now_.instant);
  membership_.set_own_status(NodeStatus::active);
  log(LogLevel::info, log_text::comm_now_up);
  logf(LogLevel::info, log_text::local_status, "active");
  outputs_.add(CommunicationUp{});
  send_status();
  tell_resources(CommunicationReached{});
  each_other([&](NodeId node) {
    if (status(node) == NodeStatus::dead) {
      tell_resources(NodeDied{node, membership_.ever_heard(node)});
    }
  });
  publish_ = true;
}

void Engine::Parts::tell_resources(const ResourceEvent& event) {
  if (resources_ && !is_frozen()) resources_->handle(now_, event, *this);
}

bool Engine::Parts::peers_are_ours() const {
  bool all = true;
  each_other([&](NodeId node) {
    if (status(node) != NodeStatus::dead) all = all && is_live(node) && is_ours(node);
  });
  return all;
}

void Engine::Parts::stop_asked() {
  if (stop_asked_) return;
  stop_asked_ = true;
  if (is_frozen()) {  // no next image then: what runs here is released after all
    exit_reason_ = ExitReason::stopped;
    phase_ = Phase::up;
    hurry_ = true;  // the peers need no longer patience
  }
  if (resources_) return tell_resources(StopAsked{});
  stopped();
}

void Engine::Parts::begin_restart() {
  restart_asked_ = false;
  exit_reason_ = ExitReason::resume;
  send_status();  // with the longer dt: the peers wait for the next image (wire-protocol §6.3)
  stopped();
}

void Engine::Parts::begin_anew() {
  log(LogLevel::info, "Everything is released; beginning anew in a new generation.");
  phase_ = Phase::gone;
  persist_peers();
  publish_ = true;
  outputs_.add(Exit{ExitReason::restart});
}

void Engine::Parts::stopped() {
  if (phase_ == Phase::ending || phase_ == Phase::gone) return;
  last_word_ = history_.highest();
  linger_until_ = is_up() ? now_.instant + linger : now_.instant;
  phase_ = Phase::ending;
  hurry_ = true;  // a status behind the last word lets the peers notice if that is lost
}

void Engine::Parts::check_end() {
  if (phase_ != Phase::ending) return;
  bool heard_by_all = true;
  each_other([&](NodeId node) {
    const Peer& each = peers_[node.value];
    if (is_live(node) && each.acked < last_word_) heard_by_all = false;
  });
  if (!heard_by_all && now_.instant < linger_until_) return;
  phase_ = Phase::gone;
  if (exit_reason_ == ExitReason::stopped) {
    logf(LogLevel::info, log_text::shutdown_complete, name(self_));
  }
  persist_peers();
  publish_ = true;
  outputs_.add(Exit{exit_reason_});
}

/// Own messages are processed, and what they cause is sent, until nothing more follows.
void Engine::Parts::finish_messages() {
  for (int round = 0; looped_count_ > 0 || hurry_; ++round) {
    ENSURE(round < most_rounds);
    loop_back();
    if (std::exchange(hurry_, false)) send_status();
  }
}

void Engine::Parts::finish_step() {
  finish_messages();
  if (restart_asked_ && !stop_asked_ && (!resources_ || resources_->is_at_rest())) {
    begin_restart();
    finish_messages();
  }
  check_end();
  if (now_.instant >= persist_at_) persist_peers();
  if (std::exchange(publish_, false)) {
    refresh_snapshot();
    next_publish_ = now_.instant + publish_pause;
    outputs_.add(Publish{});
  }
}

Instant Engine::Parts::next_deadline() const {
  if (phase_ == Phase::gone) return never;
  Instant first = std::min({next_beat_, next_publish_, persist_at_, ask_nodes_at_,
                            membership_.next_deadline()});
  for (const Peer& each : peers_) first = std::min(first, each.stream.next_request());
  each_other([&](NodeId node) { first = std::min(first, doubt_at(node)); });
  if (resources_ && !is_frozen()) first = std::min(first, resources_->next_deadline());
  if (phase_ == Phase::ending) {
    first = std::min({first, linger_until_, last_status_at_ + linger_beat});
  }
  // What became due in the past (a dead time that replaces the longer initdead) is due now: the
  // caller is not late for it, and would be taken for a node that had been paused.
  return std::max(first, now_.instant);
}

void Engine::Parts::persist_peers() {
  persist_at_ = now_.instant + persist_pause;
  saved_peers_.clear();
  each_other([&](NodeId node) {
    const Peer& each = peers_[node.value];
    append_saved_peer({name(node), each.stream.generation(), each.stream.last_status(), each.uuid},
                      saved_peers_);
  });
  outputs_.add(Persist{"peers", outputs_.keep(saved_peers_)});
}

void Engine::Parts::restore_peers(std::string_view text) {
  for (const SavedPeer& saved : parse_saved_peers(text)) {
    const auto node = node_named(saved.name);
    if (!node || *node == self_ || membership_.type(*node) == NodeType::ping) continue;
    peer(*node).stream.restore(saved.generation, saved.last_status);
    peer(*node).uuid = saved.uuid;
  }
}

void Engine::Parts::refresh_snapshot() {
  Snapshot& view = snapshot_;
  view.taken_ns = now_.instant.time_since_epoch().count();
  view.self = self_;
  view.node_count = static_cast<std::uint16_t>(config_.nodes.size());
  view.link_count = static_cast<std::uint16_t>(config_.media.size());
  view.clients_paused = paused_ ? 1 : 0;
  view.generation = identity_.generation;
  view.next_seqno = history_.next();
  for (std::size_t i = 0; i < config_.nodes.size(); ++i) {
    const NodeId node{static_cast<std::uint16_t>(i)};
    const Peer& each = peers_[i];
    NodeRow& row = view.nodes[i];
    row.name.assign(config_.nodes[i].name);
    row.type = config_.nodes[i].type;
    row.status = membership_.status(node);
    row.weight = each.weight;
    row.site = each.site;
    row.deadtime_ms = static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(membership_.dead_time(node))
            .count());
    row.last_heard_ns = membership_.ever_heard(node)
                            ? membership_.last_heard(node).time_since_epoch().count()
                            : 0;
    row.generation = node == self_ ? identity_.generation.value : each.stream.generation().value;
    row.last_seqno = node == self_ ? history_.highest().value
                                   : each.stream.last().value_or(Seqno{}).value;
    row.lost_packets = each.lost;
    row.uuid = each.uuid;
    for (std::size_t l = 0; l < config_.media.size(); ++l) {
      view.link_status[i][l] = membership_.link_status(node, LinkId{static_cast<std::uint16_t>(l)});
    }
  }
  for (std::size_t l = 0; l < config_.media.size(); ++l) {
    view.links[l].name.assign(config_.media[l].link_name());
    view.links[l].type = config_.media[l].type;
  }
  if (resources_) resources_->fill(view);
}

// ---- the public face

Engine::Engine(EngineSetup setup, Now now)
    : parts_(std::make_unique<Parts>(std::move(setup), now)) {}

Engine::~Engine() = default;

const Outputs& Engine::start() {
  parts_->outputs_.clear();
  parts_->begin();
  return parts_->outputs_;
}

const Outputs& Engine::step(Now now, const Input& input) {
  Parts& parts = *parts_;
  parts.outputs_.clear();
  // Time never runs backwards within core, whatever the caller says.
  parts.now_ = {std::max(now.instant, parts.now_.instant), now.wall};
  if (parts.phase_ == Parts::Phase::gone) return parts.outputs_;
  // A runner's list of scripts is from before this step: none may be begun before it is compared.
  if (!std::holds_alternative<RunnerReady>(input)) parts.check_own_pause();
  parts.dispatch_input(input);
  parts.finish_step();
  return parts.outputs_;
}

Instant Engine::next_deadline() const { return parts_->next_deadline(); }
const Snapshot& Engine::snapshot() const { return parts_->snapshot_; }
const Counters& Engine::counters() const { return parts_->counters_; }
const Config& Engine::config() const { return parts_->config_; }
const std::vector<Group>& Engine::groups() const { return parts_->groups_; }
std::string Engine::running_keys() const {
  return parts_->resources_ ? parts_->resources_->running_keys() : std::string{};
}
void Engine::save(Continuity& into) const { parts_->save(into); }
void Engine::exchange_keys(KeyRing keys) {
  parts_->keys_ = std::move(keys);
  for (Parts::Peer& each : parts_->peers_) each.last_frame.clear();
}

}  // namespace hb::core
