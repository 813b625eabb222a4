// session: the dialogue with one management client: log in, ask, be told; no input or output
#pragma once

#include "clients/mgmt_protocol.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hb::clients::mgmtd {

/// What a session wants done.
struct Say {
  std::string bytes;
};
struct Ask {
  mgmt::Request request;
};
struct LogIn {
  std::string user, password;
};
/// After what was said has been sent.
struct End {};
using SessionAct = std::variant<Say, Ask, LogIn, End>;
using SessionActs = std::vector<SessionAct>;

/// wrong: user or password, or no member of the group; busy: too many tries; error: cannot be told.
enum class LoginResult : std::uint8_t { right, wrong, busy, error };

/// Wrong passwords on one connection.
inline constexpr int login_tries = 3;

/// One request at a time: while it is busy, take() only keeps bytes, so stop reading then.
class Session {
 public:
  /// known: the kernel told who it is (local socket).
  enum class Trust : std::uint8_t { known, must_log_in };
  explicit Session(Trust trust)
      : reader_(mgmt::request_bytes), logged_in_(trust == Trust::known) {}

  void take(std::string_view bytes, SessionActs& out);
  /// The answer to Ask; to LogIn.
  void answered(const mgmt::Answer& answer, SessionActs& out);
  void login_answered(LoginResult result, SessionActs& out);
  /// Told if asked for by regevt.
  void event(const mgmt::Event& event, SessionActs& out) const;

  [[nodiscard]] bool busy() const { return busy_; }
  [[nodiscard]] bool logged_in() const { return logged_in_; }
  [[nodiscard]] bool listens() const { return !kinds_.empty(); }
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  void work(SessionActs& out);
  void serve(const mgmt::Request& request, SessionActs& out);
  void log_in(const mgmt::Request& request, SessionActs& out);
  mgmt::Answer register_events(const mgmt::Request& request);
  void end(mgmt::Answer answer, SessionActs& out);

  mgmt::MessageReader reader_;
  bool logged_in_, busy_ = false, ended_ = false;
  int tries_ = 0;
  std::vector<std::string> kinds_;  ///< of events
};

}  // namespace hb::clients::mgmtd
