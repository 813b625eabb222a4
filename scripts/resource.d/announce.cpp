// announce: tell the neighbours of a new service address at once, and again from a detached child
#include "scripts/resource.d/announce.hpp"

#include "os/neighbours.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>

namespace hb::scripts {
namespace {

using namespace std::chrono_literals;

/// Repeats come 0.1, 0.5, 1 and 2 s after the first.
constexpr std::array<std::chrono::nanoseconds, 4> pauses{100ms, 400ms, 500ms, 1000ms};

void wait_for(std::chrono::nanoseconds pause) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(pause);
  timespec left{seconds.count(), (pause - seconds).count()};
  while (::nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

bool still_held(os::Netlink& netlink, const os::IpAddress& address, os::InterfaceIndex where) {
  const auto held = netlink.addresses();
  return held && std::any_of(held->begin(), held->end(), [&](const os::HeldAddress& entry) {
           return entry.address == address && entry.interface == where;
         });
}

/// Whoever called us waits for the end of our output: nothing of it may stay open here, and the
/// working directory could keep a file system from being unmounted.
void let_go_of_the_caller() {
  ::setsid();
  ::close_range(0, ~0U, 0);
  if (::chdir("/") != 0) ::_exit(1);
}

void stand_on_dev_null() {
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::open("/dev/null", O_RDWR) != standard) ::_exit(1);
  ::prctl(PR_SET_NAME, "announce");
}

/// Little happens before the first pause: the caller's exit must not wait for a processor.
[[noreturn]] void repeat(const os::IpAddress& address, const os::Interface& interface,
                         bool is_router) {
  let_go_of_the_caller();
  wait_for(pauses.front());
  stand_on_dev_null();
  auto netlink = os::Netlink::open();
  const auto announcer = os::Announcer::open(address, interface, is_router);
  if (!netlink || !announcer) ::_exit(1);
  for (std::size_t next = 1; still_held(*netlink, address, interface.index); ++next) {
    // a full queue may take the next one; an address that is gone ends the loop
    [[maybe_unused]] const auto sent = announcer->send();
    if (next == pauses.size()) break;
    wait_for(pauses[next]);
  }
  ::_exit(0);
}

}  // namespace

core::Result<void> announce(const os::IpAddress& address, const os::Interface& interface) {
  if (!interface.hardware) return {};
  const bool is_router = address.family == os::Family::v6 && os::forwards_v6(interface);
  const auto announcer = os::Announcer::open(address, interface, is_router);
  if (!announcer) return announcer.error();
  auto first = announcer->send();
  const pid_t child = ::fork();
  if (child == 0) repeat(address, interface, is_router);
  if (child < 0)
    return core::Error{std::string("cannot repeat the announcement: ") + std::strerror(errno),
                       errno};
  return first;
}

}  // namespace hb::scripts
