// command_line: heartbeat's options, and the commands that speak to a running daemon
#pragma once

#include "core/ha_cf.hpp"

#include <optional>
#include <string>

#include <sys/types.h>

namespace hb::master {

/// Exit codes of the program (client-api §6; LSB).
namespace exit_code {
inline constexpr int good = 0;
inline constexpr int stopped_with_pid_file = 1;
inline constexpr int usage = 2;
inline constexpr int stopped = 3;
inline constexpr int no_permission = 4;
inline constexpr int bad_configuration = 6;
}  // namespace exit_code

struct CommandLine {
  enum class Verb {
    start,       ///< none, -f
    status,      ///< -s
    kill,        ///< -k
    reload,      ///< -r
    resume,      ///< -R: internal, started again by a runner or a reload
    version,     ///< -V
    defaults,    ///< -D
    check,       ///< --check
  };
  Verb verb = Verb::start;
  bool foreground = false;       ///< -f
  bool realtime = true;          ///< -l turns it off
  bool manage_resources = true;  ///< -M turns it off
  bool print_config = false;     ///< -v
  bool wiki = false;             ///< -W with -D
  unsigned debug = 0;            ///< number of -d
  std::string held;              ///< -C with -R: none|local|foreign|all
  std::string config_dir;        ///< --check -f DIR; empty = /etc/ha.d
};

/// nullopt: usage was printed, exit with exit_code::usage.
[[nodiscard]] std::optional<CommandLine> parse_command_line(int argc, char** argv);

/// The pid in the pid file if that process exists.
[[nodiscard]] std::optional<pid_t> running_daemon();

/// -s, -k and the signalling half of -r; each prints what 3.0.6 prints and returns its exit code.
[[nodiscard]] int print_status();
[[nodiscard]] int stop_daemon();
[[nodiscard]] int signal_reload(pid_t daemon);

/// -D and -v: tables that 3.0.6 prints.
void print_defaults(bool wiki);
void print_config(const core::Config& config);

}  // namespace hb::master
