// clients: the management clients of one server: accepted, bounded, timed out, served
#pragma once

#include "clients/mgmtd/connection.hpp"
#include "clients/mgmtd/login_limits.hpp"
#include "clients/mgmtd/partner.hpp"
#include "clients/mgmtd/rights.hpp"
#include "clients/mgmtd/session.hpp"
#include "core/types.hpp"
#include "os/loop.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace hb::clients::mgmtd {

namespace limits {
/// Connections over TLS in all and from one address; over the local socket.
inline constexpr std::size_t tls_clients = 64, clients_an_address = 16, local_clients = 32;
/// From the connection to a successful login.
inline constexpr std::chrono::seconds login_time{20};
/// Without a request; whoever registered for events may listen as long as it reads.
inline constexpr std::chrono::minutes idle_time{10};
/// For one answer: the asker may be busy with one picture, then makes another (see source).
inline constexpr std::chrono::seconds answer_time{9};
/// For one password, above what PAM may take.
inline constexpr std::chrono::seconds password_time{15};
}  // namespace limits

/// All management clients. Not thread-safe; runs in the loop.
class Clients {
 public:
  Clients(os::Loop& loop, Partner& keeper, Partner& asker, LocalAccess access);
  ~Clients();
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  void set_tls(TlsContext context) { tls_.emplace(std::move(context)); }
  void accept_tls(int listener);
  void accept_local(int listener);

  /// From the others.
  void answered(const core::Message& message);
  void verdict(const core::Message& message);
  void event(const core::Message& message);

  /// Each second: whoever is too slow goes.
  void tick(core::Instant now);
  /// After each turn: those that ended are forgotten.
  void sweep();

 private:
  struct Client;
  using Id = std::uint64_t;

  void add(os::Fd socket, std::optional<TlsStream> tls, Session::Trust trust, std::string address);
  [[nodiscard]] std::size_t count(std::string_view address) const;
  void read(Id id);
  void act(Client& client, const SessionActs& acts);
  void after(Client& client);
  void ask(Client& client, const mgmt::Request& request);
  void log_in(Client& client, const LogIn& login);
  void fail_waiting(Client& client);
  Client* find(Id id);
  Client* find(const core::Message& message);

  os::Loop& loop_;
  Partner& keeper_;
  Partner& asker_;
  LocalAccess access_;
  std::optional<TlsContext> tls_;
  LoginLimits login_limits_;
  std::map<Id, std::unique_ptr<Client>> clients_;
  Id last_id_ = 0;
};

}  // namespace hb::clients::mgmtd
