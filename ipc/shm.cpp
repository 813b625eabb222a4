// shm: anonymous shared memory that cannot be resized, and read-only for the side that only reads
#include "ipc/shm.hpp"

#include <boost/interprocess/exceptions.hpp>
#include <fmt/core.h>

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace hb::ipc {

using boost::interprocess::mapped_region;

core::Result<mapped_region> map(int descriptor, Access access, std::size_t bytes) {
  const auto mode = access == Access::read ? boost::interprocess::read_only
                                           : boost::interprocess::read_write;
  try {  // the library's way to tell; it goes no further than here
    return mapped_region{MappableFd{descriptor}, mode, 0, bytes};
  } catch (const boost::interprocess::interprocess_exception& error) {
    return core::Error{fmt::format("cannot map {} bytes of shared memory: {}", bytes,
                                   error.what()),
                       error.get_native_error()};
  }
}

core::Result<os::Fd> create_memory(const char* name, std::size_t bytes) {
  os::Fd memory{::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  if (!memory.valid() || ::ftruncate(memory.get(), static_cast<off_t>(bytes)) != 0) {
    return core::Error{fmt::format("cannot make {} bytes of shared memory: {}", bytes,
                                   std::strerror(errno)), errno};
  }
  return memory;
}

core::Result<void> seal(int descriptor, Writers writers) {
  int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  if (writers == Writers::present_mappings) seals |= F_SEAL_FUTURE_WRITE;
  if (::fcntl(descriptor, F_ADD_SEALS, seals) != 0) {
    return core::Error{fmt::format("cannot seal shared memory: {}", std::strerror(errno)), errno};
  }
  return {};
}

}  // namespace hb::ipc
