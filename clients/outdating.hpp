// outdating: dopd's decisions: whose copy of a DRBD resource is to be marked outdated, who is told
#pragma once

#include "core/engine_io.hpp"
#include "core/message.hpp"
#include "core/result.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hb::clients {

/// What drbd-peer-outdater exits with; DRBD acts by it. Values of 3.0.6 (client-api §5.5).
namespace outdated {
inline constexpr unsigned peer_inconsistent = 3, peer_outdated = 4, peer_unreachable = 5,
                          peer_primary = 6, failed = 20, asked_already = 21;
}

/// A request of a local program.
struct OutdateRequest {
  std::string peer, resource;
};
/// Of `t=outdater`; the error tells what is wrong. Names come from a socket that a whole group may
/// write to, and end as arguments of a program that may run with root's rights.
[[nodiscard]] core::Result<OutdateRequest> read_outdate_request(const core::Message& message);
/// Letters, digits and `._-:+`, not beginning with a minus sign: what DRBD accepts and no more.
[[nodiscard]] bool is_resource_name(std::string_view name);
/// What the end of `drbdadm outdate` means for the other node.
[[nodiscard]] unsigned outdated_value(bool signaled, int exit_code);

/// Who asked what, without I/O: each call answers with what shall be done.
class Outdating {
 public:
  explicit Outdating(std::string node) : node_{std::move(node)} {}

  /// One connection of a local program.
  using ClientNumber = core::Strong<struct OutdaterTag, std::uint64_t>;
  enum class PeerState : std::uint8_t { alive, is_us, absent };

  struct Answer {  ///< to a local program
    ClientNumber client;
    unsigned value;
  };
  struct Tell {  ///< to a node's dopd: outdate it, or, with a value, how that went
    std::string node, resource;
    std::optional<unsigned> value;
  };
  struct Run {  ///< drbdadm outdate RESOURCE
    std::string resource;
  };
  struct Note {
    core::LogLevel level;
    std::string text;
  };
  using Order = std::variant<Answer, Tell, Run, Note>;
  using Orders = std::vector<Order>;

  [[nodiscard]] Orders asked(ClientNumber client, const OutdateRequest& request, PeerState state);
  /// A message of the cluster.
  [[nodiscard]] Orders heard(const core::Message& message);
  /// The end of a Run.
  [[nodiscard]] Orders ran(const std::string& resource, bool signaled, int exit_code);
  /// As the wire has it.
  [[nodiscard]] core::Message message_of(const Tell& tell) const;
  /// The program does not wait any more.
  void gone(ClientNumber client);

  /// Resources that are outdated here at a time; DRBD itself has rarely more in all.
  static constexpr std::size_t most_runs = 32;

 private:
  struct Waiting {
    ClientNumber client;
    std::string peer;
  };

  [[nodiscard]] Orders start(const std::string& node, std::string_view resource);
  [[nodiscard]] Orders finish(const std::string& node, const core::Message& message);
  std::string node_;
  std::map<std::string, Waiting> waiting_;                  ///< by resource: asked of other nodes
  std::map<std::string, std::vector<std::string>> running_; ///< by resource: nodes that asked us
};

}  // namespace hb::clients
