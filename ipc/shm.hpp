// shm: anonymous shared memory that cannot be resized, and read-only for the side that only reads
#pragma once

#include "core/result.hpp"
#include "os/fd.hpp"

#include <boost/interprocess/mapped_region.hpp>

#include <cstddef>
#include <cstdint>

namespace hb::ipc {

enum class Access : std::uint8_t { read, read_write };

/// What boost::interprocess::mapped_region wants to map: a descriptor that somebody else owns.
class MappableFd {
 public:
  explicit MappableFd(int descriptor) : descriptor_{descriptor} {}
  [[nodiscard]] boost::interprocess::mapping_handle_t get_mapping_handle() const {
    return {descriptor_, false};
  }

 private:
  int descriptor_;
};

/// Maps `bytes` of a descriptor from its begin, shared.
[[nodiscard]] core::Result<boost::interprocess::mapped_region> map(int descriptor, Access access,
                                                                   std::size_t bytes);

/// A memfd of `bytes` zeroes that can neither shrink nor grow: a child that truncates it would kill
/// its reader by SIGBUS. Close-on-exec.
[[nodiscard]] core::Result<os::Fd> create_memory(const char* name, std::size_t bytes);

/// Who may still write: `every_holder` = seal the size only; `present_mappings` = besides, no new
/// writable mapping and no write() from now on, for any holder of the descriptor.
enum class Writers : std::uint8_t { every_holder, present_mappings };
[[nodiscard]] core::Result<void> seal(int descriptor, Writers writers);

}  // namespace hb::ipc
