// clients: the register socket and all its connections, joined to the API sessions
#include "status/clients.hpp"

#include "os/clock.hpp"

#include <fmt/core.h>

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace hb::status {

namespace {

/// A second look at what keeps us from serving: a full ring, a hung master, no descriptors.
constexpr core::Duration retry_after = std::chrono::milliseconds{5};
constexpr std::size_t scratch_bytes = 16 << 10;

bool process_exists(std::uint32_t pid) {
  if (pid == 0) return true;  // of another pid namespace; it cannot sign on, and is told why
  return ::kill(static_cast<pid_t>(pid), 0) == 0 || errno != ESRCH;
}

}  // namespace

Clients::Clients(os::Loop& loop, ipc::Channel& channel, std::uint32_t own_uid,
                 ReadSnapshot read_snapshot, Log log)
    : loop_(loop),
      channel_(channel),
      read_snapshot_(std::move(read_snapshot)),
      log_(std::move(log)),
      sessions_(process_exists, own_uid),
      snapshot_(std::make_unique<core::Snapshot>()),
      scratch_(scratch_bytes) {
  now_ = os::instant_now();
  next_audit_ = now_ + limits::audit_every;
}

Clients::~Clients() {
  for (auto& [id, client] : clients_) loop_.unwatch(client.connection.socket());
  if (listener_ >= 0) loop_.unwatch(listener_);
}

// ---- coming

void Clients::open(int listener) {
  if (listener_ >= 0) return;
  constexpr int backlog = 128;  // habit: as 3.0.6
  if (::listen(listener, backlog) != 0)
    return note(core::LogLevel::crit, fmt::format("cannot listen for API clients: {}",
                                                  std::strerror(errno)));
  listener_ = listener;
  loop_.watch(listener, [this] { accept_some(); });
}

void Clients::accept_some() {
  for (int i = 0; i < limits::accepts_a_turn; ++i) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket >= 0) {
      admit(socket);
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    // Out of descriptors or memory: those who wait stay in the backlog, and we do not spin.
    note(core::LogLevel::error,
         fmt::format("cannot accept API clients for a while: {}", std::strerror(errno)));
    loop_.pause(listener_);
    listener_paused_ = true;
    return;
  }
}

void Clients::admit(int socket) {
  ++counters_.accepted;
  const core::ClientId id{++last_id_};
  const auto at = clients_.try_emplace(id, socket, now_).first;
  Client& client = at->second;
  client.peer = client.connection.peer();
  Usage& usage = usage_[client.peer.uid];
  ++usage.clients;
  if (clients_.size() > most_ || usage.clients > limits::clients_of_user) {
    ++counters_.over_limit;
    note(core::LogLevel::warn,
         fmt::format("too many API clients ({}, of uid {}: {}): a new one of pid {} was closed",
                     clients_.size() - 1, client.peer.uid, usage.clients - 1, client.peer.pid));
    return forget(at);
  }
  sessions_.opened(id, client.peer);
  loop_.watch(socket, [this, id] { readable(id); });
}

// ---- reading

/// Reads the snapshot: once for all frames of one client, since no event comes in between.
bool Clients::can_serve() {
  const auto age = waiting_up_.empty() ? read_snapshot_(*snapshot_) : std::nullopt;
  if (!age) return false;
  if (*age <= stale_after) {
    if (std::exchange(stale_told_, false))
      note(core::LogLevel::info, "the cluster state is current again; API clients are served");
    return true;
  }
  if (!std::exchange(stale_told_, true))
    note(core::LogLevel::error,
         fmt::format("the master process has not renewed the cluster state for {} ms; API clients "
                     "wait until it does",
                     std::chrono::duration_cast<std::chrono::milliseconds>(*age).count()));
  return false;
}

void Clients::stop_reading(core::ClientId, Client& client) {
  if (std::exchange(client.reading, false)) loop_.pause(client.connection.socket());
}

void Clients::go_on_reading(core::ClientId id, Client& client) {
  if (client.held || client.waits_to_write || stalled_.contains(id)) return;
  if (!std::exchange(client.reading, true)) loop_.resume(client.connection.socket());
}

void Clients::readable(core::ClientId id) {
  const auto at = clients_.find(id);
  if (at == clients_.end() || !at->second.reading) return;
  Client& client = at->second;
  const auto stream = client.connection.fill(scratch_);
  account(client);
  if (usage_[client.peer.uid].bytes > limits::bytes_of_user) {
    ++counters_.slow;
    return drop(id, "badclient", "its user's clients hold too much unread data");
  }
  serve(id, stream);
}

/// Handles whole frames until there is a reason to stop. What is left is looked at again when the
/// reason has gone; an end of file is then seen once more by reading.
void Clients::serve(core::ClientId id, Connection::Stream stream) {
  using State = core::ApiFrameReader::State;
  constexpr std::size_t comfortable = 16 << 10;  // queued bytes from which we look if it reads
  bool may_serve = false;
  while (true) {
    const auto at = clients_.find(id);
    if (at == clients_.end()) return;
    Client& client = at->second;
    const State state = client.connection.in().state();
    if (state == State::broken) {
      ++counters_.broken;
      return drop(id, "badclient", "it sent no heartbeat API frame");
    }
    if (state == State::incomplete) break;
    may_serve = (may_serve && waiting_up_.empty()) || can_serve();
    if (!may_serve) {
      stalled_.insert(id);
      return stop_reading(id, client);
    }
    if (client.connection.queued_bytes() > comfortable) {
      flush(id);
      if (!clients_.contains(id)) return;
      if (client.connection.has_queued()) return stop_reading(id, client);
    }
    const auto taken =
        sessions_.receive(id, client.connection.in().body(), *snapshot_, outputs_);
    if (taken == core::Sessions::Taken::hold) {
      client.held = true;
      stop_reading(id, client);
      return apply();
    }
    client.connection.in().pop();
    apply();
  }
  if (stream == Connection::Stream::gone) {
    const auto at = clients_.find(id);
    if (at == clients_.end()) return;
    sessions_.closed(id, "EOF", outputs_);
    forget(at);
    apply();
  }
}

/// Offers what waited in the buffers of clients again, then reads on.
void Clients::wake_stalled() {
  if (stalled_.empty() || !can_serve()) return;
  for (const core::ClientId id : std::exchange(stalled_, {})) {
    if (!clients_.contains(id)) continue;
    serve(id, Connection::Stream::open);
    const auto at = clients_.find(id);
    if (at != clients_.end()) go_on_reading(id, at->second);
  }
}

// ---- going out

void Clients::flush(core::ClientId id) {
  const auto at = clients_.find(id);
  if (at == clients_.end()) return;
  Client& client = at->second;
  const bool had_queued = client.connection.has_queued();
  if (client.connection.flush() == Connection::Stream::gone) {
    sessions_.closed(id, "EOF", outputs_);
    return forget(at);
  }
  account(client);
  // habit: each message is followed by the client's signal; 0 only asks if the process exists.
  const bool has_pid = client.peer.pid != 0;  // 0 would be our own process group
  if (had_queued && has_pid &&
      ::kill(static_cast<pid_t>(client.peer.pid), client.signal) != 0 && errno == ESRCH) {
    ++counters_.died;
    return drop(id, "died", "its process has ended");
  }
  if (!client.connection.has_queued()) {
    dirty_.erase(id);
    if (std::exchange(client.waits_to_write, false)) stalled_.insert(id);  // frames may wait
  } else if (!std::exchange(client.waits_to_write, true)) {
    loop_.when_writable(client.connection.socket(), [this, id] {
      const auto waiting = clients_.find(id);
      if (waiting == clients_.end()) return;
      waiting->second.waits_to_write = false;
      stalled_.insert(id);
      flush(id);
    });
  }
}

void Clients::account(Client& client) {
  const std::size_t bytes = client.connection.queued_bytes() + client.connection.in().size();
  Usage& usage = usage_[client.peer.uid];
  usage.bytes += bytes - client.accounted;
  client.accounted = bytes;
}

void Clients::forget(Table::iterator at) {
  Client& client = at->second;
  const auto usage = usage_.find(client.peer.uid);
  usage->second.bytes -= client.accounted;
  if (--usage->second.clients == 0) usage_.erase(usage);
  loop_.unwatch(client.connection.socket());
  dirty_.erase(at->first);
  stalled_.erase(at->first);
  clients_.erase(at);
}

void Clients::drop(core::ClientId id, std::string_view info, std::string_view why) {
  const auto at = clients_.find(id);
  if (at == clients_.end()) return;
  const std::string name(sessions_.id_of(id));
  note(core::LogLevel::warn,
       fmt::format("API client {} (pid {}, uid {}) disconnected: {}",
                   name.empty() ? "without sign-on" : name, at->second.peer.pid,
                   at->second.peer.uid, why));
  sessions_.closed(id, info, outputs_);
  forget(at);
  apply();
}

// ---- the master's side

void Clients::event(std::uint32_t classes, std::string_view to_id, core::Bytes body) {
  sessions_.event(classes, to_id, body, outputs_);
  apply();
}

void Clients::reply(core::ClientId client, core::Bytes body) {
  sessions_.reply(client, body, outputs_);
  apply();
}

void Clients::announced(core::ClientId client, std::uint64_t generation) {
  sessions_.announced(client, generation, outputs_);
  apply();
}

void Clients::flow(core::Sessions::Flow flow) {
  sessions_.flow(flow, outputs_);
  apply();
}

void Clients::up(ipc::RecordType type, std::string payload) {
  constexpr auto up = ipc::Direction::up;
  if (payload.size() > ipc::permitted_bytes(ipc::Role::status, up, type))
    return note(core::LogLevel::error,
                fmt::format("a message of {} bytes is too long for the cluster; dropped",
                            payload.size()));
  waiting_up_.push_back({type, std::move(payload)});
  retry_up();
}

void Clients::retry_up() {
  while (!waiting_up_.empty()) {
    const UpRecord& record = waiting_up_.front();
    if (channel_.room() < record.payload.size()) return;
    if (!channel_.push(record.type, 0, now_, core::as_bytes(record.payload))) return;
    waiting_up_.pop_front();
  }
}

/// The same line many times a second is what an attacker would make of us: they are counted.
void Clients::note(core::LogLevel level, std::string_view text) {
  if (now_ - notes_since_ >= std::chrono::seconds{1}) {
    const std::uint64_t unsaid = notes_ - std::min(notes_, limits::notes_a_second);
    notes_since_ = now_;
    notes_ = 0;
    if (unsaid > 0)
      log_(core::LogLevel::warn, fmt::format("{} more messages about API clients", unsaid));
  }
  if (++notes_ <= limits::notes_a_second) log_(level, text);
}

// ---- time

void Clients::audit(core::Instant now) {
  next_audit_ = now + limits::audit_every;
  std::vector<core::ClientId> mute, died;
  for (const auto& [id, client] : clients_) {
    if (!process_exists(client.peer.pid))
      died.push_back(id);
    else if (sessions_.id_of(id).empty() && now - client.since > limits::sign_on_time)
      mute.push_back(id);
  }
  for (const core::ClientId id : died) {
    ++counters_.died;
    drop(id, "died-audit", "its process has ended");
  }
  for (const core::ClientId id : mute) {
    ++counters_.mute;
    drop(id, "noinput", "it did not sign on");
  }
}

void Clients::show_counters() {
  using enum ipc::ChildCounter;
  channel_.set_count(clients_accepted, counters_.accepted);
  channel_.set_count(clients_over_limit, counters_.over_limit);
  channel_.set_count(clients_slow, counters_.slow);
  channel_.set_count(clients_broken, counters_.broken);
  channel_.set_count(clients_mute, counters_.mute);
  channel_.set_count(clients_died, counters_.died);
  channel_.set_count(signons, sessions_.counters().signed_on);
  channel_.set_count(signons_refused, sessions_.counters().refused);
}

/// The master leaves out what nobody asked for: with heartbeats, that is most of the traffic.
void Clients::tell_wishes() {
  const std::uint32_t wanted = sessions_.wanted_classes();
  if (wanted == told_classes_) return;
  told_classes_ = wanted;
  up(ipc::RecordType::clients_want,
     std::string(reinterpret_cast<const char*>(&wanted), sizeof wanted));
}

void Clients::turn(core::Instant now) {
  now_ = now;
  retry_up();
  wake_stalled();
  if (listener_paused_) {
    listener_paused_ = false;
    loop_.resume(listener_);
  }
  if (now >= next_audit_) audit(now);
  const std::vector<core::ClientId> dirty(dirty_.begin(), dirty_.end());
  for (const core::ClientId id : dirty) {
    const auto at = clients_.find(id);
    if (at != clients_.end() && !at->second.waits_to_write) flush(id);
  }
  apply();
  show_counters();
  tell_wishes();
  channel_.flush();
}

core::Instant Clients::next_deadline() const {
  const bool retry = !waiting_up_.empty() || !stalled_.empty() || listener_paused_;
  return retry ? std::min(next_audit_, now_ + retry_after) : next_audit_;
}

}  // namespace hb::status
