// dopd: has the other node mark its copy of a DRBD resource outdated, and does so for it
#include "clients/client_log.hpp"
#include "clients/drbdadm.hpp"
#include "clients/hbclient.hpp"
#include "clients/outdater_socket.hpp"
#include "clients/outdating.hpp"
#include "os/clock.hpp"
#include "os/fd.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <list>
#include <vector>

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace hb::clients;
using hb::core::Instant;
using hb::core::LogLevel;
using hb::core::Message;
using hb::core::Result;

// habit: exit codes of 3.0.6's clients; after 100 the daemon does not start it again.
constexpr int exit_good = 0, exit_no_signon = 1, exit_lost = 2, exit_useless = 100;
/// The daemon answers within milliseconds; one that takes longer than this hangs.
constexpr std::chrono::seconds patience{10};
/// A local program says at once what it wants, and waits as long as it likes, but not for ever.
constexpr hb::core::Duration connection_life = std::chrono::minutes{10};
/// One for each resource is enough; more are a mistake or a nuisance.
constexpr std::size_t most_connections = 64;

class Dopd {
 public:
  int run();

 private:
  struct Client {
    Outdating::ClientNumber number;
    OutdaterConnection connection;
    Instant until;
    bool done = false;
  };

  [[nodiscard]] int prepare();
  /// False at SIGTERM.
  [[nodiscard]] bool wait();
  [[nodiscard]] Result<void> hear_cluster();
  void take_connections();
  [[nodiscard]] Result<void> hear(Client& client);
  [[nodiscard]] Result<void> look_at_runs();
  [[nodiscard]] Result<Outdating::PeerState> state_of(const std::string& node);
  [[nodiscard]] Result<void> execute(Outdating::Orders orders);
  [[nodiscard]] Result<void> turn();
  void answer(const Outdating::Answer& answer);
  [[nodiscard]] Result<void> start(const std::string& resource);

  ClientLog log_{"dopd"};
  HbClient hb_{register_socket(), patience};
  hb::os::Fd signals_, listener_;
  Outdating outdating_{""};
  std::list<Client> clients_;
  std::list<Drbdadm> runs_;
  std::uint64_t last_number_ = 0;
};

int Dopd::prepare() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGINT);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  signals_.reset(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (auto signed_on = hb_.sign_on("dopd"); !signed_on) {
    log_.write(LogLevel::error,
               fmt::format("Cannot sign on with heartbeat: {}; ha.cf needs a line: apiauth dopd "
                           "uid=hacluster", signed_on.error().text));
    return exit_no_signon;
  }
  log_.follow(hb_);
  auto listener = listen_for_outdaters();
  if (!listener) {
    log_.write(LogLevel::error, listener.error().text);
    return exit_no_signon;
  }
  listener_ = std::move(*listener);
  outdating_ = Outdating{hb_.facts().node};
  return exit_good;
}

Result<Outdating::PeerState> Dopd::state_of(const std::string& node) {
  using State = Outdating::PeerState;
  const auto nodes = hb_.nodes();
  if (!nodes) return nodes.error();
  for (const NodeEntry& each : *nodes) {
    if (each.name != node || each.type != "normal") continue;
    if (node == hb_.facts().node) return State::is_us;
    return each.status == "active" || each.status == "up" ? State::alive : State::absent;
  }
  return State::absent;
}

void Dopd::answer(const Outdating::Answer& answer) {
  const auto client = std::ranges::find(clients_, answer.client, &Client::number);
  if (client == clients_.end()) return;
  Message message;
  message.add("t", "outdater_rc");
  message.add("src", hb_.facts().node);
  message.add_decimal("dop_value", answer.value);
  (void)client->connection.send(message);  // if it is gone, its node knows
  client->done = true;
}

Result<void> Dopd::start(const std::string& resource) {
  auto run = Drbdadm::outdate(resource);
  if (run) {
    runs_.push_back(std::move(*run));
    return {};
  }
  log_.write(LogLevel::error, run.error().text);
  return execute(outdating_.ran(resource, false, run.error().os_error));
}

Result<void> Dopd::execute(Outdating::Orders orders) {
  for (Outdating::Order& order : orders) {
    if (const auto* note = std::get_if<Outdating::Note>(&order)) {
      log_.write(note->level, note->text);
    } else if (const auto* told = std::get_if<Outdating::Answer>(&order)) {
      answer(*told);
    } else if (const auto* tell = std::get_if<Outdating::Tell>(&order)) {
      if (auto sent = hb_.send(outdating_.message_of(*tell)); !sent) return sent;
    } else if (const auto* run = std::get_if<Outdating::Run>(&order)) {
      if (auto started = start(run->resource); !started) return started;
    }
  }
  return {};
}

Result<void> Dopd::hear_cluster() {
  while (hb_.is_message_ready()) {
    const auto message = hb_.receive(Milliseconds{0});
    if (!message) return message.error();
    if (!*message) break;
    if (auto done = execute(outdating_.heard(**message)); !done) return done;
  }
  if (hb_.is_connected()) return {};
  return hb::core::Error{"the daemon has closed the connection"};
}

void Dopd::take_connections() {
  while (true) {
    hb::os::Fd socket{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (!socket.valid()) return;
    if (clients_.size() >= most_connections) {
      log_.write(LogLevel::warn, fmt::format("{} programs wait already; one more is refused",
                                             most_connections));
      continue;
    }
    clients_.push_back({Outdating::ClientNumber{++last_number_},
                        OutdaterConnection{std::move(socket)},
                        hb::os::instant_now() + connection_life});
  }
}

Result<void> Dopd::hear(Client& client) {
  if (client.connection.fill() == OutdaterConnection::State::closed) client.done = true;
  while (const auto message = client.connection.next()) {
    const auto request = read_outdate_request(*message);
    if (!request) {
      log_.write(LogLevel::error, request.error().text);
      answer({client.number, outdated::failed});  // not "unreachable": DRBD would go on writing
      return {};
    }
    const auto state = state_of(request->peer);
    if (!state) return state.error();
    if (auto done = execute(outdating_.asked(client.number, *request, *state)); !done) return done;
  }
  return {};
}

Result<void> Dopd::look_at_runs() {
  const Instant now = hb::os::instant_now();
  for (auto run = runs_.begin(); run != runs_.end();) {
    const auto end = run->look(now);
    if (!end) {
      ++run;
      continue;
    }
    const std::string resource = run->resource();
    run = runs_.erase(run);
    if (auto done = execute(outdating_.ran(resource, end->signaled, end->code)); !done) return done;
  }
  return {};
}

Result<void> Dopd::turn() {
  if (auto heard = hear_cluster(); !heard) return heard;
  take_connections();
  for (Client& client : clients_) {
    if (auto heard = hear(client); !heard) return heard;
  }
  if (auto looked = look_at_runs(); !looked) return looked;
  const Instant now = hb::os::instant_now();
  std::erase_if(clients_, [&](const Client& client) {
    if (!client.done && now < client.until) return false;
    outdating_.gone(client.number);
    return true;
  });
  return {};
}

bool Dopd::wait() {
  std::vector<pollfd> watched{{signals_.get(), POLLIN, 0}, {hb_.socket(), POLLIN, 0},
                              {listener_.get(), POLLIN, 0}};
  Instant until = hb::core::never;
  for (const Client& client : clients_) {
    watched.push_back({client.connection.socket(), POLLIN, 0});
    until = std::min(until, client.until);
  }
  for (const Drbdadm& run : runs_) {
    watched.push_back({run.pidfd(), POLLIN, 0});
    until = std::min(until, run.deadline());
  }
  // A message may have come in with an answer and wait in our own memory already.
  const auto left = hb_.is_message_ready() ? hb::core::Duration{} : until - hb::os::instant_now();
  // The hour is for the type of poll's argument; nothing happens then.
  const auto ms = std::clamp<long>(std::chrono::ceil<Milliseconds>(left).count(), 0, 3'600'000);
  if (::poll(watched.data(), watched.size(), static_cast<int>(ms)) <= 0) return true;
  return (watched[0].revents & POLLIN) == 0;
}

int Dopd::run() {
  if (const int code = prepare(); code != exit_good) return code;
  while (true) {
    if (auto done = turn(); !done) {
      log_.write(LogLevel::warn, fmt::format("{}; leaving", done.error().text));
      ::unlink(outdater_path);
      return exit_lost;
    }
    if (wait()) continue;
    hb_.sign_off();
    ::unlink(outdater_path);
    return exit_good;
  }
}

}  // namespace

int main(int argc, char**) {
  if (argc > 1) {
    std::fputs("usage: dopd (no arguments; lines of ha.cf start it:\n"
               "       respawn hacluster /usr/libexec/heartbeat/dopd\n"
               "       apiauth dopd uid=hacluster)\n", stderr);
    return exit_useless;
  }
  return Dopd{}.run();
}
