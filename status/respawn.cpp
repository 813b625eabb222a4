// respawn: the clients of `respawn` and `failfast`: started in order, restarted, stopped backwards
#include "status/respawn.hpp"

#include "os/clock.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <csignal>

namespace hb::status {

namespace {

using core::LogLevel;

constexpr const char* shell = "/bin/sh";

}  // namespace

RespawnPolicy::Decision RespawnPolicy::ended(core::Duration life, const ProcessEnd& end) {
  if (end.how == ProcessEnd::How::exited && end.code == stay_down) return {Verdict::finished};
  if (life >= short_life) {
    short_in_a_row_ = 0;
    return {Verdict::restart, core::Duration::zero()};
  }
  if (++short_in_a_row_ >= short_lives) return {Verdict::too_fast};
  return {Verdict::restart, pause};
}

RespawnClients::RespawnClients(Surroundings& surroundings, Done done)
    : surroundings_(surroundings), done_(std::move(done)), reboot_(surroundings) {}

RespawnClients::~RespawnClients() {
  for (Client& client : clients_)
    if (client.process) surroundings_.loop.unwatch(client.process->pidfd());
}

void RespawnClients::start(const core::Message& record) {
  const auto ticket = record.decimal("ticket");
  if (!ticket || is_stopping_all_) return;
  if (std::ranges::find(clients_, *ticket, &Client::ticket) != clients_.end()) return;
  Client& client = clients_.emplace_back();
  client.ticket = *ticket;
  client.user = record.text_or_empty("user");
  client.command = record.text_or_empty("command");
  client.is_failfast = record.text_or_empty("failfast") == "1";
  surroundings_.log(LogLevel::info, fmt::format("Starting child client \"{}\" ({})",
                                                client.command, client.user));
  launch(std::prev(clients_.end()));
}

void RespawnClients::launch(Place client) {
  client->start_at = core::never;
  client->started = os::instant_now();
  const auto account = account_of(client->user);
  LaunchPlan plan;
  plan.path = shell;
  // habit: the command is a shell's line; exec keeps the process that we watch its own
  plan.arguments = {"-c", "exec " + client->command};
  plan.environment = surroundings_.settings.environment;
  plan.folder = surroundings_.settings.workdir;
  plan.lifetime = Lifetime::runner;
  plan.in = plan.out = plan.error = surroundings_.files.null();
  if (account) plan.account = *account;
  auto process = account ? ForeignProcess::launch(plan)
                         : core::Result<ForeignProcess>(account.error());
  if (!process) {
    surroundings_.log(LogLevel::error, fmt::format("Client \"{}\": {}", client->command,
                                                   process.error().text));
    return go_on_after(client, {ProcessEnd::How::exited, 127});
  }
  client->process.emplace(std::move(*process));
  client->state = State::running;
  surroundings_.loop.watch(client->process->pidfd(), [this, client] { ended(client); });
}

void RespawnClients::ended(Place client) {
  const pid_t pid = client->process->pid();
  const auto end = client->process->reap();
  if (!end) return;
  surroundings_.loop.unwatch(client->process->pidfd());
  client->process.reset();
  const bool is_exit = end->how == ProcessEnd::How::exited;
  const auto level = is_exit && end->code == 0 ? LogLevel::info : LogLevel::warn;
  surroundings_.log(level, fmt::format("Managed {} process {} {} {}.", client->command, pid,
                                       is_exit ? "exited with return code" : "killed by signal",
                                       end->code));
  if (client->state == State::stopping) return remove(client, *end);
  if (client->is_failfast && (!is_exit || end->code != 0)) {
    reboot_.order(client->command);
    return remove(client, *end);
  }
  go_on_after(client, *end);
}

void RespawnClients::go_on_after(Place client, const ProcessEnd& end) {
  const core::Instant now = os::instant_now();
  const auto decision = client->policy.ended(now - client->started, end);
  client->last_end = end;
  switch (decision.verdict) {
    case RespawnPolicy::Verdict::restart:
      surroundings_.log(LogLevel::error, fmt::format("Respawning client \"{}\":", client->command));
      client->state = State::pausing;
      client->start_at = now + decision.after;
      return;
    case RespawnPolicy::Verdict::too_fast:
      surroundings_.log(LogLevel::error,
                        fmt::format("Client {} \"respawning too fast\"", client->command));
      [[fallthrough]];
    case RespawnPolicy::Verdict::finished:
      client->state = State::given_up;
      done_(client->ticket, end);
  }
}

void RespawnClients::stop(std::uint64_t ticket) {
  const auto client = std::ranges::find(clients_, ticket, &Client::ticket);
  if (client != clients_.end()) stop(client);
}

void RespawnClients::stop(Place client) {
  if (client->state == State::stopping) return;
  if (!client->process) return remove(client, client->last_end);
  client->state = State::stopping;
  surroundings_.log(LogLevel::info,
                    fmt::format("killing {} process group {} with signal {}", client->command,
                                client->process->pid(), SIGTERM));
  client->process->signal_group(SIGTERM);
  client->kill_at = os::instant_now() + patience;
}

void RespawnClients::stop_all() {
  is_stopping_all_ = true;
  stop_next();
}

void RespawnClients::stop_next() {
  // Removal of a client that does not run comes back here; the loop ends with the list.
  if (is_stopping_all_ && !clients_.empty()) stop(std::prev(clients_.end()));
}

void RespawnClients::remove(Place client, const ProcessEnd& end) {
  const std::uint64_t ticket = client->ticket;
  const bool was_told = client->state == State::given_up;
  clients_.erase(client);
  if (!was_told) done_(ticket, end);
  stop_next();
}

void RespawnClients::tick(core::Instant now) {
  reboot_.tick(now);
  for (Place client = clients_.begin(); client != clients_.end(); ++client) {
    if (client->start_at <= now && client->state == State::pausing) launch(client);
    if (client->kill_at > now || !client->process) continue;
    surroundings_.log(LogLevel::warn,
                      fmt::format("{} does not end and is killed", client->command));
    client->process->signal_group(SIGKILL);
    client->kill_at = core::never;
  }
}

core::Instant RespawnClients::next_deadline() const {
  core::Instant next = reboot_.next_deadline();
  for (const Client& client : clients_) next = std::min({next, client.start_at, client.kill_at});
  return next;
}

}  // namespace hb::status
