// authkeys: authkeys text to key ring
#include "core/authkeys.hpp"

#include "core/config_text.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

namespace hb::core {

namespace {

constexpr std::string_view legacy_path = "/etc/ha.d//authkeys";

/// The longest key taken: far above the block of any digest, which hashes longer ones anyway.
constexpr std::size_t key_bytes = 1024;

/// The front of a line, taken piece by piece as scanf("%d %s %s") does.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_{trimmed({text, 1})} {}

  /// A sign and digits; nullopt if there are none, or too many for any number.
  std::optional<int> integer() {
    rest_ = trimmed(rest_);
    std::size_t size = rest_.text.starts_with('-') || rest_.text.starts_with('+') ? 1 : 0;
    while (size < rest_.text.size() && is_digit(rest_.text[size])) ++size;
    if (!is_integer(rest_.text.substr(0, size))) return std::nullopt;
    return leading_integer(take(size).text);
  }
  Word word() {
    rest_ = trimmed(rest_);
    std::size_t size = 0;
    while (size < rest_.text.size() && !is_blank(rest_.text[size])) ++size;
    return take(size);
  }
  Word rest() { return rest_ = trimmed(rest_); }
  void skip(std::size_t size) { (void)take(size); }

 private:
  Word take(std::size_t size) {
    const Word taken{rest_.text.substr(0, size), rest_.column};
    rest_.text.remove_prefix(size);
    rest_.column += size;
    return taken;
  }
  Word rest_;
};

class Parser {
 public:
  ParsedKeys parse(std::string_view text) {
    while (!text.empty()) {
      ++line_;
      const std::string_view line = take_line(text);
      Scanner scanner{line};
      const Word content = scanner.rest();
      if (content.text.empty() || content.text.starts_with('#')) continue;
      if (words_of(content.text)[0].text == "accept") {
        take_accept(scanner);
      } else if (content.text.starts_with('a')) {
        take_auth(content, scanner);
      } else {
        take_key(content, scanner);
      }
    }
    check_accepted();
    fill_ring();
    choose();
    return std::move(result_);
  }

 private:
  void report(Severity severity, std::size_t line, std::size_t column, std::string text,
              std::string legacy = {}) {
    result_.findings.push_back(
        {severity, "authkeys", line, column, std::move(text), std::move(legacy)});
  }
  void refuse(Word at, std::string text, std::string legacy = {}) {
    report(Severity::error, line_, at.column, std::move(text), std::move(legacy));
  }

  void take_auth(Word content, Scanner& scanner);
  void take_accept(Scanner& scanner);
  void take_key(Word content, Scanner& scanner);
  void choose();
  void check_accepted();
  void fill_ring();

  ParsedKeys result_;
  std::size_t line_ = 0;
  std::optional<int> wanted_;    ///< of the last auth line
  std::size_t wanted_line_ = 0;
  bool found_ = false;           ///< a key line of that number came after it
  bool too_early_ = false;       ///< one came before it
  std::array<bool, limits::auth_keys> seen_{};
  std::array<std::optional<Key>, limits::auth_keys> listed_;
  std::size_t accept_line_ = 0;  ///< of the last accept line; 0: there is none, all are accepted
  std::array<bool, limits::auth_keys> accepted_{};
};

/// Never more of a line than its first word: the rest may be a key.
std::string first_word(std::string_view text) {
  const auto words = words_of(text);
  return words.empty() ? std::string{} : printable(words[0].text);
}

void Parser::take_auth(Word content, Scanner& scanner) {
  constexpr std::string_view keyword = "auth";
  const auto invalid = [&](std::string text) {
    refuse(content, std::move(text),
           fmt::format("Invalid auth line [{}] in {}", first_word(content.text), legacy_path));
  };
  if (!content.text.starts_with(keyword)) {
    invalid(fmt::format("{}: neither 'auth number' nor 'number method key'",
                        first_word(content.text)));
    return;
  }
  scanner.skip(keyword.size());
  const auto number = scanner.integer();
  if (!number) {
    invalid("auth: the number of the key is missing; write e.g. 'auth 1'");
    return;
  }
  wanted_ = number;
  wanted_line_ = line_;
  found_ = false;
  too_early_ = *number >= 0 && static_cast<std::size_t>(*number) < seen_.size() &&
               seen_[static_cast<std::size_t>(*number)];
}

void Parser::take_key(Word content, Scanner& scanner) {
  const auto number = scanner.integer();
  const Word method_word = scanner.word();
  if (!number || method_word.text.empty()) {
    refuse(content,
           fmt::format("{}: neither 'auth number' nor 'number method key'",
                       first_word(content.text)),
           fmt::format("Auth line [{}] is invalid.", first_word(content.text)));
    return;
  }
  if (*number < 0 || static_cast<std::size_t>(*number) >= limits::auth_keys) {
    refuse(content, fmt::format("{}: a key's number is 0 to {}", *number, limits::auth_keys - 1),
           fmt::format("Invalid authnum [{}] in {}", *number, legacy_path));
    return;
  }
  const std::string method_name = printable(method_word.text);
  const auto method = auth_method(method_word.text);
  if (!method) {
    refuse(method_word,
           fmt::format("{}: no such method; use sha256 (among nodes of this program), sha1, md5 "
                       "or crc, in lower case",
                       method_name),
           fmt::format("Invalid authtype [{}]", method_name));
    return;
  }
  const Word secret = scanner.word(), surplus = scanner.rest();
  if (*method == AuthMethod::crc && !secret.text.empty()) {
    refuse(secret, "crc: takes no key; delete what follows it, or use sha1",
           "info: Auth method [crc] doesn't use a key");
    return;
  }
  if (*method != AuthMethod::crc && secret.text.empty()) {
    refuse(method_word, fmt::format("{}: the key is missing; write one word after it",
                                    method_name),
           fmt::format("Auth method [{}] requires a key", method_name));
    return;
  }
  if (secret.text.size() > key_bytes) {
    refuse(secret, fmt::format("the key is longer than {} bytes", key_bytes));
    return;
  }
  if (!surplus.text.empty() && !surplus.text.starts_with('#')) {
    report(Severity::warning, line_, surplus.column,
           "the key ends at the first blank; the rest of the line is not part of it");
  }
  const auto slot = static_cast<std::size_t>(*number);
  if (seen_[slot]) {
    report(Severity::warning, line_, content.column,
           fmt::format("key {} was given before; this one replaces it", slot));
  }
  seen_[slot] = true;
  if (wanted_ == number) found_ = true;
  listed_[slot] = Key{*method, std::string{secret.text}};
}

/// `accept N...`: an extension; several lines add up. 3.0.6 refuses a file that has one.
void Parser::take_accept(Scanner& scanner) {
  accept_line_ = line_;
  (void)scanner.word();
  Word word = scanner.word();
  if (word.text.empty() || word.text.starts_with('#')) {
    return refuse(word, "accept: the numbers of keys are missing; write e.g. 'accept 1 2'");
  }
  for (; !word.text.empty() && !word.text.starts_with('#'); word = scanner.word()) {
    std::size_t slot = 0;
    const char* const end = word.text.data() + word.text.size();
    const auto [stop, failure] = std::from_chars(word.text.data(), end, slot);
    if (failure != std::errc{} || stop != end || slot >= accepted_.size()) {
      // The word is not shown: whoever mixed up two lines may have written a key here.
      refuse(word, fmt::format("accept: takes numbers of keys only, 0 to {}",
                               limits::auth_keys - 1));
      continue;
    }
    accepted_[slot] = true;
  }
}

void Parser::check_accepted() {
  if (accept_line_ == 0) return;
  for (std::size_t slot = 0; slot < accepted_.size(); ++slot) {
    if (accepted_[slot] && !listed_[slot]) {
      report(Severity::error, accept_line_, 1,
             fmt::format("accept {0}: no valid line of key {0}; add it, or delete the number",
                         slot));
    }
    if (listed_[slot] && !accepted_[slot] && wanted_ == static_cast<int>(slot)) {
      report(Severity::error, accept_line_, 1,
             fmt::format("auth {0}: key {0} signs, but is not accepted; add it to the accept line",
                         slot));
    }
  }
}

/// A key that neither signs nor is accepted has no place in the ring, so that nothing can be
/// verified with it. The one that signs is kept even if refused above: a ring has one.
void Parser::fill_ring() {
  for (std::size_t slot = 0; slot < listed_.size(); ++slot) {
    const bool wanted =
        accept_line_ == 0 || accepted_[slot] || wanted_ == static_cast<int>(slot);
    if (!listed_[slot] || !wanted) continue;
    result_.keys.insert(KeyId{static_cast<std::uint8_t>(slot)}, std::move(*listed_[slot]));
  }
}

void Parser::choose() {
  if (!wanted_) {
    report(Severity::error, 0, 0, "no line 'auth number' says which key signs; add it as the "
                                  "first line, e.g. 'auth 1'",
           fmt::format("Missing auth directive in keyfile [{}]", legacy_path));
    return;
  }
  if (found_) {
    result_.keys.activate(KeyId{static_cast<std::uint8_t>(*wanted_)});
    return;
  }
  report(Severity::error, wanted_line_, 1,
         too_early_ ? fmt::format("auth {0}: must stand above the line of key {0}", *wanted_)
                    : fmt::format("auth {0}: no valid line of key {0} follows", *wanted_),
         fmt::format("Auth Key [{}] not found in keyfile [{}]", *wanted_, legacy_path));
}

}  // namespace

ParsedKeys parse_authkeys(std::string_view text) {
  return Parser{}.parse(text);
}

}  // namespace hb::core
