// config_text: words, numbers, times and addresses as configuration files write them
#include "core/config_text.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <limits>

namespace hb::core {

namespace {

/// Ten years, for those who write 99999999 for "for ever"; keeps sums of times far from overflow.
constexpr Duration longest_time = std::chrono::hours{24 * 3653};

constexpr std::size_t printable_limit = 80;

char lower(char character) {
  const bool is_upper = character >= 'A' && character <= 'Z';
  return is_upper ? static_cast<char>(character - 'A' + 'a') : character;
}

bool begins_without_case(std::string_view text, std::string_view beginning) {
  return text.size() >= beginning.size() &&
         std::equal(beginning.begin(), beginning.end(), text.begin(),
                    [](char wanted, char given) { return wanted == lower(given); });
}

bool is_hex_digit(char character) {
  return is_digit(character) || (lower(character) >= 'a' && lower(character) <= 'f');
}

/// `number` (digits, at most the first dot counts) times `unit`, cut below a nanosecond.
std::optional<Duration> scaled(std::string_view number, Duration unit) {
  std::int64_t nanoseconds = 0;
  std::size_t at = 0;
  for (; at < number.size() && number[at] != '.'; ++at) {
    nanoseconds = nanoseconds * 10 + (number[at] - '0') * unit.count();
    if (nanoseconds > longest_time.count()) return std::nullopt;
  }
  std::int64_t place = unit.count() / 10;
  for (++at; at < number.size() && number[at] != '.'; ++at, place /= 10) {
    nanoseconds += (number[at] - '0') * place;
  }
  return Duration{nanoseconds};
}

/// The groups of one side of "::" (or all): 1 to 4 hexadecimal digits each, the last one may be a
/// dotted quad, which counts twice. nullopt: not such a list.
std::optional<std::size_t> count_groups(std::string_view text, bool quad_allowed) {
  std::size_t count = 0;
  while (!text.empty()) {
    const auto colon = text.find(':');
    const auto group = text.substr(0, colon);
    const bool last = colon == std::string_view::npos;
    if (last && quad_allowed && is_ipv4(group)) return count + 2;
    if (group.empty() || group.size() > 4) return std::nullopt;
    if (!std::all_of(group.begin(), group.end(), is_hex_digit)) return std::nullopt;
    ++count;
    if (last) break;
    text.remove_prefix(colon + 1);
    if (text.empty()) return std::nullopt;
  }
  return count;
}

}  // namespace

bool is_blank(char character) {
  return character == ' ' || (character >= '\t' && character <= '\r');
}

bool is_digit(char character) {
  return character >= '0' && character <= '9';
}

std::vector<Word> words_of(std::string_view text, std::size_t column, std::string_view more) {
  const auto separates = [&](char character) {
    return is_blank(character) || more.find(character) != std::string_view::npos;
  };
  std::vector<Word> words;
  for (std::size_t at = 0; at < text.size();) {
    if (separates(text[at])) {
      ++at;
      continue;
    }
    std::size_t end = at;
    while (end < text.size() && !separates(text[end])) ++end;
    words.push_back({text.substr(at, end - at), column + at});
    at = end;
  }
  return words;
}

Word trimmed(Word word) {
  while (!word.text.empty() && is_blank(word.text.front())) {
    word.text.remove_prefix(1);
    ++word.column;
  }
  while (!word.text.empty() && is_blank(word.text.back())) word.text.remove_suffix(1);
  return word;
}

std::string lower(std::string_view text) {
  std::string result{text};
  for (char& character : result) character = lower(character);
  return result;
}

bool same_without_case(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char one, char other) { return lower(one) == lower(other); });
}

std::string printable(std::string_view text) {
  std::string result;
  for (const char character : text.substr(0, printable_limit)) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x20 || byte == 0x7f) {
      result += fmt::format("\\x{:02x}", byte);
    } else {
      result += character;
    }
  }
  if (text.size() > printable_limit) result += "...";
  return result;
}

std::string_view take_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  const auto line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

std::optional<Duration> parse_time(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && (is_digit(text[end]) || text[end] == '.')) ++end;
  const auto number = text.substr(0, end), unit = text.substr(end);
  if (std::none_of(number.begin(), number.end(), is_digit)) return std::nullopt;

  std::optional<Duration> exact;
  // habit: what follows "ms" or "us" is not looked at ("msec", "usecs")
  if (unit.empty()) {
    exact = scaled(number, std::chrono::seconds{1});
  } else if (begins_without_case(unit, "ms")) {
    exact = scaled(number, std::chrono::milliseconds{1});
  } else if (begins_without_case(unit, "us")) {
    exact = scaled(number, std::chrono::microseconds{1});
  }
  if (!exact || *exact > longest_time) return std::nullopt;
  return std::chrono::floor<std::chrono::milliseconds>(*exact + std::chrono::microseconds{500});
}

std::optional<Duration> parse_span(std::string_view text) {
  if (const auto time = parse_time(text)) return time;
  if (text.empty()) return std::nullopt;
  const char unit = text.back();
  text.remove_suffix(1);
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
  const auto seconds = parse_time(text);
  if (!seconds) return std::nullopt;
  const int factor = unit == 's' ? 1 : unit == 'm' ? 60 : unit == 'h' ? 3600 : 0;
  // A time is ten years at most, so that this cannot overflow by much more than its check.
  if (factor == 0 || *seconds > std::chrono::hours{24 * 366} * 10 / factor) return std::nullopt;
  return *seconds * factor;
}

std::optional<bool> parse_boolean(std::string_view text) {
  constexpr std::array<std::string_view, 5> yes{"true", "on", "yes", "y", "1"};
  constexpr std::array<std::string_view, 5> no{"false", "off", "no", "n", "0"};
  const std::string word = lower(text);
  if (std::find(yes.begin(), yes.end(), word) != yes.end()) return true;
  if (std::find(no.begin(), no.end(), word) != no.end()) return false;
  return std::nullopt;
}

int leading_integer(std::string_view text) {
  const bool negative = !text.empty() && text.front() == '-';
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  std::int64_t value = 0;
  for (const char character : text) {
    if (!is_digit(character)) break;
    value = std::min<std::int64_t>(value * 10 + (character - '0'),
                                   std::numeric_limits<int>::max());
  }
  return static_cast<int>(negative ? -value : value);
}

bool is_integer(std::string_view text) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

bool is_ipv4(std::string_view text) {
  for (int part = 0; part < 4; ++part) {
    const auto dot = text.find('.');
    if ((dot == std::string_view::npos) != (part == 3)) return false;
    const auto number = text.substr(0, dot);
    if (number.empty() || number.size() > 3) return false;
    if (!std::all_of(number.begin(), number.end(), is_digit)) return false;
    if (number.size() > 1 && number.front() == '0') return false;
    if (leading_integer(number) > 255) return false;
    text.remove_prefix(part == 3 ? text.size() : dot + 1);
  }
  return true;
}

bool is_ipv6(std::string_view text) {
  constexpr std::size_t groups = 8;
  const auto gap = text.find("::");
  if (gap == std::string_view::npos) return count_groups(text, true) == groups;
  const auto before = count_groups(text.substr(0, gap), false);
  const auto after = count_groups(text.substr(gap + 2), true);
  return before && after && *before + *after < groups;
}

bool is_ipv4_multicast(std::string_view text) {
  const int first = leading_integer(text);
  return is_ipv4(text) && first >= 224 && first <= 239;
}

bool is_ipv6_multicast(std::string_view text) {
  return is_ipv6(text) && text.size() > 4 && text[4] == ':' && begins_without_case(text, "ff");
}

std::string join(const std::vector<std::string>& words, std::string_view separator) {
  std::string result;
  for (const std::string& word : words) {
    if (!result.empty()) result += separator;
    result += word;
  }
  return result;
}

}  // namespace hb::core
