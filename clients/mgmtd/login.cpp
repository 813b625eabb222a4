// login: user and password through PAM, and membership of the group haclient
#include "clients/mgmtd/login.hpp"

#include "clients/mgmtd/mgmt_log.hpp"
#include "clients/mgmtd/rights.hpp"

#include <grp.h>
#include <pwd.h>
#include <security/pam_appl.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <fmt/core.h>

namespace hb::clients::mgmtd {

namespace {

/// Groups of one user that are looked at.
constexpr int groups_limit = 1024;

/// PAM's questions: the password for what is asked without echo; anything else has no answer.
int converse(int count, const pam_message** messages, pam_response** responses, void* password) {
  if (count <= 0 || count > PAM_MAX_NUM_MSG) return PAM_CONV_ERR;
  auto* answers = static_cast<pam_response*>(
      std::calloc(static_cast<std::size_t>(count), sizeof(pam_response)));
  if (answers == nullptr) return PAM_BUF_ERR;
  for (int i = 0; i < count; ++i)
    if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF)
      answers[i].resp = ::strdup(static_cast<const std::string*>(password)->c_str());
  *responses = answers;
  return PAM_SUCCESS;
}

bool is_member(const std::string& user) {
  const passwd* entry = ::getpwnam(user.c_str());
  const group* wanted = ::getgrnam(cluster_group);
  if (entry == nullptr || wanted == nullptr) return false;
  std::vector<gid_t> groups(groups_limit);
  int count = groups_limit;
  if (::getgrouplist(user.c_str(), entry->pw_gid, groups.data(), &count) < 0) return false;
  groups.resize(static_cast<std::size_t>(count));
  return std::find(groups.begin(), groups.end(), wanted->gr_gid) != groups.end();
}

}  // namespace

LoginResult check_password(const std::string& user, const std::string& password,
                           const std::string& host) {
  std::string secret = password;
  const pam_conv conversation{converse, &secret};
  pam_handle_t* handle = nullptr;
  int code = ::pam_start(pam_service, user.c_str(), &conversation, &handle);
  if (code != PAM_SUCCESS) {
    log(core::LogLevel::error, "PAM cannot be used: " + std::string(::pam_strerror(handle, code)));
    return LoginResult::error;
  }
  ::pam_set_item(handle, PAM_RHOST, host.c_str());
  ::pam_set_item(handle, PAM_TTY, "mgmtd");
  code = ::pam_authenticate(handle, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
  if (code == PAM_SUCCESS) code = ::pam_acct_mgmt(handle, PAM_SILENT);
  const std::string reason = ::pam_strerror(handle, code);
  ::pam_end(handle, code);
  if (code != PAM_SUCCESS) {
    log(core::LogLevel::warn, fmt::format("login of {} from {} refused: {}", user, host, reason));
    return LoginResult::wrong;
  }
  if (!is_member(user)) {
    log(core::LogLevel::warn, fmt::format("login of {} from {} refused: no member of group {}; "
                                          "cure: adduser {} {}",
                                          user, host, cluster_group, user, cluster_group));
    return LoginResult::wrong;
  }
  log(core::LogLevel::info, fmt::format("{} logged in from {}", user, host));
  return LoginResult::right;
}

int exit_code(LoginResult result) {
  return result == LoginResult::right ? 0 : result == LoginResult::wrong ? 1 : 2;
}

LoginResult from_exit_code(int code) {
  return code == 0 ? LoginResult::right : code == 1 ? LoginResult::wrong : LoginResult::error;
}

}  // namespace hb::clients::mgmtd
