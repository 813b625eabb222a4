// main: IPaddr, IPaddr2 and IPv6addr, resource scripts that add or drop a service address
#include "os/netlink.hpp"
#include "scripts/resource.d/address.hpp"
#include "scripts/resource.d/announce.hpp"
#include "scripts/resource.d/place.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace hb;
using scripts::Flavour;
using scripts::ServiceAddress;

/// Where LSB and OCF speak of the same case they agree on these.
enum class Exit : int {
  success = 0,
  failed = 1,
  bad_arguments = 2,
  unimplemented = 3,
  no_permission = 4,
  not_configured = 6,
  not_running = 7,
};

constexpr const char* meta_data = R"(<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd">
<resource-agent name="%s" version="1.0">
<version>1.0</version>
<longdesc lang="en">Adds or drops a service address and announces it to the neighbours.</longdesc>
<shortdesc lang="en">service address</shortdesc>
<parameters>
<parameter name="1" unique="1" required="1">
<longdesc lang="en">ip[/bits[/interface[:label]][/broadcast]] or ip/bits/broadcast</longdesc>
<shortdesc lang="en">address</shortdesc>
<content type="string" default=""/>
</parameter>
</parameters>
<actions>
<action name="start" timeout="20s"/>
<action name="stop" timeout="20s"/>
<action name="status" timeout="20s" interval="10s"/>
<action name="monitor" timeout="20s" interval="10s"/>
<action name="validate-all" timeout="5s"/>
<action name="meta-data" timeout="5s"/>
</actions>
</resource-agent>
)";

/// One call of the program: who is asked, for what.
struct Call {
  Flavour flavour;
  std::string text;
  ServiceAddress wanted;
};

Exit complain(const Call& call, const core::Error& error, Exit code = Exit::failed) {
  const bool forbidden = error.os_error == EPERM || error.os_error == EACCES;
  std::fprintf(stderr, "ERROR: %s: %s: %s%s\n", std::string(name_of(call.flavour)).c_str(),
               call.text.c_str(), error.text.c_str(), forbidden ? "; run it as root" : "");
  return forbidden ? Exit::no_permission : code;
}

/// Dropping a primary IPv4 address takes its secondaries along unless the kernel may promote
/// them: without this, stopping one service address could take another one down.
void keep_secondaries(os::Netlink& netlink, const os::HeldAddress& going,
                      const std::vector<os::HeldAddress>& held) {
  if (going.address.family != os::Family::v4 || going.secondary) return;
  const bool has_secondary = std::any_of(held.begin(), held.end(), [&](const auto& entry) {
    return entry.secondary && entry.interface == going.interface && entry.bits == going.bits &&
           scripts::same_network(entry.address, going.address, going.bits);
  });
  if (!has_secondary) return;
  const auto interface = netlink.interface(going.interface);
  if (!interface || !*interface) return;
  const std::string setting = "/proc/sys/net/ipv4/conf/" + (*interface)->name;
  const os::Fd file(::open((setting + "/promote_secondaries").c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), "1", 1) != 1)
    std::fprintf(stderr, "WARN: %s: other addresses of the network may go with %s\n",
                 (*interface)->name.c_str(), text_of(going.address).c_str());
}

Exit success() {
  std::puts("INFO:  Success");
  return Exit::success;
}

Exit start(os::Netlink& netlink, const Call& call, const std::vector<os::HeldAddress>& held) {
  auto mine = holdings(netlink, call.wanted, held);
  if (!mine) return complain(call, mine.error());
  std::optional<os::Interface> where;
  for (const auto& entry : *mine) {
    if (entry.dad_failed) {
      if (auto gone = netlink.drop(entry); !gone) return complain(call, gone.error());
    } else if (auto interface = netlink.interface(entry.interface); interface && *interface) {
      where = std::move(**interface);
    }
  }
  if (!where) {
    auto place = find_place(netlink, call.wanted, held);
    if (!place) return complain(call, place.error(), Exit::not_configured);
    auto broadcast = call.wanted.broadcast;
    if (!broadcast) broadcast = scripts::broadcast_of(call.wanted.address, place->bits);
    const auto added = netlink.add({call.wanted.address, place->bits, place->interface.index,
                                    broadcast, call.wanted.label});
    if (!added) return complain(call, added.error());
    where = std::move(place->interface);
  }
  if (const auto told = scripts::announce(call.wanted.address, *where); !told)
    std::fprintf(stderr, "WARN: %s\n", told.error().text.c_str());
  return success();
}

Exit stop(os::Netlink& netlink, const Call& call, const std::vector<os::HeldAddress>& held) {
  const auto mine = holdings(netlink, call.wanted, held);
  if (!mine) return complain(call, mine.error());
  for (const auto& entry : *mine) {
    keep_secondaries(netlink, entry, held);
    if (const auto gone = netlink.drop(entry); !gone) return complain(call, gone.error());
  }
  return success();
}

Exit status(os::Netlink& netlink, const Call& call, const std::vector<os::HeldAddress>& held) {
  const auto mine = holdings(netlink, call.wanted, held);
  if (!mine) return complain(call, mine.error());
  const bool runs = std::any_of(mine->begin(), mine->end(),
                                [](const os::HeldAddress& entry) { return !entry.dad_failed; });
  // habit: "Running" and "OK" are what callers look for in this text
  std::puts(runs ? "INFO:  Running OK" : "INFO:  Resource is stopped");
  return runs ? Exit::success : Exit::not_running;
}

Exit validate(os::Netlink& netlink, const Call& call, const std::vector<os::HeldAddress>& held) {
  const auto place = find_place(netlink, call.wanted, held);
  return place ? success() : complain(call, place.error(), Exit::not_configured);
}

using Operation = Exit (*)(os::Netlink&, const Call&, const std::vector<os::HeldAddress>&);
constexpr std::pair<std::string_view, Operation> operations[] = {
    {"start", start},    {"stop", stop},          {"status", status},
    {"monitor", status}, {"validate-all", validate},
};

void print_usage(std::FILE* to, Flavour flavour) {
  std::fprintf(to,
               "usage: %s ip[/bits[/interface[:label]][/broadcast]] "
               "{start|stop|status|monitor|validate-all|meta-data|usage}\n",
               std::string(name_of(flavour)).c_str());
}

Exit run(Flavour flavour, const std::vector<std::string_view>& words) {
  const std::string_view last = words.empty() ? std::string_view{} : words.back();
  if (last == "meta-data") {
    std::printf(meta_data, std::string(name_of(flavour)).c_str());
    return Exit::success;
  }
  if (last == "usage" || last == "help" || last == "--help") {
    print_usage(stdout, flavour);
    return Exit::success;
  }
  const auto known = [last](const auto& entry) { return entry.first == last; };
  const auto found = std::find_if(std::begin(operations), std::end(operations), known);
  if (words.size() != 2 || found == std::end(operations)) {
    print_usage(stderr, flavour);
    const bool strange = words.size() == 2 && found == std::end(operations);
    return strange ? Exit::unimplemented : Exit::bad_arguments;
  }
  Call call{flavour, std::string(words[0].substr(0, 200)), {}};
  auto wanted = scripts::parse_service_address(words[0], flavour);
  if (!wanted) return complain(call, wanted.error(), Exit::bad_arguments);
  call.wanted = std::move(*wanted);
  auto netlink = os::Netlink::open();
  if (!netlink) return complain(call, netlink.error());
  const auto held = netlink->addresses();
  if (!held) return complain(call, held.error());
  return found->second(*netlink, call, *held);
}

}  // namespace

int main(int count, char** arguments) {
  const std::string_view program = count > 0 ? arguments[0] : "IPaddr2";
  const std::vector<std::string_view> words(arguments + (count > 0 ? 1 : 0), arguments + count);
  return static_cast<int>(run(scripts::flavour_of(program), words));
}
