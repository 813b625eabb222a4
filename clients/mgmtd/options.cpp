// options: the command line of mgmtd
#include "clients/mgmtd/options.hpp"

#include <getopt.h>

#include <array>

namespace hb::clients::mgmtd {

const char* const usage =
    "usage: mgmtd [--tls [ADDRESS:]PORT | --no-tls] [--http [ADDRESS:]PORT] [--make-certificate]\n"
    "  --tls               where management clients connect (default: all addresses, port 5560)\n"
    "  --no-tls            only the local socket /run/heartbeat/mgmt\n"
    "  --http              a read-only web page of the cluster, as 127.0.0.1:5561 (default: none)\n"
    "  --make-certificate  make key and certificate if there are none, and end\n"
    "Start it as root: it gives its rights up itself. See mgmtd(8).\n";

core::Result<Options> read_options(int argc, char** argv) {
  constexpr std::array<option, 7> known{{{"tls", required_argument, nullptr, 't'},
                                         {"no-tls", no_argument, nullptr, 'n'},
                                         {"http", required_argument, nullptr, 'w'},
                                         {"local-socket", required_argument, nullptr, 'l'},
                                         {"make-certificate", no_argument, nullptr, 'c'},
                                         {"help", no_argument, nullptr, 'h'},
                                         {nullptr, 0, nullptr, 0}}};
  Options options;
  for (int found = 0; (found = ::getopt_long(argc, argv, "h", known.data(), nullptr)) != -1;) {
    if (found == 't' || found == 'w') {
      auto endpoint = parse_endpoint(::optarg);
      if (!endpoint) return std::move(endpoint.error()).in(found == 't' ? "--tls" : "--http");
      // A bare port is no wish to show the cluster to everybody.
      if (found == 'w' && endpoint->address.empty() &&
          std::string_view{::optarg}.find(':') == std::string_view::npos)
        endpoint->address = "127.0.0.1";
      (found == 't' ? options.tls : options.http) = *endpoint;
    } else if (found == 'n') {
      options.tls.reset();
    } else if (found == 'l') {
      options.local_socket = ::optarg;
    } else if (found == 'c') {
      options.job = Options::Job::make_certificate;
    } else if (found == 'h') {
      options.job = Options::Job::help;
    } else {
      return core::Error{"wrong usage"};
    }
  }
  if (::optind < argc) return core::Error{std::string(argv[::optind]) + ": takes no arguments"};
  return options;
}

}  // namespace hb::clients::mgmtd
