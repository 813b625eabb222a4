// config_files: ha.cf, haresources and its options, authkeys, nodeinfo: from disk, checked
#pragma once

#include "core/authkeys.hpp"
#include "core/engine_io.hpp"
#include "core/ha_cf.hpp"
#include "core/haresources.hpp"
#include "core/result.hpp"
#include "master/host_facts.hpp"

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace hb::master {

/// Everything that the files say. Only usable() ones may be started from; the findings are to be
/// shown in either case.
struct LoadedConfig {
  core::Config config;
  std::vector<core::Group> groups;  ///< empty without haresources manager
  core::KeyRing keys;
  std::vector<core::Finding> findings;  ///< by file in order of reading, by line within a file
  int os_error = 0;  ///< errno of a file that could not be read; EACCES, EPERM: exit code 4
  [[nodiscard]] bool usable() const;
};

/// Reads and checks all files of `folder` in the order of 3.0.6 (configuration §1): ha.cf, then
/// authkeys, then haresources with the scripts that it names (left out if ha.cf does not tell the
/// nodes), then haresources.options, if there is one, which names what haresources has.
/// Reads no more than 1 MiB a file, regular files only. Errors are findings.
[[nodiscard]] LoadedConfig load_config(const std::string& folder,
                                       Devices devices = Devices::must_exist);

/// Only authkeys, for a reload that changed nothing else.
struct LoadedKeys {
  core::KeyRing keys;  ///< usable only without an error finding
  std::vector<core::Finding> findings;
};
[[nodiscard]] LoadedKeys load_keys(const std::string& folder);

/// First line of nodeinfo in `folder` if it ends in a newline, else uname -n; lower case
/// (configuration §4.2).
[[nodiscard]] std::string own_node_name(const std::string& folder);

/// "ha.cf:12:7: error: bcast eth7: no such interface; this host has eth0, eth1"
[[nodiscard]] std::string text_of(const core::Finding& finding);

/// The wording of 3.0.6 for a finding, one element a line of its log:
/// {error, "Illegal directive [x] in /etc/ha.d//ha.cf"}. Empty if habit asks for none.
struct LegacyLine {
  core::LogLevel level;
  std::string_view text;  ///< points into the finding
};
[[nodiscard]] std::vector<LegacyLine> legacy_lines(const core::Finding& finding);

/// Each finding, and how many there are: what --check prints.
void print_check(const LoadedConfig& loaded, std::FILE* out);

/// Writes each finding and its legacy lines to `out`, and, if it is not usable, the closing lines
/// of 3.0.6 ("Configuration error, heartbeat not started.").
void print_findings(const LoadedConfig& loaded, std::FILE* out);

}  // namespace hb::master
