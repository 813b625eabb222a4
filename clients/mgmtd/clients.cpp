// clients: the management clients of one server: accepted, bounded, timed out, served
#include "clients/mgmtd/clients.hpp"

#include "clients/mgmtd/listener.hpp"
#include "clients/mgmtd/mgmt_log.hpp"
#include "os/clock.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/core.h>

namespace hb::clients::mgmtd {

namespace {

using core::Instant;

/// A peer that vanished without a word is noticed within about a minute, also if it only listens.
void keep_alive(int socket) {
  const int on = 1, idle = 30, interval = 10, count = 3;
  ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

os::Fd accept_one(int listener) {
  return os::Fd{::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
}

/// What one address is for the limits: of IPv6 a whole /64, which one host owns.
std::string limited_address(const std::string& address) {
  std::size_t end = 0;
  if (address.find(':') == std::string::npos) return address;
  for (int groups = 0; groups < 4 && end != std::string::npos; ++groups)
    end = address.find(':', end + 1);
  return address.substr(0, end);
}

}  // namespace

struct Clients::Client {
  Client(Id number, os::Fd socket, std::optional<TlsStream> tls, Session::Trust trust,
         std::string from)
      : id(number), connection(std::move(socket), std::move(tls)), session(trust),
        address(std::move(from)) {}
  Id id;
  Connection connection;
  Session session;
  std::string address;
  std::string waits_for;  ///< the id of a question or login; empty: for nothing
  Instant since{};        ///< of the connection
  Instant active{};       ///< last request or answer
  Instant patience_ends = core::never;
  bool over = false;      ///< forget it after this turn
  bool ended = false;     ///< nothing more comes from it
  bool paused = false;
};

Clients::Clients(os::Loop& loop, Partner& keeper, Partner& asker, LocalAccess access)
    : loop_(loop), keeper_(keeper), asker_(asker), access_(access) {}

Clients::~Clients() {
  for (const auto& [id, client] : clients_) loop_.unwatch(client->connection.socket());
}

// ---- new ones

void Clients::accept_tls(int listener) {
  os::Fd socket = accept_one(listener);
  if (!socket || !tls_) return;
  const std::string address = limited_address(peer_address(socket.get()));
  if (count({}) >= limits::tls_clients || count(address) >= limits::clients_an_address) return;
  keep_alive(socket.get());
  add(std::move(socket), TlsStream(*tls_, TlsStream::Side::server), Session::Trust::must_log_in,
      address);
}

void Clients::accept_local(int listener) {
  os::Fd socket = accept_one(listener);
  if (!socket || count("local") >= limits::local_clients) return;
  if (!may_use_local_socket(socket.get(), access_)) {
    const std::string answer = mgmt::encode(mgmt::failed(
        "only root, hacluster and members of group haclient may use this socket"));
    (void)!::send(socket.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    return;
  }
  add(std::move(socket), std::nullopt, Session::Trust::known, "local");
}

/// Of this address, or of all over the network if it is empty.
std::size_t Clients::count(std::string_view address) const {
  return static_cast<std::size_t>(
      std::count_if(clients_.begin(), clients_.end(), [&](const auto& entry) {
        const std::string& own = entry.second->address;
        return address.empty() ? own != "local" : own == address;
      }));
}

void Clients::add(os::Fd socket, std::optional<TlsStream> tls, Session::Trust trust,
                  std::string address) {
  const Id id = ++last_id_;
  const int number = socket.get();
  auto client = std::make_unique<Client>(id, std::move(socket), std::move(tls), trust,
                                         std::move(address));
  client->since = client->active = os::now().instant;
  clients_.emplace(id, std::move(client));
  loop_.watch(number, [this, id] { read(id); });
}

// ---- what they say

void Clients::read(Id id) {
  Client* client = find(id);
  if (client == nullptr || client->over) return;
  std::string plain;
  const auto stream = client->connection.fill(plain);
  SessionActs acts;
  if (!plain.empty()) {
    client->active = os::now().instant;
    client->session.take(plain, acts);
  }
  if (stream == Connection::Stream::ended) client->ended = true;
  if (stream == Connection::Stream::gone) client->over = true;
  act(*client, acts);
}

void Clients::act(Client& client, const SessionActs& acts) {
  for (const SessionAct& one : acts) {
    if (client.over) return;
    if (const auto* say = std::get_if<Say>(&one)) {
      if (client.connection.send(say->bytes) == Connection::Stream::gone) client.over = true;
    } else if (const auto* question = std::get_if<Ask>(&one)) {
      ask(client, question->request);
    } else if (const auto* login = std::get_if<LogIn>(&one)) {
      log_in(client, *login);
    }
  }
  after(client);
}

/// What is left to do with a client when its acts are done.
void Clients::after(Client& client) {
  if (client.over) return;
  const int socket = client.connection.socket();
  const bool done = client.session.ended() || (client.ended && !client.session.busy());
  if (done && !client.connection.has_queued()) {
    client.connection.finish();
    client.over = true;
    return;
  }
  if (client.connection.has_queued())
    loop_.when_writable(socket, [this, id = client.id] {
      Client* same = find(id);
      if (same == nullptr || same->over) return;
      if (same->connection.flush() == Connection::Stream::gone) same->over = true;
      after(*same);
    });
  // While a request is under way no further one is read: the kernel's buffer is bound enough.
  const bool wait = client.session.busy() || client.ended || client.session.ended();
  if (wait == client.paused) return;
  client.paused = wait;
  if (wait) loop_.pause(socket);
  else loop_.resume(socket);
}

// ---- what is asked of the others

void Clients::ask(Client& client, const mgmt::Request& request) {
  client.waits_for = std::to_string(++last_id_);
  client.patience_ends = os::now().instant + limits::answer_time;
  core::Message message;
  message.add("t", wire::ask);
  message.add("id", client.waits_for);
  message.add("verb", request.name);
  for (const std::string& argument : request.arguments) message.add("arg", argument);
  asker_.send(message);
}

void Clients::log_in(Client& client, const LogIn& login) {
  client.waits_for = std::to_string(++last_id_);
  client.patience_ends = os::now().instant + limits::password_time;
  if (!login_limits_.allowed(client.address, os::now().instant)) {
    log(core::LogLevel::warn,
        fmt::format("login from {} not tried: too many wrong passwords", client.address));
    client.waits_for.clear();
    SessionActs acts;
    client.session.login_answered(LoginResult::busy, acts);
    return act(client, acts);
  }
  core::Message message;
  message.add("t", wire::login);
  message.add("id", client.waits_for);
  message.add("user", login.user);
  message.add("password", login.password);
  message.add("host", client.address);
  keeper_.send(message);
}

void Clients::answered(const core::Message& message) {
  Client* client = find(message);
  if (client == nullptr) return;
  mgmt::Answer answer;
  if (message.text_or_empty("verdict") != "ok") answer.verdict = mgmt::Verdict::fail;
  for (std::size_t i = 0; i < message.size(); ++i)
    if (message[i].name == "value") answer.values.emplace_back(message[i].value);
  SessionActs acts;
  client->session.answered(answer, acts);
  act(*client, acts);
}

void Clients::verdict(const core::Message& message) {
  Client* client = find(message);
  if (client == nullptr) return;
  const auto number = message.decimal("result").value_or(~0ULL);
  const LoginResult result = number <= static_cast<std::uint64_t>(LoginResult::error)
                                 ? static_cast<LoginResult>(number)
                                 : LoginResult::error;
  if (result == LoginResult::wrong) login_limits_.wrong(client->address, os::now().instant);
  if (result == LoginResult::right) login_limits_.right(client->address);
  SessionActs acts;
  client->session.login_answered(result, acts);
  act(*client, acts);
}

void Clients::event(const core::Message& message) {
  mgmt::Event event;
  for (std::size_t i = 0; i < message.size(); ++i)
    if (message[i].name == "word") event.emplace_back(message[i].value);
  for (const auto& [id, client] : clients_) {
    SessionActs acts;
    client->session.event(event, acts);
    if (!acts.empty()) act(*client, acts);
  }
}

// ---- time

void Clients::fail_waiting(Client& client) {
  client.waits_for.clear();
  client.patience_ends = core::never;
  SessionActs acts;
  client.session.answered(mgmt::failed("no answer in time; is heartbeat hung?"), acts);
  act(client, acts);
}

void Clients::tick(Instant now) {
  for (const auto& [id, client] : clients_) {
    if (client->over) continue;
    if (now >= client->patience_ends) fail_waiting(*client);
    const bool listens = client->session.listens() && !client->ended;
    const bool late_login =
        !client->session.logged_in() && now - client->since >= limits::login_time;
    // Whoever has said all and does not read the rest is idle too.
    const bool idle = !listens && now - client->active >= limits::idle_time;
    const bool stuck = client->ended && now - client->active >= limits::login_time;
    if (late_login || idle || stuck) client->over = true;
  }
}

void Clients::sweep() {
  for (auto entry = clients_.begin(); entry != clients_.end();) {
    if (!entry->second->over) {
      ++entry;
      continue;
    }
    loop_.unwatch(entry->second->connection.socket());
    entry = clients_.erase(entry);
  }
}

Clients::Client* Clients::find(Id id) {
  const auto found = clients_.find(id);
  return found == clients_.end() ? nullptr : found->second.get();
}

/// The client that waits for this very message; its wait is over. Late ones find nobody.
Clients::Client* Clients::find(const core::Message& message) {
  const auto id = message.text_or_empty("id");
  for (const auto& [number, client] : clients_) {
    if (id.empty() || client->over || client->waits_for != id) continue;
    client->waits_for.clear();
    client->patience_ends = core::never;
    client->active = os::now().instant;
    return client.get();
  }
  return nullptr;
}

}  // namespace hb::clients::mgmtd
