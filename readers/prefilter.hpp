// prefilter: what cannot be a frame, by length and first bytes; nothing is parsed here
#pragma once

#include "core/types.hpp"

#include <string_view>

namespace hb::readers {

/// Shorter than any signed frame (vector 93 with its 14 bytes is none), or without one of the two
/// marks: not worth a place in the ring. 3.0.6 drops these silently too (wire-protocol §1.5).
[[nodiscard]] inline bool may_be_frame(core::Bytes datagram) {
  constexpr std::size_t shortest = 24;
  const std::string_view text = core::as_text(datagram);
  return text.size() >= shortest && (text.starts_with("###\n") || text.starts_with(">>>\n"));
}

}  // namespace hb::readers
