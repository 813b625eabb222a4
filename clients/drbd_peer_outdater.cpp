// drbd_peer_outdater: DRBD's fence-peer handler: asks dopd, and exits with what DRBD must know
#include "clients/outdater_socket.hpp"
#include "clients/outdating.hpp"

#include <fmt/core.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>

#include <getopt.h>
#include <poll.h>

namespace {

using namespace hb::clients;
using Clock = std::chrono::steady_clock;

constexpr int exit_help = 0, exit_usage = 1;
constexpr std::chrono::seconds default_patience{60};
/// DRBD holds up all writing meanwhile: nobody wants to wait longer.
constexpr int longest_patience = 3600;

constexpr const char* usage =
    "usage: drbd-peer-outdater -r <string> -p <string> [-t <int>]\n"
    "\t-p <string>\tdrbd peer\n"
    "\t-r <string>\tdrbd resource\n"
    "\t-t <int>\ttimeout in seconds; default: 60\n"
    "\n"
    "The drbd peer and drbd resource have to be specified either on the\n"
    "commandline using the -p and -r options, or using the $DRBD_PEER and\n"
    "$DRBD_RESOURCE environment variables. $DRBD_RESOURCE and $DRBD_PEER\n"
    "will be ignored, if the command line options are used.\n";

struct Options {
  OutdateRequest request;
  std::chrono::seconds patience = default_patience;
};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::optional<std::chrono::seconds> seconds_of(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  if (!whole || value < 1 || value > longest_patience) return std::nullopt;
  return std::chrono::seconds{value};
}

/// The options, or the code to exit with after the usage was shown.
std::optional<Options> options_of(int argc, char** argv, int& code) {
  code = exit_usage;
  Options options{{variable("DRBD_PEER"), variable("DRBD_RESOURCE")}};
  for (int option; (option = ::getopt(argc, argv, "hp:r:t:")) != -1;) {
    switch (option) {
      case 'h': std::fputs(usage, stdout); code = exit_help; return std::nullopt;
      case 'p': options.request.peer = ::optarg; break;
      case 'r': options.request.resource = ::optarg; break;
      case 't': {
        const auto patience = seconds_of(::optarg);
        if (!patience) {
          fmt::print(stderr, "drbd-peer-outdater: -t {}: not a number of seconds from 1 to {}\n",
                     ::optarg, longest_patience);
          return std::nullopt;
        }
        options.patience = *patience;
        break;
      }
      default: std::fputs(usage, stderr); return std::nullopt;
    }
  }
  if (!options.request.peer.empty() && !options.request.resource.empty()) return options;
  std::fputs(usage, stderr);
  return std::nullopt;
}

int unreachable(std::string_view why) {
  fmt::print(stderr, "drbd-peer-outdater: {}\n", why);
  return static_cast<int>(outdated::peer_unreachable);
}

/// The value of dopd's answer.
int ask(const Options& options) {
  const auto deadline = Clock::now() + options.patience;
  auto socket = connect_to_dopd();
  if (!socket) return unreachable(socket.error().text);
  OutdaterConnection dopd{std::move(*socket)};
  hb::core::Message request;
  request.add("t", "outdater");
  request.add("src", "drbd-peer-outdater");
  request.add("outdater_peer", options.request.peer);
  request.add("outdater_res", options.request.resource);
  if (dopd.send(request) == OutdaterConnection::State::closed) {
    return unreachable("dopd has closed the connection");
  }
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd wait{dopd.socket(), POLLIN, 0};
    if (left.count() <= 0 || ::poll(&wait, 1, static_cast<int>(left.count())) == 0) {
      return unreachable(fmt::format("no answer from {} within {} s", options.request.peer,
                                     options.patience.count()));
    }
    const auto state = dopd.fill();
    while (const auto answer = dopd.next()) {
      if (answer->type() != "outdater_rc") continue;
      const auto value = answer->decimal("dop_value");
      // The largest exit code there is.
      return static_cast<int>(value && *value <= 255 ? *value : outdated::failed);
    }
    if (state == OutdaterConnection::State::closed) {
      return unreachable("dopd has closed the connection");
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  int code = exit_usage;
  const auto options = options_of(argc, argv, code);
  return options ? ask(*options) : code;
}
