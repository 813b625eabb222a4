// rights: how mgmtd's processes become user hacluster, and who may use the local socket
#pragma once

#include "core/result.hpp"
#include "os/confine.hpp"

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace hb::clients::mgmtd {

inline constexpr const char* cluster_user = "hacluster";
inline constexpr const char* cluster_group = "haclient";

/// For a role's main, with the socket to the keeper as descriptor 3: user hacluster, no rights.
/// An error means: end with 77, nobody should run this as half of both.
[[nodiscard]] core::Result<void> give_rights_up(os::Profile profile, const std::string& root = {});

/// The numbers that the local socket compares with; looked up before the rights are gone.
struct LocalAccess {
  uid_t user = 0;
  gid_t group = 0;
};
[[nodiscard]] core::Result<LocalAccess> local_access();

/// Whether the kernel says that whoever connected is root, hacluster or of group haclient.
[[nodiscard]] bool may_use_local_socket(int socket, const LocalAccess& access);

}  // namespace hb::clients::mgmtd
