// certificate: the key and the self-signed certificate of this host's mgmtd, made once
#pragma once

#include "core/result.hpp"

#include <string>

namespace hb::clients::mgmtd {

/// 0644 root; what administrators compare, and may replace by one of their own authority.
inline constexpr const char* certificate_file = "/etc/ha.d/mgmt-certificate.pem";
/// 0600 root.
inline constexpr const char* key_file = "/etc/ha.d/mgmt-key.pem";

/// A P-256 key and a certificate for `name` that is valid for 20 years (clients pin it, so that an
/// end would only be an outage), both as PEM.
struct Made {
  std::string certificate, key;
};
[[nodiscard]] core::Result<Made> make_certificate(const std::string& name);

/// Makes both files for this host if neither is there. An error if only one is, or if others may
/// read the key.
[[nodiscard]] core::Result<void> provide_certificate(const std::string& certificate,
                                                     const std::string& key);

}  // namespace hb::clients::mgmtd
