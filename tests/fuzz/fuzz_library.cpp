// fuzz_library: whatever a daemon says, libhbclient's operations end, and soon
#include "clients/libhbclient/cluster.hpp"
#include "clients/libhbclient/ha_msg.hpp"

#include "core/api_frame.hpp"
#include "core/result.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using hb::clients::libhbclient::Cluster;

constexpr std::string_view sign_on_reply =
    ">>>\nt=hbapi-resp\nreqtype=signon\nresult=OK\ndeadtime=1770\nkeepalive=3e8\nnode=n1\n<<<\n";

/// What the daemon says to the next one who connects, and then nothing more.
std::string speech;

/// What a program would do with a message.
void use(ha_msg* message) {
  if (message == nullptr) return;
  std::size_t size = 0;
  cl_uuid_t uuid;
  for (const char* name : {"t", "src", "srcuuid", "child"}) {
    cl_get_string(message, name);
    cl_get_binary(message, name, &size);
    cl_get_uuid(message, name, &uuid);
    cl_get_struct(message, name);
  }
  ha_msg_del(ha_msg_copy(message));
  ha_msg_del(message);
}

void operate(Cluster& cluster, unsigned which) {
  std::array<char, 8> name{};
  cl_uuid_t uuid{};
  switch (which % 8) {
    case 0:
      cluster.init_nodewalk();
      while (const char* node = cluster.nextnode()) {
        cluster.node_status(node);
        cluster.node_type(node);
      }
      return;
    case 1:
      cluster.init_ifwalk("n2");
      while (const char* link = cluster.nextif()) cluster.if_status("n2", link);
      return;
    case 2: return std::free(cluster.get_parameter("deadtime"));
    case 3: return use(cluster.readmsg(0));
    case 4: return use(cluster.readmsg(1));
    case 5: return static_cast<void>(cluster.client_status("n2", "x", 1));
    case 6: return static_cast<void>(cluster.get_name_by_uuid(&uuid, name.data(), name.size()));
    default: return static_cast<void>(cluster.msgready() + cluster.node_weight("n2"));
  }
}

}  // namespace

/// In the place of the system's: connects to one who has said everything already. A thread that
/// plays the daemon would make each run a thousand times as long.
extern "C" int connect(int socket, const sockaddr*, socklen_t) {
  std::array<int, 2> ends{};
  ENSURE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
  ::send(ends[1], speech.data(), speech.size(), MSG_NOSIGNAL);
  ::shutdown(ends[1], SHUT_WR);
  static int other_end = -1;
  if (other_end >= 0) ::close(other_end);
  other_end = ends[1];  // kept open, so that what the client sends goes somewhere
  ENSURE(::dup2(ends[0], socket) == socket);
  return ::close(ends[0]);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 8) return 0;
  speech.clear();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (data[0] % 4 != 0)
    hb::core::append_api_frame(hb::core::as_bytes(sign_on_reply), speech);
  // The rest as it is, or in good frames of bodies that end with the classic end mark.
  std::string_view rest = text.substr(8);
  while (data[0] % 2 != 0 && !rest.empty()) {
    const std::size_t end = rest.find("<<<\n");
    const std::size_t length = end == rest.npos ? rest.size() : end + 4;
    if (length <= hb::core::limits::api_body_bytes)
      hb::core::append_api_frame(hb::core::as_bytes(rest.substr(0, length)), speech);
    rest.remove_prefix(length);
  }
  speech.append(rest);
  static int called;
  const auto began = std::chrono::steady_clock::now();
  Cluster cluster("/daemon", std::chrono::seconds{2});
  cluster.set_ifstatus_callback([](const char*, const char*, const char*, void*) { ++called; },
                                nullptr);
  cluster.set_msg_callback("test", [](ha_msg* message, void*) { use(ha_msg_copy(message)); },
                           nullptr);
  if (cluster.signon("x") == HA_OK)
    for (std::size_t i = 1; i < 8; ++i) operate(cluster, data[i]);
  cluster.signoff(1);
  ENSURE(std::chrono::steady_clock::now() - began < std::chrono::seconds{30});
  return 0;
}
