// options: the command line of mgmtd
#pragma once

#include "clients/mgmt_protocol.hpp"
#include "clients/mgmtd/listener.hpp"
#include "core/result.hpp"

#include <optional>
#include <string>

namespace hb::clients::mgmtd {

struct Options {
  std::optional<Endpoint> tls{Endpoint{"", mgmt::default_port}};  ///< nothing: not over the network
  std::optional<Endpoint> http;                                   ///< off unless given
  std::string local_socket = mgmt::local_socket;
  enum class Job : std::uint8_t { serve, make_certificate, help };
  Job job = Job::serve;
};

extern const char* const usage;
/// The error names the option and the cure.
[[nodiscard]] core::Result<Options> read_options(int argc, char** argv);

}  // namespace hb::clients::mgmtd
