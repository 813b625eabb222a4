// fuzz_mgmt: hostile bytes of a management client through protocol, session and verbs
#include "clients/mgmtd/session.hpp"
#include "clients/mgmtd/verbs.hpp"
#include "core/result.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace {

using namespace hb::clients;
using namespace hb::clients::mgmtd;

Picture cluster() {
  Picture picture;
  picture.self = "n1";
  picture.nodes = {{"n1", "normal", "active", "100", "", {{"eth0", "up"}}},
                   {"n2", "normal", "dead", "100", "", {{"eth0", "dead"}}}};
  picture.holding = "all";
  picture.groups = {{"apache", "n2", "n1", "running", 0}};
  return picture;
}

/// Every answer must be what our own client understands.
void check_said(std::string_view bytes) {
  ENSURE(bytes.ends_with('\0'));
  bytes.remove_suffix(1);
  ENSURE(bytes.find('\0') == std::string_view::npos);
  ENSURE(mgmt::parse_from_server(bytes).has_value());
}

/// Carries acts out as the server does, until the session wants nothing more.
void carry(Session& session, SessionActs acts, bool password_is_right) {
  while (!acts.empty()) {
    for (const SessionAct& one : std::exchange(acts, {})) {
      if (const auto* say = std::get_if<Say>(&one)) check_said(say->bytes);
      if (const auto* ask = std::get_if<Ask>(&one)) {
        ENSURE(session.logged_in() && session.busy());
        session.answered(carry_out(ask->request, cluster()).answer, acts);
      }
      if (std::holds_alternative<LogIn>(one)) {
        ENSURE(!session.logged_in());
        session.login_answered(password_is_right ? LoginResult::right : LoginResult::wrong, acts);
      }
    }
  }
}

}  // namespace

/// First byte: local or not, right password or not, and how the rest is cut.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const unsigned how = data[0];
  std::string_view rest{reinterpret_cast<const char*>(data + 1), size - 1};
  static_cast<void>(mgmt::parse_from_server(rest));
  Session session((how & 1U) != 0 ? Session::Trust::known : Session::Trust::must_log_in);
  const std::size_t piece = 1 + how / 4;
  while (!rest.empty()) {
    SessionActs acts;
    session.take(rest.substr(0, piece), acts);
    carry(session, std::move(acts), (how & 2U) != 0);
    acts.clear();
    session.event({"node", "n2", "dead"}, acts);
    carry(session, std::move(acts), false);
    rest.remove_prefix(std::min(piece, rest.size()));
    if ((how & 3U) == 0) ENSURE(!session.logged_in());
  }
  return 0;
}
