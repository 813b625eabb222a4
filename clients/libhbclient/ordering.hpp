// ordering: received messages that carry an order number, put back into the order of their sending
#pragma once

#include "core/message.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace hb::clients::libhbclient {

/// The cluster delivers every packet, but not in order. A sender numbers its ordered messages
/// (`oseq`, from 1) for all nodes and for each single node; what came too early is held back here
/// (client-api §2.6). Each held message waits `patience` at most, and of one sender `held_limit`.
class Ordering {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds patience{10};  // far above the cluster's retransmissions
  static constexpr std::size_t held_limit = 256;
  static constexpr std::size_t stream_limit = 1024;  // beyond, messages pass as they come

  void accept(core::Message message, Time now);
  /// The next message in order.
  [[nodiscard]] std::optional<core::Message> take(Time now);
  /// True if take() has one now.
  [[nodiscard]] bool is_ready(Time now);
  /// When a held message must be let go at the latest; nothing if none is held.
  [[nodiscard]] std::optional<Time> deadline() const;

 private:
  struct Stream {
    std::uint64_t client_generation = 0, node_generation = 0, next = 1;
    std::map<std::uint64_t, core::Message> held;
    Time since{};  ///< when the oldest of the held ones came
  };
  struct Key {
    std::string node, client;
    bool to_one_node;
    auto operator<=>(const Key&) const = default;
  };

  void accept_numbered(core::Message message, std::uint64_t number, Time now);
  void join(const core::Message& message);
  void forget(const core::Message& message);
  void release(Stream& stream);
  void advance(Stream& stream);
  void expire(Time now);

  std::map<Key, Stream> streams_;
  std::deque<core::Message> ready_;
};

}  // namespace hb::clients::libhbclient
