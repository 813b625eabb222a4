// hbclient: the client side of the API: sign-on, queries, walks, messages; no wait without limit
#pragma once

#include "core/api_frame.hpp"
#include "core/message.hpp"
#include "core/result.hpp"
#include "os/fd.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hb::clients {

using Milliseconds = std::chrono::milliseconds;

/// The register socket: /run/heartbeat/register, or what HEARTBEAT_API_SOCKET names unless the
/// program is set-id (tests run a daemon of their own).
[[nodiscard]] std::string register_socket();

/// What the daemon tells at sign-on, even when it refuses (client-api §2.2). Empty or nothing: not
/// told.
struct DaemonFacts {
  std::optional<Milliseconds> deadtime, keepalive;
  std::string node, version, pacemaker;
  int logfacility = -1;
};

struct NodeEntry {
  std::string name, type, status;
};
struct LinkEntry {
  std::string name, status;
};

/// One connection to the local daemon. Not thread-safe. Every call that waits gives up after
/// `patience` in all, and leaves the connection unusable then, since the late answer could be
/// taken for the next one's (client-api §1.5). Only client_status, whose limit is often short,
/// leaves it usable.
class HbClient {
 public:
  explicit HbClient(std::string socket_path, Milliseconds patience = std::chrono::seconds{30});

  /// Signs on as `id`, or as a casual client if empty. The error's text is the daemon's reason, or
  /// why it cannot be reached; facts() may be filled nevertheless.
  [[nodiscard]] core::Result<void> sign_on(std::string_view id);
  /// Never waits.
  void sign_off();
  /// Tells the daemon, but keeps the socket, for a main loop that still polls it.
  void say_signoff();
  [[nodiscard]] bool is_signed_on() const { return signed_on_; }
  [[nodiscard]] const DaemonFacts& facts() const { return facts_; }

  /// In the daemon's order: as in ha.cf. (The walks of the C interface go backwards.)
  [[nodiscard]] core::Result<std::vector<NodeEntry>> nodes();
  /// Each link name once.
  [[nodiscard]] core::Result<std::vector<LinkEntry>> links(std::string_view node);

  /// A request with up to two arguments that is answered by one field, named `field`; an error's
  /// text is the daemon's `info`.
  struct Argument {
    std::string_view name, value;
  };
  [[nodiscard]] core::Result<std::string> ask(std::string_view request, std::string_view field,
                                              std::initializer_list<Argument> arguments);

  [[nodiscard]] core::Result<std::string> node_status(std::string_view node);
  [[nodiscard]] core::Result<std::string> node_type(std::string_view node);
  [[nodiscard]] core::Result<std::string> node_weight(std::string_view node);
  [[nodiscard]] core::Result<std::string> node_site(std::string_view node);
  [[nodiscard]] core::Result<std::string> link_status(std::string_view node,
                                                      std::string_view link);
  /// `hbversion` and `pacemaker` come from the sign-on. Unset: an error without text.
  [[nodiscard]] core::Result<std::string> parameter(std::string_view name);
  [[nodiscard]] core::Result<std::string> resources();
  /// Waits up to `limit`: another node's answer comes through the cluster (client-api §2.4).
  [[nodiscard]] core::Result<std::string> client_status(std::string_view node, std::string_view id,
                                                        Milliseconds limit);

  /// The fields that every request begins with, for request().
  [[nodiscard]] core::Message begin(std::string_view type) const;
  /// Any request; the replies of a list in order. For the rest of the C interface.
  [[nodiscard]] core::Result<std::vector<core::Message>> request(core::Message request);
  /// A message for the cluster, as it is. At once: what the socket does not take is kept, and
  /// nothing more is accepted (EAGAIN) until flush() got rid of it.
  enum class Sending : std::uint8_t { wait, at_once };
  [[nodiscard]] core::Result<void> send(const core::Message& message,
                                        Sending sending = Sending::wait);
  /// Sends what is kept, as far as the socket takes it now.
  void flush();
  [[nodiscard]] bool is_sending_blocked() const { return !unsent_.empty(); }
  /// The next message that is no reply; nothing if none comes within `limit`.
  [[nodiscard]] core::Result<std::optional<core::Message>> receive(Milliseconds limit);
  /// True if receive() has a message for us; never waits.
  [[nodiscard]] bool is_message_ready();
  /// False once the connection is lost, as far as reading told.
  [[nodiscard]] bool is_connected() const { return static_cast<bool>(socket_); }
  [[nodiscard]] int socket() const { return socket_.get(); }

 private:
  using Deadline = std::chrono::steady_clock::time_point;

  core::Result<void> connect(Deadline deadline);
  core::Result<void> transmit(const core::Message& message, Deadline deadline);
  core::Result<void> append_unsent(const core::Message& message);
  core::Result<void> push_out(Deadline deadline);
  core::Result<void> drop_late_answers();
  void keep(core::Message message);
  core::Result<std::optional<core::Message>> next(Deadline deadline);
  core::Result<core::Message> next_reply(Deadline deadline);
  core::Error broken(std::string text);

  std::string path_;
  Milliseconds patience_;
  os::Fd socket_;
  bool signed_on_ = false;
  std::string id_;
  DaemonFacts facts_;
  core::ApiFrameReader reader_;
  std::string unsent_;
  bool late_status_ = false;  ///< a clientstatus was given up; its answer may still come
  std::deque<core::Message> unasked_;
};

}  // namespace hb::clients
