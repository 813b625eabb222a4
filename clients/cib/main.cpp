// main: haresources2cib, from the files of Heartbeat to those of Pacemaker and corosync
#include "clients/cib/cib.hpp"
#include "clients/cib/corosync.hpp"
#include "clients/cib/sources.hpp"
#include "core/config_text.hpp"
#include "os/file.hpp"

#include <getopt.h>

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace {

using namespace hb::clients::cib;
using hb::core::Finding;
using hb::core::Severity;

constexpr int good = 0, failed = 1, wrong_usage = 2, to_be_done = 3;

constexpr const char* usage =
    "usage: haresources2cib [-c DIR] [-o FILE] [--corosync FILE] [--wrappers DIR]\n"
    "                       [-a NODE/INTERFACE=ADDRESS]... [--maintenance]\n"
    "  -c DIR            the folder of ha.cf and haresources (default /etc/ha.d)\n"
    "  -o FILE           where the CIB goes (default: standard output)\n"
    "  --corosync FILE   write a corosync.conf too\n"
    "  --wrappers DIR    write the init scripts that stand in for resource scripts\n"
    "  -a N/I=ADDRESS    the address of node N on interface I, for corosync\n"
    "  --maintenance     Pacemaker touches nothing until maintenance-mode is set to false\n"
    "exit:  0 done, 1 the files are wrong or cannot be read or written, 2 wrong usage,\n"
    "       3 done, but something is left for you: see standard error\n";

struct Options {
  std::string folder = "/etc/ha.d", cib, corosync, wrappers;
  std::map<std::pair<std::string, std::string>, std::string> given;
  bool maintenance = false, help = false;
};

bool read_given(std::string_view text, Options& options) {
  const auto slash = text.find('/'), equals = text.find('=');
  if (slash == std::string_view::npos || equals == std::string_view::npos || equals < slash) {
    return false;
  }
  const std::string_view address = text.substr(equals + 1);
  if (!hb::core::is_ipv4(address) && !hb::core::is_ipv6(address)) return false;
  options.given[{hb::core::lower(text.substr(0, slash)),
                 std::string{text.substr(slash + 1, equals - slash - 1)}}] = address;
  return true;
}

/// False: it was wrong, and that has been told.
bool read_options(int count, char** arguments, Options& options) {
  enum { corosync = 256, wrappers, maintenance };
  static const option names[] = {{"corosync", required_argument, nullptr, corosync},
                                 {"wrappers", required_argument, nullptr, wrappers},
                                 {"maintenance", no_argument, nullptr, maintenance},
                                 {"help", no_argument, nullptr, 'h'},
                                 {nullptr, 0, nullptr, 0}};
  int letter = 0;
  while ((letter = ::getopt_long(count, arguments, "c:o:a:h", names, nullptr)) != -1) {
    switch (letter) {
      case 'c': options.folder = ::optarg; break;
      case 'o': options.cib = ::optarg; break;
      case corosync: options.corosync = ::optarg; break;
      case wrappers: options.wrappers = ::optarg; break;
      case maintenance: options.maintenance = true; break;
      case 'h': options.help = true; break;
      case 'a':
        if (read_given(::optarg, options)) break;
        fmt::print(stderr, "haresources2cib: -a {}: write NODE/INTERFACE=ADDRESS\n", ::optarg);
        return false;
      default: return false;
    }
  }
  return ::optind == count;
}

int complain(const hb::core::Error& error) {
  fmt::print(stderr, "haresources2cib: {}\n", error.text);
  return failed;
}

/// True if there is no error among them.
bool tell(const std::vector<Finding>& findings) {
  bool usable = true;
  for (const Finding& finding : findings) {
    if (finding.severity != Severity::error) continue;  // advice for Heartbeat, not for here
    fmt::print(stderr, "{}:{}:{}: error: {}\n", finding.file, finding.line, finding.column,
               finding.text);
    usable = false;
  }
  return usable;
}

void tell(const Notes& notes) {
  for (const Note& note : notes) {
    const std::string line = note.line == 0 ? "" : fmt::format(":{}", note.line);
    std::string text = note.text;  // with words from the files
    std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; },
                    '?');
    fmt::print(stderr, "{}{}: {}\n", note.file, line, text);
  }
}

/// Fencing devices have passwords: the CIB is for its owner's eyes.
constexpr mode_t secret = 0600, plain = 0644, program = 0755;

hb::core::Result<void> put(const std::string& path, std::string_view text, mode_t mode) {
  if (!path.empty()) return hb::os::write_atomically(path, text, mode);
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
      std::fflush(stdout) == 0) {
    return {};
  }
  return hb::core::Error{"cannot write to standard output"};
}

int run(const Options& options) {
  auto sources = read_sources(options.folder);
  if (!sources) return complain(sources.error());
  if (!tell(sources->findings)) return failed;
  Cluster& cluster = sources->cluster;
  look_around(cluster, options.folder);
  cluster.given = options.given;
  cluster.maintenance = options.maintenance;

  const auto cib = write_cib(cluster);
  if (!cib) return complain(cib.error());
  Notes notes = cib->notes;
  std::string corosync;
  if (!options.corosync.empty()) {
    auto conf = write_corosync(cluster);
    if (!conf) return complain(conf.error());
    corosync = std::move(conf->text);
    notes.insert(notes.end(), conf->notes.begin(), conf->notes.end());
  }
  // Nothing is written before everything could be made.
  if (const auto done = put(options.cib, cib->cib, secret); !done) return complain(done.error());
  if (!options.corosync.empty()) {
    if (const auto done = put(options.corosync, corosync, plain); !done) {
      return complain(done.error());
    }
  }
  for (const Wrapper& wrapper : cib->wrappers) {
    if (options.wrappers.empty()) break;
    const auto done = put(options.wrappers + "/" + wrapper.name, wrapper.text, program);
    if (!done) return complain(done.error());
  }
  tell(notes);
  return notes.empty() ? good : to_be_done;
}

}  // namespace

int main(int count, char** arguments) {
  Options options;
  if (!read_options(count, arguments, options)) {
    std::fputs(usage, stderr);
    return wrong_usage;
  }
  if (options.help) return std::fputs(usage, stdout) < 0 ? failed : good;
  return run(options);
}
