// main: mgmtcmd's entry: asks a management daemon one question and prints the answer
#include "clients/mgmt_protocol.hpp"
#include "clients/mgmtcmd/channel.hpp"
#include "clients/mgmtcmd/known_servers.hpp"
#include "clients/mgmtcmd/password.hpp"

#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

namespace {

using hb::clients::mgmt::Request;
using hb::clients::mgmt::Verdict;
using namespace hb::clients::mgmtcmd;
using hb::core::Error;
using hb::core::Result;

constexpr int good = 0, failed = 1, no_connection = 2, wrong_usage = 3;
constexpr const char* rule = "---------------------------\n";  // habit: 27 dashes, as mgmtcmd.py
constexpr unsigned default_seconds = 15, longest_seconds = 3600;

constexpr const char* usage =
    "usage: mgmtcmd [-s server] [-P port] [-u user] [-p password | -p -] [-t seconds]\n"
    "               VERB [ARG...]\n"
    "  without -s: the mgmtd of this host, without a password\n"
    "  -p -        reads the password without showing it\n"
    "  -t          how long to wait for an answer (default 15)\n"
    "verbs: all_nodes  active_nodes  node_type NODE  node_config NODE  hb_config  links NODE\n"
    "       link_status NODE LINK  status_hblinks  rsc_status  standby NODE on|off\n"
    "       regevt [node|link|resource|daemon...]  echo TEXT...\n"
    "exit:  0 ok, 1 fail, 2 no connection or login refused, 3 wrong usage\n";

struct Options {
  std::string server, user, password = "-";
  std::uint16_t port = hb::clients::mgmt::default_port;
  unsigned seconds = default_seconds;
  Request request;
};

template <class Number>
bool read_number(const char* text, Number least, Number most, Number& number) {
  const char* end = text + std::strlen(text);
  const auto result = std::from_chars(text, end, number);
  return result.ec == std::errc{} && result.ptr == end && number >= least && number <= most;
}

/// The options end at the verb, whose arguments may look like options.
bool read_options(int argc, char** argv, Options& options) {
  for (int found = 0; (found = ::getopt(argc, argv, "+s:P:u:p:t:h")) != -1;) {
    switch (found) {
      case 's': options.server = ::optarg; break;
      case 'u': options.user = ::optarg; break;
      case 'P':
        if (!read_number<std::uint16_t>(::optarg, 1, 65535, options.port)) return false;
        break;
      case 't':
        if (!read_number<unsigned>(::optarg, 1, longest_seconds, options.seconds)) return false;
        break;
      case 'p':
        options.password = ::optarg;
        std::memset(::optarg, '*', std::strlen(::optarg));  // not for the process list
        break;
      default: return false;
    }
  }
  if (::optind >= argc) return false;
  options.request.name = argv[::optind];
  options.request.arguments.assign(argv + ::optind + 1, argv + argc);
  return true;
}

std::string own_name() {
  const passwd* entry = ::getpwuid(::getuid());
  return entry != nullptr ? entry->pw_name : "";
}

/// A server may be hostile to our terminal.
void print_line(std::string_view text) {
  for (const char c : text)
    std::fputc((c >= '\0' && c < ' ') || c == '\x7f' || c == '\x9b' ? '?' : c, stdout);
  std::fputc('\n', stdout);
}

int give_up(const std::string& reason) {
  std::fprintf(stderr, "mgmtcmd: %s\n", reason.c_str());
  return no_connection;
}

Deadline deadline_of(const Options& options) {
  return std::chrono::steady_clock::now() + std::chrono::seconds{options.seconds};
}

/// Connected, trusted and logged in.
Result<Channel> connect(const Options& options) {
  if (options.server.empty()) return Channel::open_local(hb::clients::mgmt::local_socket);
  const std::string user = options.user.empty() ? own_name() : options.user;
  auto channel = Channel::open_tls(options.server, options.port, deadline_of(options));
  if (!channel) return channel;
  // The password goes only to a server that showed the certificate that we know.
  const auto path = known_servers_path();
  if (!path) return path.error();
  const std::string print = channel->fingerprint();
  const auto met = meet(*path, options.server, options.port, print);
  if (!met) return met.error();
  if (*met == Acquaintance::fresh)
    std::fprintf(stderr, "mgmtcmd: %s is new to you; its certificate %s is pinned in %s\n",
                 options.server.c_str(), print.c_str(), path->c_str());
  std::string password = options.password;
  if (password == "-") {
    ::alarm(0);  // people think
    auto typed = read_password("Password of " + user + " on " + options.server + ": ");
    ::alarm(2 * options.seconds);
    if (!typed) return typed.error();
    password = std::move(*typed);
  }
  if (auto sent = channel->send({"login", {user, password}}, deadline_of(options)); !sent)
    return sent.error();
  const auto reply = channel->receive(deadline_of(options));
  if (!reply) return reply.error();
  if (reply->is_event || reply->answer.verdict != Verdict::ok)
    return Error{reply->answer.values.empty() ? "login refused" : reply->answer.values.front()};
  return channel;
}

int print_answer(const hb::clients::mgmt::Answer& answer) {
  const bool is_good = answer.verdict == Verdict::ok;
  std::fputs(rule, stdout);
  std::fputs(is_good ? "ok\n" : "fail\n", stdout);
  for (const std::string& value : answer.values) print_line(value);
  std::fputs(rule, stdout);
  return is_good ? good : failed;
}

/// Prints events, a line each, until the server goes or somebody ends us.
int follow(Channel& channel) {
  ::alarm(0);
  while (std::fflush(stdout) == 0) {
    const auto message = channel.receive(no_deadline);
    if (!message) return give_up(message.error().text);
    if (!message->is_event) continue;
    std::string line;
    for (const std::string& word : message->event) line += (line.empty() ? "" : " ") + word;
    print_line(line);
  }
  return failed;
}

int run(const Options& options) {
  auto channel = connect(options);
  if (!channel) return give_up(channel.error().text);
  if (auto sent = channel->send(options.request, deadline_of(options)); !sent)
    return give_up(sent.error().text);
  const auto reply = channel->receive(deadline_of(options));
  if (!reply) return give_up(reply.error().text);
  const int code = print_answer(reply->answer);
  if (code == good && options.request.name == "regevt") return follow(*channel);
  return std::fflush(stdout) == 0 ? code : failed;
}

extern "C" void too_late(int) {
  constexpr std::string_view text = "mgmtcmd: no answer in time\n";
  (void)!::write(STDERR_FILENO, text.data(), text.size());
  ::_exit(no_connection);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!read_options(argc, argv, options)) {
    std::fputs(usage, stderr);
    return wrong_usage;
  }
  // Everything has a deadline but the resolver of names: this is for that.
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGALRM, too_late);
  ::alarm(2 * options.seconds);
  return run(options);
}
