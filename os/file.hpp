// file: reading with a bound and without surprises, writing that is whole or not at all, pid files
#pragma once

#include "core/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace hb::os {

/// Whether a symbolic link as last part of a path is followed: administrators may link /etc files,
/// nobody has reason to link our state files.
enum class Links : std::uint8_t { refuse, follow };

/// The content of a regular file of at most `limit` bytes. FIFOs, devices and folders are refused
/// without waiting for them. Errors carry errno (EFBIG: longer than the limit).
[[nodiscard]] core::Result<std::string> read_file(const std::string& path, std::size_t limit,
                                                  Links links = Links::refuse);

/// Writes a temporary file beside `path`, syncs it, renames it over `path` and syncs the folder: at
/// every moment the old or the new content is there. Owner stays ours; `mode` is exact, whatever
/// the umask. Errors leave no temporary file.
[[nodiscard]] core::Result<void> write_atomically(const std::string& path, std::string_view content,
                                                  mode_t mode);

/// A pid file is the number right-aligned in 10 columns and a newline (configuration §9).
[[nodiscard]] core::Result<void> write_pid_file(const std::string& path, pid_t pid);
/// The pid in the file if it holds one, and whether or not that process exists; nothing if there is
/// no such file or no number in it.
[[nodiscard]] std::optional<pid_t> read_pid_file(const std::string& path);
/// Whether a process of that number exists (also another user's) and has not ended (no zombie).
[[nodiscard]] bool process_exists(pid_t pid);

/// The kernel's name for this boot, within which its boot clock counts; "" if it does not tell.
[[nodiscard]] std::string boot_id();

}  // namespace hb::os
