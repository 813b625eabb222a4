// core_dumps: whether a crash leaves a core file, and where
#include "os/core_dumps.hpp"

#include <fmt/core.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hb::os {

core::Result<void> permit_core_dumps(bool permitted) {
  rlimit limit{};
  if (permitted) {
    limit = {RLIM_INFINITY, RLIM_INFINITY};
    // Without the right to raise it, up to where we may.
    if (::setrlimit(RLIMIT_CORE, &limit) != 0 && ::getrlimit(RLIMIT_CORE, &limit) == 0) {
      limit.rlim_cur = limit.rlim_max;
    }
  } else {
    ::getrlimit(RLIMIT_CORE, &limit);
    limit.rlim_cur = 0;  // the hard limit stays: `coredumps true` and a reload lift it again
  }
  if (::setrlimit(RLIMIT_CORE, &limit) != 0 ||
      ::prctl(PR_SET_DUMPABLE, permitted ? 1 : 0) != 0) {
    const int code = errno;
    return core::Error{fmt::format("cannot switch core dumps {}: {}", permitted ? "on" : "off",
                                   std::strerror(code)), code};
  }
  return {};
}

core::Result<std::string> enter_core_folder(const std::string& root, const std::string& user) {
  std::string path = root + "/" + user;
  if ((::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) || ::chdir(path.c_str()) != 0) {
    const int code = errno;
    return core::Error{fmt::format("coreroot {}: cannot enter {}: {}; make it: install -d -m 0700 "
                                   "{}", root, path, std::strerror(code), path), code};
  }
  return {boost::system::in_place_value, std::move(path)};
}

}  // namespace hb::os
