// config_text: words, numbers, times and addresses as configuration files write them
#pragma once

#include "core/types.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hb::core {

/// A word of a line and where it begins, from 1.
struct Word {
  std::string_view text;
  std::size_t column = 1;
};

/// Blank, tab, CR, LF, FF and VT; never by locale.
[[nodiscard]] bool is_blank(char character);
[[nodiscard]] bool is_digit(char character);

/// Splits at blanks and at any character of `more`; no empty words. `column`: that of text[0].
[[nodiscard]] std::vector<Word> words_of(std::string_view text, std::size_t column = 1,
                                         std::string_view more = {});
/// Without the blanks at both ends; the column moves along.
[[nodiscard]] Word trimmed(Word word);

[[nodiscard]] std::string lower(std::string_view text);
[[nodiscard]] bool same_without_case(std::string_view left, std::string_view right);

/// For messages: control bytes as \xNN, cut after 80 characters.
[[nodiscard]] std::string printable(std::string_view text);

/// Takes the text before the next LF (or all of it) from the front of `rest`; the LF is dropped.
[[nodiscard]] std::string_view take_line(std::string_view& rest);

/// A time of ha.cf (configuration §2.1): digits and dots, then nothing (seconds), "ms..." or
/// "us..."; rounded half up to whole milliseconds. nullopt: no such time, or longer than ten years.
[[nodiscard]] std::optional<Duration> parse_time(std::string_view text);

/// The same, or whole numbers with s, m or h: "30s", "5m", "1h".
[[nodiscard]] std::optional<Duration> parse_span(std::string_view text);

/// true on yes y 1 / false off no n 0, in any case.
[[nodiscard]] std::optional<bool> parse_boolean(std::string_view text);

/// C's atoi, which 3.0.6 uses: a sign and the leading digits, 0 without any, clamped to 32 bits.
[[nodiscard]] int leading_integer(std::string_view text);
/// Whether leading_integer() takes all of the text and there is a digit.
[[nodiscard]] bool is_integer(std::string_view text);

/// Numeric addresses as inet_pton reads them.
[[nodiscard]] bool is_ipv4(std::string_view text);
[[nodiscard]] bool is_ipv6(std::string_view text);
/// 224.0.0.0/4 and ff00::/8.
[[nodiscard]] bool is_ipv4_multicast(std::string_view text);
[[nodiscard]] bool is_ipv6_multicast(std::string_view text);

/// "a, b, c"
[[nodiscard]] std::string join(const std::vector<std::string>& words, std::string_view separator);

}  // namespace hb::core
