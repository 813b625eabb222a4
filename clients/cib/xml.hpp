// xml: writes indented XML whose every value is escaped, and identifiers that occur once
#pragma once

#include <cstdint>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hb::clients::cib {

/// Whether XML 1.0 can carry the text as it is: UTF-8, no control characters, no non-characters.
[[nodiscard]] bool is_xml_text(std::string_view text);

/// Letters, digits, '.', '_' and '-', and at least one: what is no syntax anywhere.
[[nodiscard]] bool is_plain_name(std::string_view text);

/// One document, from the top down. Names of elements and attributes are ours; values are
/// anybody's, and must be is_xml_text().
class XmlWriter {
 public:
  using Attributes = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  XmlWriter();
  void open(std::string_view name, Attributes attributes);
  void close();
  void element(std::string_view name, Attributes attributes);  ///< without content
  /// A comment; what may not stand in one is put otherwise.
  void comment(std::string_view text);
  /// The document; all that was opened must be closed.
  [[nodiscard]] const std::string& text() const;

 private:
  void begin(std::string_view name, Attributes attributes);

  std::string text_;
  std::vector<std::string> open_;
};

/// Identifiers as XML wants them (xs:ID: a letter or '_' first, then also digits, '.', '-'), each
/// given out once.
class Ids {
 public:
  /// `wanted`, with '_' for what may not be there, and a number behind it if it was taken.
  [[nodiscard]] std::string take(std::string_view wanted);

 private:
  std::set<std::string, std::less<>> taken_;
};

}  // namespace hb::clients::cib
