// script_environment: the fixed list of variables that every foreign program gets
#pragma once

#include "core/ha_cf.hpp"

#include <string>
#include <vector>

namespace hb::master {

/// NAME=value as resources §2 lists them: HA_CURHOST, HA_DIR, HA_FUNCS, …, one HA_<directive> for
/// every recorded directive, `env` lines, OCF_ROOT, PATH. Nothing in it comes from a message: in
/// 3.0.6 a field named FUNCS made every node run a file of the sender's choice as root (W9).
[[nodiscard]] std::vector<std::string> script_environment(const core::Config& config);

}  // namespace hb::master
