// rights: how mgmtd's processes become user hacluster, and who may use the local socket
#include "clients/mgmtd/rights.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <vector>

namespace hb::clients::mgmtd {

namespace {

/// Groups of one process that are looked at; Linux allows more, no administrator gives more.
constexpr std::size_t groups_limit = 1024;

}  // namespace

core::Result<void> give_rights_up(os::Profile profile, const std::string& root) {
  const auto account = os::account(cluster_user, cluster_group);
  if (!account) return account.error();
  os::Confinement confinement;
  confinement.profile = profile;
  confinement.account = *account;
  confinement.root = root;
  return os::confine(confinement);
}

core::Result<LocalAccess> local_access() {
  const auto account = os::account(cluster_user, cluster_group);
  if (!account) return account.error();
  return LocalAccess{account->user, account->group};
}

bool may_use_local_socket(int socket, const LocalAccess& access) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  if (peer.uid == 0 || peer.uid == access.user || peer.gid == access.group) return true;
  std::vector<gid_t> groups(groups_limit);
  size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) != 0) return false;
  groups.resize(size / sizeof(gid_t));
  return std::find(groups.begin(), groups.end(), access.group) != groups.end();
}

}  // namespace hb::clients::mgmtd
