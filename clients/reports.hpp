// reports: what each sub-command of cl_status asks, prints and answers as exit code
#pragma once

#include "clients/hbclient.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace hb::clients::reports {

// habit: the exit codes of client-api §4, which scripts test.
inline constexpr int good = 0, normal_failure = 1, client_join = 2, client_leave = 3;
inline constexpr int parameter_error = 11, timed_out = 12, unknown_error = 13;

struct Options {
  bool for_people = false;  ///< -m
  bool verbose = false;     ///< -v
  bool normal = false;      ///< -n
  bool ping = false;        ///< -p without a value
  std::string parameter;    ///< hbparameter -p NAME
  bool has_parameter = false;
  std::vector<std::string> words;
};

struct Call {
  HbClient& client;
  const core::Result<void>& signed_on;
  const Options& options;
};

/// `Nov 22 18:31:27 n1 cl_status: [2268]: ERROR: text` on stderr.
void log_error(std::string_view text);
/// The same for what failed, and a line with its reason.
void log_failure(std::string_view what, std::string_view reason);

// Each prints what client-api §4 says, to the letter, and returns the exit code.
[[nodiscard]] int run_list_nodes(const Call& call);
[[nodiscard]] int run_list_links(const Call& call);
[[nodiscard]] int run_node_status(const Call& call);
[[nodiscard]] int run_node_weight(const Call& call);
[[nodiscard]] int run_node_site(const Call& call);
[[nodiscard]] int run_node_type(const Call& call);
[[nodiscard]] int run_link_status(const Call& call);
[[nodiscard]] int run_daemon_status(const Call& call);
[[nodiscard]] int run_client_status(const Call& call);
[[nodiscard]] int run_resource_status(const Call& call);
[[nodiscard]] int run_parameter(const Call& call);
[[nodiscard]] int run_test(const Call& call);

}  // namespace hb::clients::reports
