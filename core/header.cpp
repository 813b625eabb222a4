// header: the cluster fields of a message, read in one pass and written in 3.0.6's order
#include "core/header.hpp"

#include <charconv>
#include <cstring>

namespace hb::core {

namespace {

std::optional<std::uint64_t> hexadecimal(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, 16);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

std::optional<Uuid> uuid_of(const Field& field) {
  Uuid uuid;
  if (field.type != FieldType::binary || field.value.size() != uuid.bytes.size()) {
    return std::nullopt;
  }
  std::memcpy(uuid.bytes.data(), field.value.data(), uuid.bytes.size());
  return uuid;
}

/// Adds a decimal number only if the field is absent.
void add_missing(Message& message, std::string_view name, std::string_view value) {
  if (!message.find(name)) message.add(name, value);
}

std::uint64_t seconds(WallTime wall) {
  return static_cast<std::uint64_t>(wall.time_since_epoch().count());
}

}  // namespace

Result<Header> read_header(const Message& message) {
  Header header;
  bool has_ts = false, has_generation = false;
  for (std::size_t i = 0; i < message.size(); ++i) {
    const Field field = message[i];
    if (field.name.size() > 8) continue;
    const bool text = field.type == FieldType::string;
    // The first field of a name counts.
    if (text && field.name == "t" && header.type.empty()) header.type = field.value;
    else if (text && field.name == "src" && header.source.empty()) header.source = field.value;
    else if (text && field.name == "dest" && header.dest.empty()) header.dest = field.value;
    else if (text && field.name == "seq" && !header.seqno) {
      if (const auto value = hexadecimal(field.value)) header.seqno = Seqno{*value};
    } else if (text && field.name == "hg" && !has_generation) {
      if (const auto value = hexadecimal(field.value)) header.generation = Generation{*value};
      has_generation = true;
    } else if (text && field.name == "ts" && !has_ts) {
      const auto value = hexadecimal(field.value);
      has_ts = value && *value != 0;
    } else if (field.name == "srcuuid" && !header.source_uuid) {
      header.source_uuid = uuid_of(field);
    } else if (field.name == "destuuid" && !header.dest_uuid) {
      header.dest_uuid = uuid_of(field);
    }
  }
  if (header.type.empty()) return Error{"message without t"};
  if (header.source.empty()) return Error{"message without src"};
  if (!has_ts) return Error{"message without ts"};
  if (header.is_sequenced() && (!header.seqno || header.seqno->value == 0)) {
    return Error{"message without seq"};
  }
  return header;
}

void stamp_sequenced(Message& message, const Stamp& stamp) {
  if (stamp.dest_uuid) message.set_uuid("destuuid", *stamp.dest_uuid);
  message.set("src", stamp.source);
  message.set_uuid("srcuuid", stamp.source_uuid);
  message.set_hex("seq", stamp.seqno.value);
  message.set_hex("hg", stamp.generation.value);
  message.set_hex("ts", seconds(stamp.wall));
  // Loads of /proc/loadavg are no business of a decision; 3.0.6 itself writes n/a without /proc.
  message.set("ld", "n/a");
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, stamp.ttl).ptr;
  message.set("ttl", {digits, static_cast<std::size_t>(end - digits)});
}

void stamp_unsequenced(Message& message, const Stamp& stamp) {
  if (stamp.dest_uuid && !message.find("destuuid")) message.add_uuid("destuuid", *stamp.dest_uuid);
  add_missing(message, "src", stamp.source);
  if (!message.find("srcuuid")) message.add_uuid("srcuuid", stamp.source_uuid);
  if (!message.find("hg")) message.add_hex("hg", stamp.generation.value);
  if (!message.find("ts")) message.add_hex("ts", seconds(stamp.wall));
  if (!message.find("ttl")) message.add_decimal("ttl", stamp.ttl);
}

}  // namespace hb::core
