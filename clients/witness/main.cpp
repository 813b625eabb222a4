// main: the witness program, started by the daemon: asks a third party, tells the daemon
#include "clients/client_log.hpp"
#include "clients/witness/etcd_witness.hpp"
#include "clients/witness/ping_witness.hpp"
#include "os/confine.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <grp.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace {

using namespace hb::clients;
using namespace hb::clients::witness;
using hb::core::LogLevel;

constexpr int exit_failed = 1, exit_usage = 100;  // after 100 the daemon does not start it again

std::optional<hb::core::Duration> milliseconds(std::string_view text) {
  std::int64_t value = 0;
  constexpr std::int64_t longest = 24LL * 3600 * 1000;
  const auto end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc{} || read.ptr != end || value <= 0 || value > longest) return {};
  return std::chrono::milliseconds{value};
}

/// What needed rights is open.
hb::core::Result<void> give_rights_up() {
  const auto account = hb::os::account("nobody");
  if (!account) return account.error();
  const bool done = ::setgroups(0, nullptr) == 0 &&
                    ::setresgid(account->group, account->group, account->group) == 0 &&
                    ::setresuid(account->user, account->user, account->user) == 0 &&
                    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
  if (done) return {};
  return hb::core::Error{"cannot become nobody"};
}

int run_ping(const Teller& teller, ClientLog& log, PingWitness& ping) {
  while (true) {
    if (const auto told = teller.tell(ping.ask()); !told) {
      log.write(LogLevel::error, told.error().text);
      return exit_failed;
    }
  }
}

int run_etcd(const Teller& teller, ClientLog& log, EtcdWitness& etcd) {
  std::string trouble;
  while (true) {
    const auto news = etcd.ask();
    const std::string now = news ? "" : news.error().text;
    auto told = news ? teller.tell(*news) : hb::core::Result<void>{};
    if (now != trouble) {
      told = teller.remark(news ? "the witness answers again"
                                : "the witness does not answer: " + now);
      trouble = now;
    }
    if (!told) {
      log.write(LogLevel::error, told.error().text);
      return exit_failed;
    }
    etcd.rest();
  }
}

int usage() {
  fmt::print(stderr, "usage: witness ping DEADTIME_MS ADDRESS...\n"
                     "       witness etcd LEASE_MS RELEASE_MS KEY NODE TLS URL...\n"
                     "TLS is - or CAFILE or CAFILE,CERTFILE,KEYFILE\n"
                     "The daemon starts it for a `witness` line of ha.cf.\n");
  return exit_usage;
}

/// "-", "CAFILE" or "CAFILE,CERTFILE,KEYFILE"; read while we still may.
hb::core::Result<TlsContext> certificates(const std::string& word) {
  if (word == "-") return TlsContext::strict_client({}, {}, {});
  const auto first = word.find(','), second = word.find(',', first + 1);
  if (first == word.npos) return TlsContext::strict_client(word, {}, {});
  if (second == word.npos) return hb::core::Error{"a certificate without a key"};
  return TlsContext::strict_client(word.substr(0, first),
                                   word.substr(first + 1, second - first - 1),
                                   word.substr(second + 1));
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words{argv + 1, argv + argc};
  if (words.size() < 3) return usage();
  const auto span = milliseconds(words[1]);
  const bool is_ping = words[0] == "ping";
  if (!span || (!is_ping && (words[0] != "etcd" || words.size() < 7))) return usage();
  ClientLog log{"witness"};
  const auto fail = [&](const hb::core::Error& error) {
    log.write(LogLevel::error, error.text);
    return exit_failed;
  };
  const auto teller = Teller::open();
  if (!teller) return fail(teller.error());
  if (is_ping) {
    auto ping = PingWitness::open({words.begin() + 2, words.end()}, *span);
    if (!ping) return fail(ping.error());
    if (const auto done = give_rights_up(); !done) return fail(done.error());
    return run_ping(*teller, log, *ping);
  }
  const auto release = milliseconds(words[2]);
  if (!release || *release >= *span) return usage();
  EtcdSettings settings{{words.begin() + 6, words.end()}, words[3], words[4], *span, *release};
  std::optional<TlsContext> tls;
  const auto is_secured = [](const std::string& url) { return url.starts_with("https:"); };
  if (std::ranges::any_of(settings.urls, is_secured)) {
    auto loaded = certificates(words[5]);
    if (!loaded) return fail(loaded.error());
    tls = std::move(*loaded);
  }
  if (const auto done = give_rights_up(); !done) return fail(done.error());
  EtcdWitness etcd{std::move(settings), std::move(tls)};
  return run_etcd(*teller, log, etcd);
}
