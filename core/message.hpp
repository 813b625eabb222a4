// message: ordered name=value fields, duplicates legal, over one reusable buffer
#pragma once

#include "core/types.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hb::core {

/// The wire's type tag (wire-protocol §1.4).
enum class FieldType : std::uint8_t {
  string = 0,
  binary = 1,        ///< raw bytes; UUIDs are this
  nested = 2,        ///< value is the child's netstring form ###...%%% without trailer
  list = 3,          ///< value is the packed form LEN:TEXT, for each element
  compressed = 4,    ///< raw compressed bytes of a nested message
  uncompressed = 5,  ///< to be compressed; read like nested
};

/// One field as a view into its Message; invalid after the next change of that Message.
struct Field {
  FieldType type;
  std::string_view name;
  std::string_view value;
};

/// A name that both framings can carry: not empty, no '=', no control byte, no leading '('.
[[nodiscard]] bool is_field_name(std::string_view name);

/// An ordered list of fields. Order and duplicates are kept (wire-protocol §0.11): the first of a
/// name is found. clear() keeps the memory, so that a reused Message does not allocate.
class Message {
 public:
  void clear();
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] Field operator[](std::size_t index) const;

  /// Appends; names must not contain '=' or newline (ENSURE).
  void add(std::string_view name, std::string_view value, FieldType type = FieldType::string);
  void add_hex(std::string_view name, std::uint64_t value);
  void add_decimal(std::string_view name, std::uint64_t value);
  void add_uuid(std::string_view name, const Uuid& value);
  /// Replaces the first field of this name in place (type too), else appends.
  void set(std::string_view name, std::string_view value, FieldType type = FieldType::string);
  void set_hex(std::string_view name, std::uint64_t value);
  void set_uuid(std::string_view name, const Uuid& value);
  /// Removes every field of this name.
  void remove(std::string_view name);

  /// The first field of this name, of any type.
  [[nodiscard]] std::optional<Field> find(std::string_view name) const;
  /// The first *string* field of this name.
  [[nodiscard]] std::optional<std::string_view> text(std::string_view name) const;
  /// text(name), or "" if absent.
  [[nodiscard]] std::string_view text_or_empty(std::string_view name) const;
  /// Whole value must be hexadecimal (decimal) digits and fit 64 bits, else nullopt.
  [[nodiscard]] std::optional<std::uint64_t> hex(std::string_view name) const;
  [[nodiscard]] std::optional<std::uint64_t> decimal(std::string_view name) const;
  /// A binary field of exactly 16 bytes.
  [[nodiscard]] std::optional<Uuid> uuid(std::string_view name) const;

  /// The message type `t`, or "".
  [[nodiscard]] std::string_view type() const { return text_or_empty("t"); }

 private:
  struct Entry {
    FieldType type;
    std::uint32_t name_at, name_size;
    std::uint32_t value_at, value_size;
  };
  [[nodiscard]] Field view(const Entry& entry) const;
  Entry* entry_of(std::string_view name);
  /// Appends both to the buffer, where they may point into; returns where they begin.
  std::uint32_t store(std::string_view first, std::string_view second);

  std::vector<Entry> entries_;
  std::string buffer_;  // appended to; set() with a longer value leaves the old bytes unused
};

}  // namespace hb::core
