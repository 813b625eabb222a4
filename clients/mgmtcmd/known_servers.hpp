// known_servers: the certificates that servers showed at the first use, in a file of the user
#pragma once

#include "core/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace hb::clients::mgmtcmd {

/// ~/.systole/known_servers: lines `SERVER:PORT FINGERPRINT`. The error: no home folder.
[[nodiscard]] core::Result<std::string> known_servers_path();

/// fresh: seen for the first time, and kept now. same: as before.
enum class Acquaintance : std::uint8_t { fresh, same };

/// An error if the server showed another certificate before, with the cure, or if the file cannot
/// be read or written: then nothing is trusted.
[[nodiscard]] core::Result<Acquaintance> meet(const std::string& path, const std::string& server,
                                              std::uint16_t port, std::string_view fingerprint);

}  // namespace hb::clients::mgmtcmd
