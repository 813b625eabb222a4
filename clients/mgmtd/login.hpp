// login: user and password through PAM, and membership of the group haclient
#pragma once

#include "clients/mgmtd/session.hpp"

#include <string>

namespace hb::clients::mgmtd {

/// The PAM service: /etc/pam.d/heartbeat-mgmt.
inline constexpr const char* pam_service = "heartbeat-mgmt";
/// Seconds after which PAM modules that hang are ended, with the process that called this.
inline constexpr unsigned pam_patience_seconds = 10;

/// Waits; modules may delay a refusal. For a process of its own: modules are foreign code. `host`
/// is where the client connected from, for the modules' own logs.
[[nodiscard]] LoginResult check_password(const std::string& user, const std::string& password,
                                         const std::string& host);

/// As exit codes of that process; any other code is LoginResult::error.
[[nodiscard]] int exit_code(LoginResult result);
[[nodiscard]] LoginResult from_exit_code(int code);

}  // namespace hb::clients::mgmtd
