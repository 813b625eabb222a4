// authkeys: authkeys text to key ring
#pragma once

#include "core/auth.hpp"
#include "core/ha_cf.hpp"

#include <string_view>
#include <vector>

namespace hb::core {

struct ParsedKeys {
  KeyRing keys;                   ///< usable only without an error finding
  std::vector<Finding> findings;
};

/// Grammar and errors of configuration §6; `sha256` is ours. The file's mode is for the caller to
/// check. No finding contains a key.
[[nodiscard]] ParsedKeys parse_authkeys(std::string_view text);

}  // namespace hb::core
