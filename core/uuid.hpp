// uuid: the text form of a uuid, and the uuid that 3.0.6 derives from a node name
#pragma once

#include "core/types.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace hb::core {

/// "dbf0a978-e76b-438c-ddb2-32fac6d43cf0": lower case, bytes in their order in Uuid.
[[nodiscard]] std::string to_text(const Uuid& uuid);

/// The inverse; digits of either case, the four hyphens where they belong, else nullopt.
[[nodiscard]] std::optional<Uuid> uuid_from_text(std::string_view text);

/// `uuidfrom nodename` (wire-protocol §6.5): the same on all nodes for the same name. The name is
/// hashed, the hash seeds the generator of glibc's srand/rand, which then gives 32 digits.
[[nodiscard]] Uuid uuid_from_name(std::string_view node_name);

}  // namespace hb::core
