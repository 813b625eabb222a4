// header: the cluster fields of a message, read in one pass and written in 3.0.6's order
#pragma once

#include "core/message.hpp"
#include "core/result.hpp"
#include "core/types.hpp"

#include <optional>
#include <string_view>

namespace hb::core {

/// The fields that every message carries (wire-protocol §2), as views into the Message.
struct Header {
  std::string_view type, source, dest;
  std::optional<Uuid> source_uuid, dest_uuid;
  std::optional<Seqno> seqno;
  Generation generation{};  ///< missing = 0
  /// True unless the type begins with `NS_`.
  [[nodiscard]] bool is_sequenced() const { return !type.starts_with("NS_"); }
};

/// Errors: `t`, `src` or `ts` missing, `seq` missing or 0 in a sequenced message (§5.1).
[[nodiscard]] Result<Header> read_header(const Message& message);

/// Who sends what to whom.
struct Stamp {
  std::string_view source;
  Uuid source_uuid;
  Seqno seqno;
  Generation generation;
  WallTime wall;
  std::size_t ttl;
  std::optional<Uuid> dest_uuid;
};

/// All header fields, overwritten in place where they are, else appended in the order of §2.
void stamp_sequenced(Message& message, const Stamp& stamp);
/// For `NS_` types: no seq, no ld; what is there already stays.
void stamp_unsequenced(Message& message, const Stamp& stamp);

}  // namespace hb::core
