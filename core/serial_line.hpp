// serial_line: limits of what travels on a serial line, the same for sender and receiver
#pragma once

#include <cstddef>

namespace hb::core::serial_line {

/// The longest message: nine seconds of a line at 38400 baud. A longer one would keep heartbeats
/// waiting beyond any sensible dead time, and other links carry it.
inline constexpr std::size_t message_bytes = 32 << 10;

/// A byte on the line: start bit, eight data bits, stop bit.
inline constexpr unsigned bits_a_byte = 10;

}  // namespace hb::core::serial_line
