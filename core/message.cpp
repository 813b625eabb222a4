// message: ordered name=value fields, duplicates legal, over one reusable buffer
#include "core/message.hpp"

#include "core/result.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>

namespace hb::core {

namespace {

/// Room for 16 hexadecimal or 20 decimal digits of a 64-bit number.
using Digits = std::array<char, 20>;

std::string_view write_number(Digits& digits, std::uint64_t value, int base) {
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, base).ptr;
  return {digits.data(), static_cast<std::size_t>(end - digits.data())};
}

std::optional<std::uint64_t> read_number(std::optional<std::string_view> text, int base) {
  if (!text) return std::nullopt;
  std::uint64_t value = 0;
  const char* const end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, value, base);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

std::string_view uuid_text(const Uuid& value) {
  return as_text(value.bytes);
}

}  // namespace

bool is_field_name(std::string_view name) {
  // A leading '(' would read as a type tag in the text framing; control bytes end lines there.
  if (name.empty() || name.front() == '(') return false;
  bool good = true;
  for (const char c : name) good = good && c != '=' && static_cast<unsigned char>(c) >= 0x20;
  return good;
}

void Message::clear() {
  entries_.clear();
  buffer_.clear();
}

Field Message::operator[](std::size_t index) const {
  ENSURE(index < entries_.size());
  return view(entries_[index]);
}

Field Message::view(const Entry& entry) const {
  const char* const base = buffer_.data();
  return {entry.type, {base + entry.name_at, entry.name_size},
          {base + entry.value_at, entry.value_size}};
}

std::uint32_t Message::store(std::string_view first, std::string_view second) {
  const std::size_t at = buffer_.size();
  const std::size_t size = at + first.size() + second.size();
  ENSURE(size <= std::numeric_limits<std::uint32_t>::max());
  if (size <= buffer_.capacity()) {
    buffer_.append(first).append(second);
  } else {  // the old bytes live on until copied: the views may point into them
    std::string larger;
    larger.reserve(std::max(size, 2 * buffer_.capacity()));
    larger.append(buffer_).append(first).append(second);
    buffer_.swap(larger);
  }
  return static_cast<std::uint32_t>(at);
}

Message::Entry* Message::entry_of(std::string_view name) {
  for (Entry& entry : entries_) {
    if (view(entry).name == name) return &entry;
  }
  return nullptr;
}

void Message::add(std::string_view name, std::string_view value, FieldType type) {
  for (const char c : name) ENSURE(c != '=' && c != '\n');
  const std::uint32_t at = store(name, value);
  const auto name_size = static_cast<std::uint32_t>(name.size());
  entries_.push_back({type, at, name_size, at + name_size,
                      static_cast<std::uint32_t>(value.size())});
}

void Message::add_hex(std::string_view name, std::uint64_t value) {
  Digits digits;
  add(name, write_number(digits, value, 16));
}

void Message::add_decimal(std::string_view name, std::uint64_t value) {
  Digits digits;
  add(name, write_number(digits, value, 10));
}

void Message::add_uuid(std::string_view name, const Uuid& value) {
  add(name, uuid_text(value), FieldType::binary);
}

void Message::set(std::string_view name, std::string_view value, FieldType type) {
  Entry* const entry = entry_of(name);
  if (entry == nullptr) return add(name, value, type);
  if (value.size() > entry->value_size) {
    entry->value_at = store(value, {});
  } else if (!value.empty()) {
    std::memmove(buffer_.data() + entry->value_at, value.data(), value.size());
  }
  entry->type = type;
  entry->value_size = static_cast<std::uint32_t>(value.size());
}

void Message::set_hex(std::string_view name, std::uint64_t value) {
  Digits digits;
  set(name, write_number(digits, value, 16));
}

void Message::set_uuid(std::string_view name, const Uuid& value) {
  set(name, uuid_text(value), FieldType::binary);
}

void Message::remove(std::string_view name) {
  std::erase_if(entries_, [&](const Entry& entry) { return view(entry).name == name; });
}

std::optional<Field> Message::find(std::string_view name) const {
  for (const Entry& entry : entries_) {
    if (const Field field = view(entry); field.name == name) return field;
  }
  return std::nullopt;
}

std::optional<std::string_view> Message::text(std::string_view name) const {
  for (const Entry& entry : entries_) {
    if (entry.type != FieldType::string) continue;
    if (const Field field = view(entry); field.name == name) return field.value;
  }
  return std::nullopt;
}

std::string_view Message::text_or_empty(std::string_view name) const {
  return text(name).value_or(std::string_view{});
}

std::optional<std::uint64_t> Message::hex(std::string_view name) const {
  return read_number(text(name), 16);
}

std::optional<std::uint64_t> Message::decimal(std::string_view name) const {
  return read_number(text(name), 10);
}

std::optional<Uuid> Message::uuid(std::string_view name) const {
  const auto field = find(name);
  Uuid result;
  if (!field || field->type != FieldType::binary) return std::nullopt;
  if (field->value.size() != result.bytes.size()) return std::nullopt;
  std::memcpy(result.bytes.data(), field->value.data(), result.bytes.size());
  return result;
}

}  // namespace hb::core
