// ipfail: moves the resources to the node that sees more ping nodes
#include "clients/client_log.hpp"
#include "clients/connectivity.hpp"
#include "clients/hbclient.hpp"
#include "os/clock.hpp"
#include "os/fd.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <string_view>

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace {

using namespace hb::clients;
using hb::core::LogLevel;
using hb::core::Message;
using hb::core::Result;

// habit: exit codes of 3.0.6; after 100 the daemon does not start it again.
constexpr int exit_good = 0, exit_no_signon = 1, exit_lost = 2, exit_useless = 100;
/// The daemon answers within milliseconds; one that takes longer than this hangs.
constexpr std::chrono::seconds patience{10};
/// A 3.0.6 node notices the silence of a ping node up to a quarter of a second late, so that a tie
/// may look like a difference for so long (with room for a slow machine).
constexpr std::chrono::milliseconds slack{500};

/// Signs on and, by the daemon's word, tells whether this program can be of use.
class Ipfail {
 public:
  Ipfail() : client_{register_socket(), patience} {}

  int run();

 private:
  [[nodiscard]] int prepare();
  [[nodiscard]] Result<void> turn(Connectivity& connectivity);
  [[nodiscard]] Result<void> execute_due(Connectivity& connectivity);
  [[nodiscard]] Result<void> tell(Connectivity::Say say);
  [[nodiscard]] Result<void> count();
  void tell_log(const Message& message);
  void log(const std::vector<std::string_view>& lines) {
    for (const std::string_view line : lines) log_.info(line);
  }

  ClientLog log_{"ipfail"};
  HbClient client_;
  bool failback_ = false;
  std::uint64_t answering_ = 0;  ///< ping nodes, at the last count
  std::string peer_;
  bool peer_lives_ = false;
};

bool is_on(std::string_view word) {
  return word == "on" || word == "yes" || word == "true" || word == "y" || word == "1";
}
bool is_off(std::string_view word) {
  return word == "off" || word == "no" || word == "false" || word == "n" || word == "0";
}

int Ipfail::prepare() {
  if (auto signed_on = client_.sign_on("ipfail"); !signed_on) {
    log_.write(LogLevel::error, fmt::format("Cannot sign on with heartbeat: {}",
                                            signed_on.error().text));
    return exit_no_signon;
  }
  log_.follow(client_);
  if (auto held = client_.resources(); !held) {
    log_.write(LogLevel::error, "heartbeat manages no resources here (pacemaker in ha.cf?): "
                                "nothing to do for ipfail");
    return client_.is_connected() ? exit_useless : exit_lost;
  }
  const auto failback = client_.parameter("auto_failback");
  if (!failback && !client_.is_connected()) return exit_lost;
  if (failback && !is_on(*failback) && !is_off(*failback)) {
    log_.write(LogLevel::error,
               fmt::format("auto_failback {} cannot be used with ipfail; write auto_failback on "
                           "or off into ha.cf", *failback));
    return exit_useless;
  }
  failback_ = failback && is_on(*failback);
  Message filter = client_.begin("setfilter");
  filter.add("fmask", "1");
  if (!client_.request(std::move(filter))) return exit_lost;
  return exit_good;
}

/// How many ping nodes answer, and whom to compare with: the other normal node; of several, which
/// only ha.cf files beyond 3.0.6's two have, the first one that lives.
Result<void> Ipfail::count() {
  const auto nodes = client_.nodes();
  if (!nodes) return nodes.error();
  answering_ = 0;
  peer_.clear();
  peer_lives_ = false;
  for (const NodeEntry& node : *nodes) {
    if (node.type == "ping") {
      if (node.status == "ping") ++answering_;
    } else if (node.name != client_.facts().node && !peer_lives_) {
      peer_lives_ = node.status == "active" || node.status == "up";
      if (peer_lives_ || peer_.empty()) peer_ = node.name;
    }
  }
  return {};
}

/// habit: the fields and their order are 3.0.6's (vectors 55-57).
Result<void> Ipfail::tell(Connectivity::Say say) {
  if (say == Connectivity::Say::nothing || !peer_lives_) return {};
  Message message;
  const std::string& self = client_.facts().node;
  switch (say) {
    case Connectivity::Say::nothing: return {};
    case Connectivity::Say::our_count:
      message.add("t", "num_ping_nodes");
      message.add("src", self);
      message.add_decimal("num_ping", answering_);
      break;
    case Connectivity::Say::you_are_dead: message.add("t", "you_are_dead"); break;
    case Connectivity::Say::abort_giveup:
      message.add("t", "abort_giveup");
      message.add("src", self);
      break;
  }
  message.add("dest", peer_);
  return client_.send(message);
}

/// habit: lines that people know from 3.0.6's ipfail.
void Ipfail::tell_log(const Message& message) {
  const std::string_view type = message.type();
  const std::string_view state = message.text_or_empty("st");
  if (type == "ifstat") {
    log_.info(fmt::format("Link Status update: Link {}/{} now has status {}",
                          message.text_or_empty("node"), message.text_or_empty("ifname"), state));
  } else if (type == "status" || type == "NS_st") {
    log_.info(fmt::format("Status update: Node {} now has status {}",
                          message.text_or_empty("src"), state));
    if (type == "NS_st" && state == "ping") log_.info("A ping node just came up.");
  }
}

/// All messages that wait, then what is due. Several changes at once are one count.
Result<void> Ipfail::turn(Connectivity& connectivity) {
  Connectivity::Event changed;
  while (client_.is_message_ready()) {
    const auto message = client_.receive(Milliseconds{0});
    if (!message) return message.error();
    if (!*message) break;
    tell_log(**message);
    const Connectivity::Event event = connectivity.read(**message);
    if (event.news == Connectivity::News::nothing) continue;
    if (event.news == Connectivity::News::changed) {
      changed = event;
      continue;
    }
    if (auto counted = count(); !counted) return counted;
    const auto outcome = connectivity.handle(event, answering_, hb::os::instant_now());
    log(outcome.log);
    if (auto told = tell(outcome.say); !told) return told;
  }
  if (!client_.is_connected()) return hb::core::Error{"the daemon has closed the connection"};
  if (changed.news != Connectivity::News::nothing) {
    if (auto counted = count(); !counted) return counted;
    const auto outcome = connectivity.handle(changed, answering_, hb::os::instant_now());
    log(outcome.log);
    if (auto told = tell(outcome.say); !told) return told;
  }
  return execute_due(connectivity);
}

Result<void> Ipfail::execute_due(Connectivity& connectivity) {
  if (hb::os::instant_now() < connectivity.deadline()) return {};
  const auto holding = client_.resources();
  if (!holding) return holding.error();
  const auto due = connectivity.due(*holding, hb::os::instant_now());
  log(due.log);
  if (due.say != Connectivity::Say::nothing) {
    if (auto counted = count(); !counted) return counted;
    return tell(due.say);
  }
  if (due.give_up == Connectivity::GiveUp::nothing) return {};
  Message message;
  message.add("t", "ask_resources");
  message.add("rsc_hold", due.give_up == Connectivity::GiveUp::all ? "all" : "foreign");
  message.add("src", client_.facts().node);
  message.add("info", "me");
  return client_.send(message);
}

int Ipfail::run() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGINT);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  const hb::os::Fd signals{::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)};
  if (const int code = prepare(); code != exit_good) return code;
  Connectivity connectivity{{client_.facts().node, 2 * *client_.facts().keepalive + slack,
                             failback_}};
  while (true) {
    if (auto done = turn(connectivity); !done) {
      log_.write(LogLevel::warn, fmt::format("{}; leaving", done.error().text));
      return exit_lost;
    }
    // A message may have come in with an answer and wait in our own memory already.
    const bool waits = client_.is_message_ready();
    const auto left = connectivity.deadline() - hb::os::instant_now();
    const auto ms = waits ? 0 : std::chrono::ceil<Milliseconds>(left).count();
    pollfd wait[] = {{client_.socket(), POLLIN, 0}, {signals.get(), POLLIN, 0}};
    // The hour is for the type of poll's argument; nothing happens then.
    const int timeout = static_cast<int>(std::clamp<long>(ms, 0, 3'600'000));
    if (::poll(wait, 2, timeout) > 0 && (wait[1].revents & POLLIN) != 0) {
      client_.sign_off();
      return exit_good;
    }
  }
}

}  // namespace

int main(int argc, char**) {
  if (argc > 1) {
    std::fputs("usage: ipfail (no arguments; a line of ha.cf starts it:\n"
               "       respawn hacluster /usr/libexec/heartbeat/ipfail)\n", stderr);
    return exit_useless;
  }
  return Ipfail{}.run();
}
