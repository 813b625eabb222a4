// session: the dialogue with one management client: log in, ask, be told; no input or output
#include "clients/mgmtd/session.hpp"

#include "clients/mgmtd/verbs.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace hb::clients::mgmtd {

namespace {

using mgmt::Answer;
using mgmt::failed;
using mgmt::good;
using mgmt::Request;

constexpr std::array<std::string_view, 4> event_kinds{"node", "link", "resource", "daemon"};

void say(const Answer& answer, SessionActs& out) {
  out.push_back(Say{mgmt::encode(answer)});
}

}  // namespace

void Session::take(std::string_view bytes, SessionActs& out) {
  if (ended_) return;
  reader_.append(bytes);
  work(out);
}

/// Until a request must be waited for.
void Session::work(SessionActs& out) {
  while (!busy_ && !ended_) {
    const auto state = reader_.state();
    if (state == mgmt::MessageReader::State::incomplete) return;
    if (state == mgmt::MessageReader::State::too_long)
      return end(failed("a request is shorter than 4096 bytes and ends with a NUL byte"), out);
    auto request = mgmt::parse_request(reader_.take());
    if (request)
      serve(*request, out);
    else
      say(failed(request.error().text), out);
  }
}

void Session::serve(const Request& request, SessionActs& out) {
  // Before the login nobody learns which requests there are.
  const bool open_to_all = request.name == "login" || request.name == "logout";
  if (!logged_in_ && !open_to_all) return say(failed("log in first"), out);
  if (const auto refused = refuse(request)) return say(*refused, out);
  if (request.name == "login") return log_in(request, out);
  if (request.name == "logout") return end(good(), out);
  if (request.name == "echo") return say(good(request.arguments), out);
  if (request.name == "regevt") return say(register_events(request), out);
  busy_ = true;
  out.push_back(Ask{request});
}

void Session::log_in(const Request& request, SessionActs& out) {
  if (logged_in_) return say(good(), out);  // on the local socket: nothing to prove
  if (request.arguments.size() != 2 || request.arguments[0].empty())
    return say(failed("use: login USER PASSWORD"), out);
  busy_ = true;
  out.push_back(LogIn{request.arguments[0], request.arguments[1]});
}

void Session::login_answered(LoginResult result, SessionActs& out) {
  if (ended_ || !busy_) return;
  busy_ = false;
  switch (result) {
    case LoginResult::right:
      logged_in_ = true;
      say(good(), out);
      break;
    case LoginResult::wrong:
      // One text for all causes: a stranger must not learn which names exist.
      if (++tries_ >= login_tries) return end(failed("login refused"), out);
      say(failed("login refused"), out);
      break;
    case LoginResult::busy:
      return end(failed("too many failed logins; try again in a minute"), out);
    case LoginResult::error:
      return end(failed("passwords cannot be checked now; see the log of mgmtd"), out);
  }
  work(out);
}

Answer Session::register_events(const Request& request) {
  for (const std::string& kind : request.arguments)
    if (std::find(event_kinds.begin(), event_kinds.end(), kind) == event_kinds.end())
      return failed("regevt knows node, link, resource and daemon");
  kinds_ = request.arguments;
  if (kinds_.empty()) kinds_.assign(event_kinds.begin(), event_kinds.end());
  return good();
}

void Session::answered(const Answer& answer, SessionActs& out) {
  if (ended_ || !busy_) return;
  busy_ = false;
  say(answer, out);
  work(out);
}

void Session::event(const mgmt::Event& event, SessionActs& out) const {
  if (ended_ || event.empty()) return;
  if (std::find(kinds_.begin(), kinds_.end(), event.front()) == kinds_.end()) return;
  out.push_back(Say{mgmt::encode(event)});
}

void Session::end(Answer answer, SessionActs& out) {
  ended_ = true;
  say(answer, out);
  out.push_back(End{});
}

}  // namespace hb::clients::mgmtd
