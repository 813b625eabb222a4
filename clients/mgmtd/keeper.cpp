// keeper: the root process: starts the others, checks passwords in children, gives move orders
#include "clients/mgmtd/keeper.hpp"

#include "clients/mgmtd/asker.hpp"
#include "clients/mgmtd/certificate.hpp"
#include "clients/mgmtd/login.hpp"
#include "clients/mgmtd/mgmt_log.hpp"
#include "clients/mgmtd/move_order.hpp"
#include "clients/mgmtd/partner.hpp"
#include "clients/mgmtd/server.hpp"
#include "os/loop.hpp"
#include "os/paths.hpp"
#include "os/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/core.h>

namespace hb::clients::mgmtd {

namespace {

using core::LogLevel;

/// Passwords looked at in parallel; more must wait for their turn to be refused or tried again.
constexpr std::size_t logins_limit = 4;
/// Before children that died are started again: doubled each time, up to the limit.
constexpr int first_pause_ms = 1000, last_pause_ms = 30'000;
/// Exit codes after which a new start would fail the same way (configuration, permission).
constexpr int no_configuration = 64, no_permission = 77;

struct Sockets {
  os::Fd tls, local, http;
};

struct Pair {
  os::Fd ours, theirs;
};

core::Result<Pair> make_pair_of_sockets() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return core::Error{fmt::format("cannot make a socket pair: {}", std::strerror(errno)), errno};
  return Pair{os::Fd{ends[0]}, os::Fd{ends[1]}};
}

/// A login under way in a child.
struct Login {
  std::string id;
  os::Process process;
};

/// One life of server and asker.
class Keeper {
 public:
  Keeper(const Sockets& sockets, int image, int signals)
      : sockets_(sockets), image_(image), signals_(signals) {}

  enum class End : std::uint8_t { asked, died, hopeless };
  /// Until a signal asks us to end, or one of the two has died; both are dead afterwards.
  [[nodiscard]] core::Result<End> run();

 private:
  core::Result<void> start();
  void from_server();
  void from_asker();
  void check(const core::Message& message);
  void checked(std::size_t index);
  void answer(std::string_view id, LoginResult result);
  void child_ended(os::Process& child, const char* name);
  void stop(End end);
  static void finish(os::Process& child);

  const Sockets& sockets_;
  int image_, signals_;
  os::Loop loop_;
  std::unique_ptr<Partner> to_server_, to_asker_;
  os::Process server_, asker_;
  std::vector<std::unique_ptr<Login>> logins_;
  End end_ = End::asked;
};

core::Result<void> Keeper::start() {
  auto for_server = make_pair_of_sockets();
  if (!for_server) return for_server.error();
  auto for_asker = make_pair_of_sockets();
  if (!for_asker) return for_asker.error();
  auto between = make_pair_of_sockets();
  if (!between) return between.error();
  auto asker = os::spawn_self(image_, "mgmtd: asker", asker_role,
                              {for_asker->theirs.get(), between->ours.get()});
  if (!asker) return asker.error();
  asker_ = std::move(*asker);
  auto server = os::spawn_self(image_, "mgmtd: server", server_role,
                               {for_server->theirs.get(), between->theirs.get(),
                                sockets_.tls.get(), sockets_.local.get(), sockets_.http.get()});
  if (!server) return server.error();
  server_ = std::move(*server);
  to_server_ = std::make_unique<Partner>(std::move(for_server->ours));
  to_asker_ = std::make_unique<Partner>(std::move(for_asker->ours));
  return {};
}

core::Result<Keeper::End> Keeper::run() {
  if (auto started = start(); !started) {
    finish(asker_);
    return started.error();
  }
  loop_.watch(signals_, [this] {
    signalfd_siginfo signal{};
    if (::read(signals_, &signal, sizeof signal) > 0) stop(End::asked);
  });
  loop_.watch(server_.pidfd.get(), [this] { child_ended(server_, "server"); });
  loop_.watch(asker_.pidfd.get(), [this] { child_ended(asker_, "asker"); });
  loop_.watch(to_server_->socket(), [this] { from_server(); });
  loop_.watch(to_asker_->socket(), [this] { from_asker(); });
  loop_.run();
  loop_.unwatch(signals_);
  finish(server_);
  finish(asker_);
  for (const auto& login : logins_) finish(login->process);
  return end_;
}

void Keeper::stop(End end) {
  end_ = end;
  loop_.stop();
}

void Keeper::child_ended(os::Process& child, const char* name) {
  loop_.unwatch(child.pidfd.get());
  const auto end = child.reap();
  if (!end) return;
  log(LogLevel::error, fmt::format("the {} process ended with {} {}", name,
                                   end->signaled ? "signal" : "exit code", end->code));
  const bool hopeless =
      !end->signaled && (end->code == no_configuration || end->code == no_permission);
  stop(hopeless ? End::hopeless : End::died);
}

/// Kills and collects; SIGKILL, because they have nothing to clean up.
void Keeper::finish(os::Process& child) {
  if (!child.pidfd) return;
  child.kill(SIGKILL);
  pollfd polled{child.pidfd.get(), POLLIN, 0};
  ::poll(&polled, 1, 1000);
  static_cast<void>(child.reap());
}

void Keeper::from_server() {
  // Its end is told by the pidfd.
  if (to_server_->fill() == Partner::Stream::gone) return loop_.unwatch(to_server_->socket());
  while (const auto message = to_server_->next())
    if (message->type() == wire::login) check(*message);
}

void Keeper::from_asker() {
  if (to_asker_->fill() == Partner::Stream::gone) return loop_.unwatch(to_asker_->socket());
  while (const auto message = to_asker_->next()) {
    if (message->type() != wire::order) continue;
    core::Message reply;
    reply.add("t", wire::ordered);
    const auto given = give_order(message->text_or_empty("what"), message->text_or_empty("which"));
    reply.add("error", given ? "" : given.error().text);
    to_asker_->send(reply);
  }
}

/// In a child, because modules of PAM are foreign code that may wait, crash or change the process.
void Keeper::check(const core::Message& message) {
  const std::string id(message.text_or_empty("id"));
  if (logins_.size() >= logins_limit) return answer(id, LoginResult::busy);
  const pid_t pid = ::fork();
  if (pid < 0) return answer(id, LoginResult::error);
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGALRM, SIG_DFL);
    ::alarm(pam_patience_seconds);
    const auto field = [&](const char* name) { return std::string(message.text_or_empty(name)); };
    ::_exit(exit_code(check_password(field("user"), field("password"), field("host"))));
  }
  auto login = std::make_unique<Login>();
  login->id = id;
  login->process = {pid, os::Fd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))}};
  if (!login->process.pidfd) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return answer(id, LoginResult::error);
  }
  const Login* key = login.get();
  loop_.watch(login->process.pidfd.get(), [this, key] {
    const auto found = std::find_if(logins_.begin(), logins_.end(),
                                    [key](const auto& one) { return one.get() == key; });
    if (found != logins_.end()) checked(static_cast<std::size_t>(found - logins_.begin()));
  });
  logins_.push_back(std::move(login));
}

void Keeper::checked(std::size_t index) {
  Login& login = *logins_[index];
  loop_.unwatch(login.process.pidfd.get());
  const auto end = login.process.reap();
  const bool told = end && !end->signaled;
  if (end && end->signaled)
    log(LogLevel::error, fmt::format("a login was ended by signal {}: PAM modules may take {} s",
                                     end->code, pam_patience_seconds));
  answer(login.id, told ? from_exit_code(end->code) : LoginResult::error);
  logins_.erase(logins_.begin() + static_cast<std::ptrdiff_t>(index));
}

void Keeper::answer(std::string_view id, LoginResult result) {
  core::Message message;
  message.add("t", wire::verdict);
  message.add("id", id);
  message.add_decimal("result", static_cast<std::uint64_t>(result));
  to_server_->send(message);
}

core::Result<Sockets> open_sockets(const Options& options) {
  Sockets sockets;
  if (options.tls) {
    if (auto provided = provide_certificate(certificate_file, key_file); !provided)
      return provided.error();
    auto listening = listen_tcp(*options.tls);
    if (!listening) return std::move(listening.error()).in("--tls");
    sockets.tls = std::move(*listening);
  }
  if (options.http) {
    auto listening = listen_tcp(*options.http);
    if (!listening) return std::move(listening.error()).in("--http");
    sockets.http = std::move(*listening);
  }
  auto local = listen_local(options.local_socket);
  if (!local) return local.error();
  sockets.local = std::move(*local);
  return sockets;
}

/// SIGTERM, SIGINT and SIGHUP as a readable descriptor; blocked otherwise.
os::Fd watch_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    ::signal(signal, SIG_DFL);  // an ignored signal would never be told
    ::sigaddset(&signals, signal);
  }
  ::sigprocmask(SIG_SETMASK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGCHLD, SIG_DFL);  // an inherited SIG_IGN would take exit codes away
  return os::Fd{::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK)};
}

}  // namespace

int keeper_main(const Options& options) {
  const os::Fd signals = watch_signals();
  const os::Fd image{::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)};
  auto sockets = open_sockets(options);
  if (!sockets) {
    log(LogLevel::error, sockets.error().text);
    return 1;
  }
  ::mkdir(os::paths::empty_dir, 0755);  // the server's root folder, if no heartbeat made it
  for (int pause = first_pause_ms;; pause = std::min(2 * pause, last_pause_ms)) {
    Keeper keeper(*sockets, image.get(), signals.get());
    const auto end = keeper.run();
    if (!end) log(LogLevel::error, end.error().text);
    if (end && *end == Keeper::End::asked) break;
    if (end && *end == Keeper::End::hopeless) return no_permission;
    pollfd polled{signals.get(), POLLIN, 0};
    if (::poll(&polled, 1, pause) > 0) break;
  }
  ::unlink(options.local_socket.c_str());
  return 0;
}

}  // namespace hb::clients::mgmtd
