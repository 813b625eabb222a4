// counters: what the engine counts, as flat numbers with labels
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace hb::core {

/// One counter each; the board shows them under name_of().
enum class Counter : std::uint8_t {
  frames_in, frames_out, bytes_in, bytes_out,
  accepted, duplicates, stale, replays, for_others,
  no_frame, no_trailer, unknown_key, bad_digest, bad_frame, bad_header, unknown_node, impostor,
  lost, recovered, rexmit_asked, rexmit_answered, naks_sent, naks_received,
  acks_sent, acks_received, bad_acks,
  late_heartbeats, deaths, returns, restarts, own_pauses,
  refused_fifo, refused_client, refused_size, client_messages, hooks,
  count_
};

inline constexpr std::size_t counter_count = static_cast<std::size_t>(Counter::count_);

[[nodiscard]] constexpr std::string_view name_of(Counter counter) {
  constexpr std::array<std::string_view, counter_count> names = {
      "frames_in", "frames_out", "bytes_in", "bytes_out",
      "accepted", "duplicates", "stale", "replays", "for_others",
      "no_frame", "no_trailer", "unknown_key", "bad_digest", "bad_frame", "bad_header",
      "unknown_node", "impostor",
      "lost", "recovered", "rexmit_asked", "rexmit_answered", "naks_sent", "naks_received",
      "acks_sent", "acks_received", "bad_acks",
      "late_heartbeats", "deaths", "returns", "restarts", "own_pauses",
      "refused_fifo", "refused_client", "refused_size", "client_messages", "hooks"};
  return names[static_cast<std::size_t>(counter)];
}

class Counters {
 public:
  void add(Counter counter, std::uint64_t amount = 1) {
    values_[static_cast<std::size_t>(counter)] += amount;
  }
  [[nodiscard]] std::uint64_t operator[](Counter counter) const {
    return values_[static_cast<std::size_t>(counter)];
  }

 private:
  std::array<std::uint64_t, counter_count> values_{};
};

}  // namespace hb::core
