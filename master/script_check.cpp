// script_check: the scripts that haresources names: are they there, and may they be executed
#include "master/script_check.hpp"

#include "core/config_text.hpp"
#include "os/paths.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include <sys/stat.h>

namespace hb::master {
namespace {

constexpr const char* ocf_agents = "/usr/lib/ocf/resource.d";
/// As in `OCF::provider:type`: an agent instead of a script.
constexpr std::string_view ocf_script = "OCF";
constexpr std::string_view default_provider = "heartbeat";

/// Why a file cannot be run; empty: it can.
std::string fault_of(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return fmt::format("there is no {}", path);
  if (!S_ISREG(about.st_mode)) return fmt::format("{} is no file", path);
  if ((about.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0) {
    return fmt::format("{0} is not executable; run: chmod +x {0}", path);
  }
  return {};
}

/// Empty: one of the folders has a script of that name.
std::string script_fault(const std::string& name, const ScriptFolders& folders) {
  std::string found_but;
  for (const std::string& folder : folders.scripts) {
    std::string fault = fault_of(folder + "/" + name);
    if (fault.empty()) return {};
    if (found_but.empty() && !fault.starts_with("there is no")) found_but = std::move(fault);
  }
  if (!found_but.empty()) return found_but;
  return fmt::format("no script {} in {}; install it, or correct the name", name,
                     core::join(folders.scripts, " or "));
}

/// Of `OCF::provider:type::...`.
std::string agent_fault(const core::Resource& resource, const ScriptFolders& folders) {
  if (resource.arguments.empty()) {
    return "the agent's name is missing; write OCF::provider:type::parameter=value";
  }
  const std::string_view name = resource.arguments.front();
  const auto colon = name.find(':');
  const bool has_provider = colon != std::string_view::npos;
  const auto provider = has_provider ? name.substr(0, colon) : default_provider;
  const auto type = has_provider ? name.substr(colon + 1) : name;
  std::string fault = fault_of(fmt::format("{}/{}/{}", folders.ocf, provider, type));
  if (!fault.starts_with("there is no")) return fault;
  return fmt::format("unknown OCF agent: {}; install its package (resource-agents for provider "
                     "heartbeat), or correct the name", fault);
}

/// The place of `word`, a whole word of the lines from `first` on; the line's begin if it is not
/// found as written (a word may be joined from two lines).
void find_place(std::string_view text, std::size_t first, std::string_view word,
                core::Finding& finding) {
  finding.line = first;
  finding.column = 1;
  std::size_t number = 0;
  while (!text.empty()) {
    const std::string_view line = core::take_line(text);
    if (++number < first) continue;
    for (const core::Word found : core::words_of(line, 1, "\\#")) {
      if (found.text != word) continue;
      finding.line = number;
      finding.column = found.column;
      return;
    }
    if (!line.ends_with('\\')) return;
  }
}

}  // namespace

ScriptFolders script_folders(const std::string& folder) {
  ScriptFolders folders;
  folders.scripts = {folder + "/resource.d"};
  if (folders.scripts.front() != os::paths::resource_dir) {
    folders.scripts.emplace_back(os::paths::resource_dir);
  }
  folders.scripts.emplace_back(os::paths::init_dir);
  folders.ocf = ocf_agents;
  return folders;
}

std::vector<core::Finding> check_scripts(const std::vector<core::Group>& groups,
                                         std::string_view text, const ScriptFolders& folders) {
  std::vector<core::Finding> findings;
  std::set<std::string> told;
  for (const core::Group& group : groups) {
    for (const core::Resource& resource : group.resources) {
      const std::string fault = resource.script == ocf_script
                                    ? agent_fault(resource, folders)
                                    : script_fault(resource.script, folders);
      if (fault.empty() || !told.insert(fault).second) continue;
      core::Finding finding{core::Severity::warning, "haresources", 0, 0,
                            fmt::format("{}: {}", core::printable(resource.text), fault), {}};
      find_place(text, group.line, resource.text, finding);
      findings.push_back(std::move(finding));
    }
  }
  return findings;
}

}  // namespace hb::master
