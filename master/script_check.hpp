// script_check: the scripts that haresources names: are they there, and may they be executed
#pragma once

#include "core/haresources.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace hb::master {

/// Where resource scripts and OCF agents are looked for, in order.
struct ScriptFolders {
  std::vector<std::string> scripts;
  std::string ocf;  ///< holds one folder for each provider
};
/// `folder`: that of ha.cf. Scripts stand in its resource.d, in /etc/ha.d/resource.d, /etc/init.d.
[[nodiscard]] ScriptFolders script_folders(const std::string& folder);

/// One warning for each script that cannot be run, at its first use, with line and column in
/// `text`, haresources as it was read. No errors: a script may stand on a disk that another
/// resource mounts, and 3.0.6 starts without looking.
[[nodiscard]] std::vector<core::Finding> check_scripts(const std::vector<core::Group>& groups,
                                                       std::string_view text,
                                                       const ScriptFolders& folders);

}  // namespace hb::master
