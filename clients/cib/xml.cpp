// xml: writes indented XML whose every value is escaped, and identifiers that occur once
#include "clients/cib/xml.hpp"

#include "core/result.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>

namespace hb::clients::cib {

namespace {

constexpr std::size_t longest_id = 80;  // what people still read in crm_mon

/// The length of the character at the front, 0 if it is none that XML allows.
std::size_t character_length(std::string_view text) {
  const auto byte = [text](std::size_t at) {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return 0;
  unsigned code = first & (0x7fU >> length);
  for (std::size_t at = 1; at < length; ++at) {
    if ((byte(at) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(at) & 0x3f);
  }
  constexpr unsigned smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  const bool no_character = code == 0xfffe || code == 0xffff || code > 0x10ffff;
  return code < smallest[length] || surrogate || no_character ? 0 : length;
}

void append_escaped(std::string& to, std::string_view text) {
  for (const char character : text) {
    switch (character) {
      case '&': to += "&amp;"; break;
      case '<': to += "&lt;"; break;
      case '>': to += "&gt;"; break;
      case '"': to += "&quot;"; break;
      case '\'': to += "&apos;"; break;
      default: to += character;
    }
  }
}

bool is_letter(char character) {
  return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
         character == '_';
}

}  // namespace

bool is_xml_text(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

bool is_plain_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char character) {
    return is_letter(character) || (character >= '0' && character <= '9') || character == '.' ||
           character == '-';
  });
}

XmlWriter::XmlWriter() : text_{"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"} {}

void XmlWriter::begin(std::string_view name, Attributes attributes) {
  text_.append(open_.size() * 2, ' ');
  text_ += '<';
  text_ += name;
  for (const auto& [attribute, value] : attributes) {
    ENSURE(is_xml_text(value));
    text_ += fmt::format(" {}=\"", attribute);
    append_escaped(text_, value);
    text_ += '"';
  }
}

void XmlWriter::open(std::string_view name, Attributes attributes) {
  begin(name, attributes);
  text_ += ">\n";
  open_.emplace_back(name);
}

void XmlWriter::close() {
  ENSURE(!open_.empty());
  const std::string name = std::move(open_.back());
  open_.pop_back();
  text_.append(open_.size() * 2, ' ');
  text_ += fmt::format("</{}>\n", name);
}

void XmlWriter::element(std::string_view name, Attributes attributes) {
  begin(name, attributes);
  text_ += "/>\n";
}

void XmlWriter::comment(std::string_view text) {
  text_.append(open_.size() * 2, ' ');
  text_ += "<!-- ";
  char last = ' ';
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    if (text.front() == '\n') {
      text_ += '\n';
      text_.append(open_.size() * 2 + 5, ' ');
    } else if (text.front() == '-' && last == '-') {
      text_ += " -";  // two in a row would end the comment
    } else if (length == 0) {
      text_ += '?';
    } else {
      text_ += text.substr(0, length);
    }
    last = text.front();
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  text_ += " -->\n";
}

const std::string& XmlWriter::text() const {
  ENSURE(open_.empty());
  return text_;
}

std::string Ids::take(std::string_view wanted) {
  std::string id;
  for (const char character : wanted.substr(0, longest_id)) {
    const bool first = id.empty();
    const bool inside = (character >= '0' && character <= '9') || character == '.' ||
                        character == '-';
    if (first && inside) id += '_';
    id += is_letter(character) || inside ? character : '_';
  }
  if (id.empty()) id += '_';
  std::string free = id;
  for (unsigned number = 2; !taken_.insert(free).second; ++number) {
    free = fmt::format("{}-{}", id, number);
  }
  return free;
}

}  // namespace hb::clients::cib
