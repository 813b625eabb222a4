// main: heartbeat's entry: role dispatch of re-executed children, command line, start and detaching
#include "core/version.hpp"
#include "master/adopt.hpp"
#include "master/command_line.hpp"
#include "master/config_files.hpp"
#include "master/master.hpp"
#include "os/file.hpp"
#include "os/paths.hpp"
#include "os/process.hpp"
#include "os/realtime.hpp"
#include "readers/reader.hpp"
#include "status/runner.hpp"
#include "status/status.hpp"
#include "writers/writer.hpp"

#include <fmt/core.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using hb::core::Severity;
using hb::master::CommandLine;
using hb::master::LoadedConfig;
namespace exit_code = hb::master::exit_code;

int child_main(std::string_view role) {
  if (role == "reader") return hb::readers::reader_main();
  if (role == "fifo") return hb::readers::fifo_main();
  if (role == "writer") return hb::writers::writer_main();
  if (role == "status") return hb::status::status_main();
  if (role == "runner") return hb::status::runner_main();
  fmt::print(stderr, "heartbeat: unknown role {}; this is for heartbeat's own use\n", role);
  return 64;
}

/// The exit code of a refused configuration: habit, 4 if a file could not be read for want of
/// rights.
int refused(const LoadedConfig& loaded) {
  return loaded.os_error == EACCES || loaded.os_error == EPERM ? exit_code::no_permission
                                                               : exit_code::bad_configuration;
}

/// Goes to the background; the parent waits for the readiness byte, so that the init script learns
/// how the start really went. Returns the pipe's write end in the child; exits in the parent.
hb::os::Fd detach() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return {};
  const pid_t child = ::fork();
  if (child < 0) {
    fmt::print(stderr, "heartbeat: cannot fork: {}\n", std::strerror(errno));
    std::exit(exit_code::bad_configuration);
  }
  if (child > 0) {
    ::close(ends[1]);
    unsigned char code = exit_code::bad_configuration;  // end of file: it died before it served
    if (::read(ends[0], &code, 1) != 1) code = exit_code::bad_configuration;
    std::_Exit(code);
  }
  ::close(ends[0]);
  ::setsid();
  return hb::os::Fd{ends[1]};
}

void quiet_standard_streams() {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd <= 2; ++fd) ::dup2(null, fd);
  if (null > 2) ::close(null);
}

/// In the environment, not on the command line: an older image, after a downgrade, ignores it.
constexpr const char* running_variable = "SYSTOLE_RUNNING";

/// The next image of the program, with the same pid: after an upgrade the installed one.
int execute_again(std::string held, const std::string& running) {
  std::string name = "heartbeat", resume = "-R", keep = "-C";
  std::array<char*, 5> arguments = {name.data(), resume.data(), nullptr, nullptr, nullptr};
  if (!held.empty()) {
    arguments[2] = keep.data();
    arguments[3] = held.data();
    ::setenv(running_variable, running.c_str(), 1);
  }
  ::execv(hb::os::paths::program, arguments.data());
  ::execv("/proc/self/exe", arguments.data());
  return exit_code::bad_configuration;
}

int serve(LoadedConfig loaded, const CommandLine& line, char** argv) {
  hb::os::tune_heap();
  hb::os::Fd image{::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)};
  if (!image.valid()) {
    fmt::print(stderr, "heartbeat: cannot open its own program: {}\n", std::strerror(errno));
    return exit_code::bad_configuration;
  }
  hb::os::Fd ready;
  if (!line.foreground && line.verb != CommandLine::Verb::resume) ready = detach();
  ::umask(022);
  if (::chdir(hb::os::paths::workdir) != 0 && ::chdir("/") != 0)
    return exit_code::bad_configuration;
  loaded.config.debug += line.debug;
  if (!line.realtime) loaded.config.realtime = false;
  if (!line.manage_resources) loaded.config.manages_resources = false;
  hb::os::set_title(argv, "heartbeat: master control process");

  hb::master::MasterSetup setup;
  setup.loaded = std::move(loaded);
  setup.image = std::move(image);
  setup.ready = std::move(ready);
  setup.held = line.held;
  for (unsigned i = 0; i < line.debug; ++i) setup.arguments.emplace_back("-d");
  if (!line.realtime) setup.arguments.emplace_back("-l");
  if (!line.manage_resources) setup.arguments.emplace_back("-M");
  setup.resumed = line.verb == CommandLine::Verb::resume;
  if (const char* running = std::getenv(running_variable); running != nullptr && setup.resumed) {
    setup.running = running;
  }
  ::unsetenv(running_variable);
  setup.detached = [] { quiet_standard_streams(); };
  hb::master::Master master{std::move(setup)};
  auto end = master.run();
  if (!end) {
    fmt::print(stderr, "heartbeat: {}\n", end.error().text);
    return exit_code::bad_configuration;
  }
  if (*end == hb::master::MasterEnd::stopped) return exit_code::good;
  if (*end != hb::master::MasterEnd::resume) return execute_again("", "");
  return execute_again(std::string{master.held()}, master.running());
}

int start(const CommandLine& line, char** argv) {
  const bool follows = line.verb == CommandLine::Verb::resume ||
                       (!hb::master::running_daemon() &&
                        hb::master::follows_a_crash(hb::os::paths::board, hb::os::boot_id()));
  LoadedConfig loaded = hb::master::load_config(
      hb::os::paths::ha_dir, follows ? hb::master::Devices::may_be_away
                                     : hb::master::Devices::must_exist);
  hb::master::print_findings(loaded, stderr);
  if (!loaded.usable()) {
    if (const auto pid = line.verb == CommandLine::Verb::reload ? hb::master::running_daemon()
                                                                : std::nullopt) {
      fmt::print(stderr, "heartbeat: Config errors: Heartbeat pid {} NOT restarted\n", *pid);
      const int code = refused(loaded);
      return code == exit_code::bad_configuration ? exit_code::stopped_with_pid_file : code;
    }
    return refused(loaded);
  }
  const auto pid = hb::master::running_daemon();
  switch (line.verb) {
    case CommandLine::Verb::reload:
      if (!pid) break;  // habit: -r starts a daemon that does not run
      fmt::print(stderr, "heartbeat: Signalling heartbeat pid {} to reread config files\n", *pid);
      return hb::master::signal_reload(*pid);
    case CommandLine::Verb::resume:
      if (!pid) {
        fmt::print(stderr, "ERROR: heartbeat is not running.\n");
        return exit_code::bad_configuration;
      }
      if (*pid != ::getpid()) {
        fmt::print(stderr, "ERROR: Heartbeat already running [pid {}].\n", *pid);
        return exit_code::stopped_with_pid_file;
      }
      break;
    default:
      if (line.print_config) hb::master::print_config(loaded.config);
      if (pid) {
        fmt::print(stderr, "heartbeat: already running [pid {}].\n", *pid);
        return exit_code::good;
      }
  }
  return serve(std::move(loaded), line, argv);
}

int check(const CommandLine& line) {
  const auto loaded = hb::master::load_config(line.config_dir.empty() ? hb::os::paths::ha_dir
                                                                      : line.config_dir.c_str());
  hb::master::print_check(loaded, stdout);
  if (!loaded.usable()) return 2;
  return loaded.findings.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (const char* role = std::getenv("SYSTOLE_ROLE")) return child_main(role);
  const auto line = hb::master::parse_command_line(argc, argv);
  if (!line) return exit_code::usage;
  switch (line->verb) {
    case CommandLine::Verb::status: return hb::master::print_status();
    case CommandLine::Verb::kill: return hb::master::stop_daemon();
    case CommandLine::Verb::version:
      fmt::print("{}\n", hb::core::full_version);
      return exit_code::good;
    case CommandLine::Verb::defaults:
      hb::master::print_defaults(line->wiki);
      return exit_code::good;
    case CommandLine::Verb::check: return check(*line);
    case CommandLine::Verb::start:
    case CommandLine::Verb::reload:
    case CommandLine::Verb::resume: return start(*line, argv);
  }
  return exit_code::usage;
}
