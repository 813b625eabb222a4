// config_files: ha.cf, haresources and its options, authkeys, nodeinfo: from disk, checked
#include "master/config_files.hpp"

#include "core/config_text.hpp"
#include "core/resource_options.hpp"
#include "master/host_facts.hpp"
#include "master/script_check.hpp"
#include "os/file.hpp"
#include "os/log.hpp"

#include <fmt/core.h>

#include <sys/stat.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <iterator>

namespace hb::master {

namespace {

using core::Finding;
using core::Severity;

/// No configuration is a hundredth as long; bounds what a mistaken path can cost.
constexpr std::size_t file_bytes = 1 << 20;

/// habit: 3.0.6 joins folder and file with a second slash (configuration §0.10).
std::string legacy_path(std::string_view file) {
  return fmt::format("/etc/ha.d//{}", file);
}

std::string path_of(const std::string& folder, std::string_view file) {
  return fmt::format("{}/{}", folder, file);
}

core::Result<std::string> read_file(const std::string& path) {
  return os::read_file(path, file_bytes, os::Links::follow);
}

/// A finding about a file that cannot be used, as 3.0.6 words it.
Finding unusable(std::string_view file, const core::Error& error, std::string legacy) {
  std::string text = error.text;
  if (error.os_error == ENOENT) text += "; write one, the same on all nodes";
  if (error.os_error == EACCES || error.os_error == EPERM) text += "; start heartbeat as root";
  return {Severity::error, std::string{file}, 0, 0, std::move(text), std::move(legacy)};
}

std::string sample_hint(std::string_view what, std::string_view file) {
  const std::string path = legacy_path(file);
  return fmt::format("Cannot open {0} file [{1}]\n"
                     "info: An annotated sample {1} file is provided in the documentation.\n"
                     "info: Please copy it to {1}, read it, customize it, and try again.",
                     what, path);
}

bool any_error(const std::vector<Finding>& findings) {
  return std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.severity == Severity::error;
  });
}

void append(std::vector<Finding>& all, std::vector<Finding>&& more) {
  std::move(more.begin(), more.end(), std::back_inserter(all));
}

/// False, with a finding, if ha.cf cannot be read or is wrong.
bool load_ha_cf(const std::string& folder, Devices devices, LoadedConfig& loaded) {
  const std::string path = path_of(folder, "ha.cf");
  const auto file = read_file(path);
  if (!file) {
    loaded.os_error = file.error().os_error;
    loaded.findings.push_back(
        unusable("ha.cf", file.error(), sample_hint("config", "ha.cf")));
    return false;
  }
  auto parsed = core::parse_ha_cf(*file, gather_host_facts(own_node_name(folder), devices));
  const bool good = !parsed.has_errors();
  loaded.config = std::move(parsed.config);
  append(loaded.findings, std::move(parsed.findings));
  return good;
}

void load_haresources(const std::string& folder, Devices devices, LoadedConfig& loaded) {
  const std::string path = path_of(folder, "haresources");
  const auto file = read_file(path);
  if (!loaded.config.manages_resources) {
    if (file) {
      loaded.findings.push_back({Severity::warning, "haresources", 0, 0,
                                 "not used: 'pacemaker' in ha.cf turns the resource manager off",
                                 fmt::format("File {} exists.\nThis file is not used because "
                                             "pacemaker is enabled",
                                             legacy_path("haresources"))});
    }
    return;
  }
  if (!file) {
    loaded.os_error = file.error().os_error;
    loaded.findings.push_back(
        unusable("haresources", file.error(), sample_hint("resources", "haresources")));
    return;
  }
  auto parsed = core::parse_haresources(*file, loaded.config);
  loaded.groups = std::move(parsed.groups);
  append(loaded.findings, std::move(parsed.findings));
  // A start in an emergency does not look at more of the disk than it must.
  if (devices == Devices::may_be_away) return;
  append(loaded.findings, check_scripts(loaded.groups, *file, script_folders(folder)));
}

/// haresources can be judged as soon as ha.cf names the nodes; what it says of others may be wrong.
bool nodes_are_known(const LoadedConfig& loaded) {
  return !loaded.config.nodes.empty() &&
         std::ranges::none_of(loaded.findings, [](const Finding& finding) {
           return finding.severity == Severity::error && finding.text.starts_with("node ");
         });
}

/// Optional: what 3.0.6 does not know stands in a file of its own.
void load_resource_options(const std::string& folder, LoadedConfig& loaded) {
  if (!loaded.config.manages_resources || any_error(loaded.findings)) return;
  const auto file = read_file(path_of(folder, "haresources.options"));
  if (!file) {
    if (file.error().os_error == ENOENT) return;
    loaded.os_error = file.error().os_error;
    loaded.findings.push_back(unusable("haresources.options", file.error(), {}));
    return;
  }
  append(loaded.findings, core::apply_resource_options(*file, loaded.groups));
}

/// habit: group-read and other-read are fatal, nothing else is looked at; ours warns of the rest.
void check_mode(const std::string& path, std::vector<Finding>& findings) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return;  // read a moment ago: only root can have done it
  const mode_t mode = about.st_mode;
  if ((mode & (S_IRGRP | S_IROTH)) != 0) {
    findings.push_back(
        {Severity::error, "authkeys", 0, 0,
         fmt::format("mode {:04o} lets others read the keys; run: chmod 600 {}", mode & 07777,
                     path),
         fmt::format("Bad permissions on keyfile [{}], 600 recommended.",
                     legacy_path("authkeys"))});
  } else if ((mode & (S_IWGRP | S_IWOTH)) != 0) {
    findings.push_back(
        {Severity::warning, "authkeys", 0, 0,
         fmt::format("mode {:04o} lets others replace the keys; run: chmod 600 {}", mode & 07777,
                     path),
         {}});
  }
}

LoadedKeys load_keys(const std::string& folder, int& os_error) {
  const std::string path = path_of(folder, "authkeys");
  LoadedKeys loaded;
  const auto file = read_file(path);
  if (!file) {
    os_error = file.error().os_error;
    loaded.findings.push_back(
        unusable("authkeys", file.error(),
                 fmt::format("Cannot open keyfile [{}].  Stop.", legacy_path("authkeys"))));
    return loaded;
  }
  check_mode(path, loaded.findings);
  auto parsed = core::parse_authkeys(*file);
  loaded.keys = std::move(parsed.keys);
  append(loaded.findings, std::move(parsed.findings));
  return loaded;
}

constexpr std::pair<std::string_view, core::LogLevel> level_words[]{
    {"ERROR: ", core::LogLevel::error},
    {"WARN: ", core::LogLevel::warn},
    {"info: ", core::LogLevel::info}};

/// Lines as 3.0.6 writes them to stderr, in the format that ha.cf asks for.
class LegacyLog {
 public:
  LegacyLog(std::FILE* out, const core::Config& config)
      : out_(out),
        format_(config.syslogmsgfmt ? os::LineFormat::syslog_like : os::LineFormat::dated) {}

  void write(core::LogLevel level, std::string_view text) const {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const std::string line = os::file_line(format_, source_, now, level, text);
    (void)std::fwrite(line.data(), 1, line.size(), out_);
  }

 private:
  std::FILE* out_;
  os::LineFormat format_;
  os::LogSource source_ = os::log_source();
};

}  // namespace

bool LoadedConfig::usable() const {
  return !any_error(findings);
}

LoadedConfig load_config(const std::string& folder, Devices devices) {
  LoadedConfig loaded;
  const bool good = load_ha_cf(folder, devices, loaded);
  const bool nodes_known = good || nodes_are_known(loaded);
  LoadedKeys keys = load_keys(folder, loaded.os_error);
  loaded.keys = std::move(keys.keys);
  append(loaded.findings, std::move(keys.findings));
  if (nodes_known) load_haresources(folder, devices, loaded);
  if (good) load_resource_options(folder, loaded);
  return loaded;
}

LoadedKeys load_keys(const std::string& folder) {
  int os_error = 0;
  return load_keys(folder, os_error);
}

std::string own_node_name(const std::string& folder) {
  if (const auto file = read_file(path_of(folder, "nodeinfo"))) {
    // habit: without the newline the file does not count
    const auto end = file->find('\n');
    if (end != std::string::npos) {
      const core::Word name = core::trimmed({std::string_view{*file}.substr(0, end), 1});
      if (!name.text.empty()) return core::lower(name.text);
    }
  }
  utsname host{};
  (void)::uname(&host);
  return core::lower(static_cast<const char*>(host.nodename));
}

std::string text_of(const core::Finding& finding) {
  std::string place = finding.file;
  if (finding.line != 0) place += fmt::format(":{}", finding.line);
  if (finding.line != 0 && finding.column != 0) place += fmt::format(":{}", finding.column);
  const bool is_error = finding.severity == Severity::error;
  return fmt::format("{}: {}: {}", place, is_error ? "error" : "warning", finding.text);
}

std::vector<LegacyLine> legacy_lines(const core::Finding& finding) {
  std::vector<LegacyLine> lines;
  for (std::string_view rest = finding.legacy; !rest.empty();) {
    std::string_view text = core::take_line(rest);
    auto level =
        finding.severity == Severity::error ? core::LogLevel::error : core::LogLevel::warn;
    for (const auto& [beginning, own_level] : level_words) {
      if (!text.starts_with(beginning)) continue;
      text.remove_prefix(beginning.size());
      level = own_level;
      break;
    }
    lines.push_back({level, text});
  }
  return lines;
}

void print_check(const LoadedConfig& loaded, std::FILE* out) {
  std::size_t errors = 0;
  for (const core::Finding& finding : loaded.findings) {
    if (finding.severity == core::Severity::error) ++errors;
    const std::string text = text_of(finding) + "\n";
    (void)std::fwrite(text.data(), 1, text.size(), out);
  }
  const std::size_t warnings = loaded.findings.size() - errors;
  const std::string_view verdict = errors != 0 ? "heartbeat would not start with this"
                                               : "heartbeat can start with this";
  fmt::print(out, "{} errors, {} warnings: {}\n", errors, warnings, verdict);
}

void print_findings(const LoadedConfig& loaded, std::FILE* out) {
  const LegacyLog log{out, loaded.config};
  bool of_ha_cf = false, of_authkeys = false;
  for (const core::Finding& finding : loaded.findings) {
    const std::string text = text_of(finding) + "\n";
    (void)std::fwrite(text.data(), 1, text.size(), out);
    for (const LegacyLine& line : legacy_lines(finding)) log.write(line.level, line.text);
    if (finding.severity != Severity::error) continue;
    of_ha_cf = of_ha_cf || finding.file == "ha.cf";
    of_authkeys = of_authkeys || finding.file == "authkeys";
  }
  if (loaded.usable()) return;
  if (of_ha_cf) log.write(core::LogLevel::error, "Heartbeat not started: configuration error.");
  if (of_authkeys) log.write(core::LogLevel::error, "Authentication configuration error.");
  log.write(core::LogLevel::error, "Configuration error, heartbeat not started.");
}

}  // namespace hb::master
