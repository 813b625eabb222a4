// main: mgmtd's entry: command line, and dispatch of its re-executed children
#include "clients/mgmtd/asker.hpp"
#include "clients/mgmtd/certificate.hpp"
#include "clients/mgmtd/keeper.hpp"
#include "clients/mgmtd/mgmt_log.hpp"
#include "clients/mgmtd/options.hpp"
#include "clients/mgmtd/server.hpp"
#include "os/process.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

int main(int argc, char** argv) {
  using namespace hb::clients::mgmtd;
  open_log();
  if (const char* given = std::getenv(hb::os::role_variable)) {
    const std::string_view role{given};
    if (role == asker_role) return asker_main();
    if (role == server_role) return server_main();
  }
  const auto options = read_options(argc, argv);
  if (!options) {
    std::fprintf(stderr, "mgmtd: %s\n%s", options.error().text.c_str(), usage);
    return 2;
  }
  if (options->job == Options::Job::help) {
    std::fputs(usage, stdout);
    return 0;
  }
  if (::geteuid() != 0) {
    std::fputs("mgmtd: start it as root; it gives its rights up itself\n", stderr);
    return 4;
  }
  if (options->job == Options::Job::make_certificate) {
    const auto provided = provide_certificate(certificate_file, key_file);
    if (!provided) log(hb::core::LogLevel::error, provided.error().text);
    return provided ? 0 : 1;
  }
  return keeper_main(*options);
}
