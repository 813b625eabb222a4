// frame: text and netstring wire forms to and from message
#include "core/frame.hpp"

#include "core/base64.hpp"

#include <boost/container/small_vector.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace hb::core {

namespace {

constexpr std::string_view text_begin = ">>>\n";
constexpr std::string_view text_end = "<<<\n";
constexpr std::string_view netstring_begin = "###\n";
constexpr std::string_view netstring_end = "%%%\n";

/// The longest LEN that is looked at: limits::uncompressed_bytes has seven digits.
constexpr std::size_t length_digits = 7;
/// A list that is merged from fields of one name must stay below this (wire-protocol §1.7).
constexpr std::size_t merged_list_bytes = 1024;

/// What ends a line at each depth of nesting: the message itself, then its children (§1.3).
constexpr std::array<char, limits::nesting + 1> line_ends = {
    '\n', 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b,
    0x1c, 0x1d, 0x1e, 0x1f, 0x0f, 0x10, 0x11, 0x12};
/// Stands for a newline in a string of the text framing.
constexpr char newline_in_string = 0x13;

/// Why a decode failed: a literal, so that refusing costs nothing until somebody wants the text.
using Fault = const char*;

// Lists: LEN:TEXT, for each element.

bool take_length(std::string_view& rest, std::size_t& length) {
  const std::size_t most = std::min(rest.size(), length_digits + 1);
  std::size_t at = 0;
  length = 0;
  while (at < most && rest[at] >= '0' && rest[at] <= '9') {
    length = length * 10 + static_cast<std::size_t>(rest[at++] - '0');
  }
  if (at == 0 || at > length_digits || at >= rest.size() || rest[at] != ':') return false;
  if (at > 1 && rest[0] == '0') return false;
  rest.remove_prefix(at + 1);
  return true;
}

bool is_list(std::string_view rest) {
  while (!rest.empty()) {
    std::size_t length = 0;
    if (!take_length(rest, length) || length >= rest.size() || rest[length] != ',') return false;
    rest.remove_prefix(length + 1);
  }
  return true;
}

// Netstring framing, reading.

bool is_nested(FieldType type) {
  return type == FieldType::nested || type == FieldType::uncompressed;
}

bool take_type(char c, FieldType& type) {
  if (c < '0' || c > '5') return false;
  type = static_cast<FieldType>(c - '0');
  return true;
}

/// Walks the items of one netstring message; `rest` begins behind the begin mark.
struct Items {
  std::string_view rest;
  Fault fault = nullptr;

  /// False at the end mark, which is taken, and at a fault.
  bool next(Field& field) {
    if (rest.starts_with(netstring_end)) {
      rest.remove_prefix(netstring_end.size());
      return false;
    }
    std::size_t length = 0;
    if (!take_length(rest, length)) return fail("no LEN: before a field, and no end mark");
    if (length >= rest.size()) return fail("a field's length runs past the end");
    const std::string_view item = rest.substr(0, length);
    if (rest[length] != ',') return fail("a field does not end with a comma");
    rest.remove_prefix(length + 1);
    if (item.size() < 3 || item[0] != '(' || item[2] != ')') return fail("no (TYPE) in a field");
    if (!take_type(item[1], field.type)) return fail("unknown field type");
    const std::size_t equals = item.find('=', 3);
    if (equals == std::string_view::npos) return fail("a field without '='");
    field.name = item.substr(3, equals - 3);
    field.value = item.substr(equals + 1);
    return is_field_name(field.name) || fail("bad field name");
  }

 private:
  bool fail(Fault why) {
    fault = why;
    return false;
  }
};

Fault check_value(const Field& field, std::size_t depth);

/// A whole nested message, at `depth` 1 and below: nothing may follow its end mark.
Fault check_nested(std::string_view bytes, std::size_t depth) {
  if (depth > limits::nesting) return "messages nested too deep";
  if (!bytes.starts_with(netstring_begin)) return "a nested message without begin mark";
  Items items{bytes.substr(netstring_begin.size())};
  std::size_t count = 0;
  for (Field field{}; items.next(field);) {
    if (++count > limits::fields) return "too many fields";
    if (const Fault fault = check_value(field, depth)) return fault;
  }
  if (items.fault == nullptr && !items.rest.empty()) return "bytes behind a nested message";
  return items.fault;
}

Fault check_value(const Field& field, std::size_t depth) {
  if (is_nested(field.type)) return check_nested(field.value, depth + 1);
  if (field.type == FieldType::list && !is_list(field.value)) return "a malformed list";
  return nullptr;
}

/// Adds a checked field; list fields of one name become one list (§1.4).
Fault add_field(const Field& field, Message& out) {
  if (out.size() == limits::fields) return "too many fields";
  if (field.type == FieldType::list) {
    const auto earlier = out.find(field.name);
    if (earlier && earlier->type == FieldType::list) {
      const std::size_t size = earlier->value.size() + field.value.size();
      if (size >= merged_list_bytes) return "a list of several fields is too long";
      std::string merged;
      merged.append(earlier->value).append(field.value);
      out.set(field.name, merged, FieldType::list);
      return nullptr;
    }
  }
  out.add(field.name, field.value, field.type);
  return nullptr;
}

Fault decode_netstring(std::string_view bytes, Message& out, std::size_t& consumed) {
  Items items{bytes.substr(netstring_begin.size())};
  for (Field field{}; items.next(field);) {
    if (const Fault fault = check_value(field, 0)) return fault;
    if (const Fault fault = add_field(field, out)) return fault;
  }
  consumed = bytes.size() - items.rest.size();
  return items.fault;
}

// Netstring framing, writing.

void append_item(const Field& field, std::string& out) {
  std::array<char, 20> digits;
  const std::size_t length = field.name.size() + field.value.size() + 4;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), length).ptr;
  out.append(digits.data(), end).append(":(");
  out += static_cast<char>('0' + static_cast<int>(field.type));
  out.append(")").append(field.name).append("=").append(field.value).append(",");
}

// Text framing, writing.

void append_line(const Field& field, std::size_t depth, std::string& out);

/// `nested` is a child's netstring form, checked when it was decoded.
void append_nested_text(std::string_view nested, std::size_t depth, std::string& out) {
  ENSURE(depth <= limits::nesting && nested.starts_with(netstring_begin));
  const char end = line_ends[depth];
  out.append(text_begin.substr(0, 3)).append(1, end);
  Items items{nested.substr(netstring_begin.size())};
  for (Field field{}; items.next(field);) append_line(field, depth, out);
  ENSURE(items.fault == nullptr);
  out.append(text_end.substr(0, 3)).append(1, end);
}

void append_line(const Field& field, std::size_t depth, std::string& out) {
  // Type 5 cannot be written (§1.4); it reads like 2, so it is written as 2.
  const FieldType type = is_nested(field.type) ? FieldType::nested : field.type;
  if (type != FieldType::string) {
    out += '(';
    out += static_cast<char>('0' + static_cast<int>(type));
    out += ')';
  }
  out.append(field.name).append("=");
  const std::size_t at = out.size();
  switch (type) {
    case FieldType::string:
    case FieldType::list:
      out.append(field.value);
      std::replace(out.begin() + static_cast<std::ptrdiff_t>(at), out.end(), '\n',
                   newline_in_string);
      break;
    case FieldType::binary:
    case FieldType::compressed:
      append_base64(field.value, out);
      break;
    case FieldType::nested:
    case FieldType::uncompressed:
      append_nested_text(field.value, depth + 1, out);
      break;
  }
  out += line_ends[depth];
}

// Text framing, reading.

/// Walks the lines of one text message at a depth; `rest` begins behind the begin mark.
struct Lines {
  std::string_view rest;
  char end;
  Fault fault = nullptr;

  /// False at the end mark, which is taken, and at a fault. The value is still encoded.
  bool next(Field& field) {
    const std::size_t size = rest.find(end);
    if (size == std::string_view::npos) return fail("no end mark");
    std::string_view line = rest.substr(0, size);
    rest.remove_prefix(size + 1);
    if (line == text_end.substr(0, 3)) return false;
    field.type = FieldType::string;
    if (line.starts_with('(')) {
      if (line.size() < 3 || line[2] != ')') return fail("a bad (TYPE) in a line");
      if (!take_type(line[1], field.type)) return fail("unknown field type");
      if (field.type == FieldType::string) return fail("a string with (TYPE)");
      line.remove_prefix(3);
    }
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) return fail("a line without '='");
    field.name = line.substr(0, equals);
    field.value = line.substr(equals + 1);
    return is_field_name(field.name) || fail("bad field name");
  }

 private:
  bool fail(Fault why) {
    fault = why;
    return false;
  }
};

/// Holds a value while it is decoded; the usual ones (UUIDs, strings) fit without allocation.
using Scratch = boost::container::small_vector<char, 512>;

/// Decodes the value of one line; `field.value` then lies in `scratch`, `nested` or the line.
Fault decode_value(Field& field, std::size_t depth, Scratch& scratch, std::string& nested);

/// Rewrites a nested text message as netstring, appended to `out`.
Fault transcode(std::string_view bytes, std::size_t depth, std::string& out) {
  if (depth > limits::nesting) return "messages nested too deep";
  const char end = line_ends[depth];
  if (bytes.size() < 4 || !bytes.starts_with(text_begin.substr(0, 3)) || bytes[3] != end) {
    return "a nested message without begin mark";
  }
  Lines lines{bytes.substr(4), end};
  Scratch scratch;
  std::string nested;
  std::size_t count = 0;
  out.append(netstring_begin);
  for (Field field{}; lines.next(field);) {
    if (++count > limits::fields) return "too many fields";
    if (const Fault fault = decode_value(field, depth, scratch, nested)) return fault;
    append_item(field, out);
  }
  out.append(netstring_end);
  if (lines.fault == nullptr && !lines.rest.empty()) return "bytes behind a nested message";
  return lines.fault;
}

Fault decode_value(Field& field, std::size_t depth, Scratch& scratch, std::string& nested) {
  if (is_nested(field.type)) {
    nested.clear();
    const Fault fault = transcode(field.value, depth + 1, nested);
    field.value = nested;
    return fault;
  }
  if (field.type == FieldType::binary || field.type == FieldType::compressed) {
    std::size_t size = 0;
    scratch.resize(base64_room(field.value), boost::container::default_init);
    if (!read_base64(field.value, scratch.data(), size)) return "bad base64";
    field.value = {scratch.data(), size};
    return nullptr;
  }
  if (field.value.find(newline_in_string) != std::string_view::npos) {
    scratch.assign(field.value.begin(), field.value.end());
    std::replace(scratch.begin(), scratch.end(), newline_in_string, '\n');
    field.value = {scratch.data(), scratch.size()};
  }
  if (field.type == FieldType::list && !is_list(field.value)) return "a malformed list";
  return nullptr;
}

Fault decode_text(std::string_view bytes, Message& out, std::size_t& consumed) {
  Lines lines{bytes.substr(text_begin.size()), '\n'};
  Scratch scratch;
  std::string nested;
  for (Field field{}; lines.next(field);) {
    if (const Fault fault = decode_value(field, 0, scratch, nested)) return fault;
    if (const Fault fault = add_field(field, out)) return fault;
  }
  if (lines.rest.starts_with('\0')) lines.rest.remove_prefix(1);
  consumed = bytes.size() - lines.rest.size();
  return lines.fault;
}

}  // namespace

Result<Framing> framing_of(Bytes bytes) {
  const std::string_view text = as_text(bytes);
  if (text.starts_with(netstring_begin)) return Framing::netstring;
  if (text.starts_with(text_begin)) return Framing::text;
  return Error{"message: begins with neither >>> nor ###"};
}

void append_netstring(const Message& message, std::string& out) {
  out.append(netstring_begin);
  for (std::size_t i = 0; i < message.size(); ++i) append_item(message[i], out);
  out.append(netstring_end);
}

void append_text(const Message& message, std::string& out) {
  out.append(text_begin);
  append_text_fields(message, out);
  out.append(text_end);
}

void append_text_fields(const Message& message, std::string& out) {
  for (std::size_t i = 0; i < message.size(); ++i) append_line(message[i], 0, out);
}

bool needs_netstring(const Message& message) {
  for (std::size_t i = 0; i < message.size(); ++i) {
    const FieldType type = message[i].type;
    if (is_nested(type) || type == FieldType::compressed) return true;
  }
  return false;
}

Result<Decoded> decode(Bytes bytes, Message& out) {
  out.clear();
  if (bytes.size() > limits::uncompressed_bytes) return Error{"message: longer than 2 MiB"};
  const auto framing = framing_of(bytes);
  if (!framing) return framing.error();
  Decoded decoded{*framing, 0};
  const Fault fault = *framing == Framing::netstring
                          ? decode_netstring(as_text(bytes), out, decoded.consumed)
                          : decode_text(as_text(bytes), out, decoded.consumed);
  if (fault == nullptr) return decoded;
  const std::string place = "message: field " + std::to_string(out.size() + 1);
  out.clear();
  return Error{fault}.in(place);
}

void append_client_body(const Message& message, Framing preferred, std::string& out) {
  if (preferred == Framing::netstring || needs_netstring(message)) {
    append_netstring(message, out);
  } else {
    append_text(message, out);
    out += '\0';
  }
}

}  // namespace hb::core
