// ha_msg: the messages that C programs hold: libplumb's if it is there, else our own
#include "clients/libhbclient/ha_msg.hpp"

#include "clients/libhbclient/boundary.hpp"
#include "clients/libhbclient/hb_api_cxx.hpp"
#include "clients/libhbclient/plumb.hpp"

#include "core/frame.hpp"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <list>
#include <memory>
#include <string>
#include <string_view>

namespace {

using hb::clients::libhbclient::guarded;
using hb::clients::libhbclient::plumb;
using hb::core::FieldType;

/// std::string keeps a NUL behind its text, and a list its places: what C programs rely on.
struct OwnField {
  FieldType type;
  std::string name, value;
  std::unique_ptr<ha_msg> child;  ///< of a nested message, once it was asked for
};

}  // namespace

struct ha_msg {
  std::list<OwnField> fields;

  OwnField* find(const char* name) {
    if (name == nullptr) return nullptr;
    for (OwnField& field : fields)
      if (field.name == name) return &field;
    return nullptr;
  }
  const OwnField* find(const char* name) const { return const_cast<ha_msg*>(this)->find(name); }
};

namespace {

int add(ha_msg* message, const char* name, std::string_view value, FieldType type) {
  if (message == nullptr || name == nullptr || !hb::core::is_field_name(name)) return HA_FAIL;
  return guarded<int>(HA_FAIL, [&] {
    message->fields.push_back({type, name, std::string(value), nullptr});
    return HA_OK;
  });
}

int set(ha_msg* message, const char* name, std::string_view value, FieldType type) {
  OwnField* field = message != nullptr ? message->find(name) : nullptr;
  if (field == nullptr) return add(message, name, value, type);
  return guarded<int>(HA_FAIL, [&] {
    field->value = value;
    field->type = type;
    field->child.reset();
    return HA_OK;
  });
}

const OwnField* find(const ha_msg* message, const char* name, FieldType type) {
  const OwnField* field = message != nullptr ? message->find(name) : nullptr;
  return field != nullptr && field->type == type ? field : nullptr;
}

std::string_view bytes_of(const void* value, std::size_t size) {
  return {static_cast<const char*>(value), value != nullptr ? size : 0};
}
std::string_view bytes_of(const cl_uuid_t* value) {
  return bytes_of(value, value != nullptr ? sizeof *value : 0);
}

/// Decimal, without memory that might not be there.
template <class Number>
class Decimal {
 public:
  explicit Decimal(Number value) : end_(std::to_chars(digits_, std::end(digits_), value).ptr) {}
  operator std::string_view() const { return {digits_, static_cast<std::size_t>(end_ - digits_)}; }

 private:
  char digits_[24];
  char* end_;
};

template <class Number>
int number(const ha_msg* message, const char* name, Number* value) {
  const OwnField* field = find(message, name, FieldType::string);
  if (field == nullptr || value == nullptr) return HA_FAIL;
  const char* end = field->value.data() + field->value.size();
  const auto parsed = std::from_chars(field->value.data(), end, *value);
  return parsed.ec == std::errc{} && parsed.ptr == end ? HA_OK : HA_FAIL;
}

hb::core::Message core_message(const ha_msg& message) {
  hb::core::Message result;
  for (const OwnField& field : message.fields) result.add(field.name, field.value, field.type);
  return result;
}

ha_msg* own_message(const hb::core::Message& message) {
  auto result = std::make_unique<ha_msg>();
  for (std::size_t i = 0; i < message.size(); ++i)
    result->fields.push_back({message[i].type, std::string(message[i].name),
                              std::string(message[i].value), nullptr});
  return result.release();
}

}  // namespace

namespace hb::clients::libhbclient {

ha_msg* to_c(const core::Message& message) {
  return guarded<ha_msg*>(nullptr, [&]() -> ha_msg* {
    if (plumb() == nullptr) return own_message(message);
    std::string wire;
    core::append_netstring(message, wire);
    return plumb()->from_wire(wire.data(), wire.size(), 0);
  });
}

std::optional<core::Message> from_c(const ha_msg* message) {
  if (message == nullptr) return std::nullopt;
  if (plumb() == nullptr) return core_message(*message);
  std::size_t size = 0;
  // It may compress fields that ask for it, in place, and therefore is not const.
  const std::unique_ptr<char, decltype(&std::free)> wire(
      plumb()->to_wire(const_cast<ha_msg*>(message), &size), &std::free);
  core::Message result;
  if (!wire || !core::decode(core::as_bytes({wire.get(), size}), result)) return std::nullopt;
  return result;
}

}  // namespace hb::clients::libhbclient

HB_EXPORT ha_msg* ha_msg_new(int fields) {
  if (const auto* theirs = plumb()) return theirs->make(fields);
  return guarded<ha_msg*>(nullptr, [] { return new ha_msg; });
}

HB_EXPORT ha_msg* ha_msg_copy(const ha_msg* message) {
  if (const auto* theirs = plumb()) return theirs->copy(message);
  if (message == nullptr) return nullptr;
  return guarded<ha_msg*>(nullptr, [&] { return own_message(core_message(*message)); });
}

HB_EXPORT void ha_msg_del(ha_msg* message) {
  if (const auto* theirs = plumb()) return theirs->destroy(message);
  delete message;
}

HB_EXPORT int ha_msg_add(ha_msg* message, const char* name, const char* value) {
  if (const auto* theirs = plumb()) return theirs->add(message, name, value);
  return value != nullptr ? add(message, name, value, FieldType::string) : HA_FAIL;
}

HB_EXPORT int ha_msg_add_int(ha_msg* message, const char* name, int value) {
  if (const auto* theirs = plumb()) return theirs->add_int(message, name, value);
  return add(message, name, Decimal(value), FieldType::string);
}

HB_EXPORT int ha_msg_add_ul(ha_msg* message, const char* name, unsigned long value) {
  if (const auto* theirs = plumb()) return theirs->add_ul(message, name, value);
  return add(message, name, Decimal(value), FieldType::string);
}

HB_EXPORT int ha_msg_addbin(ha_msg* message, const char* name, const void* value, size_t size) {
  if (const auto* theirs = plumb()) return theirs->add_binary(message, name, value, size);
  return add(message, name, bytes_of(value, size), FieldType::binary);
}

HB_EXPORT int ha_msg_adduuid(ha_msg* message, const char* name, const cl_uuid_t* value) {
  if (const auto* theirs = plumb()) return theirs->add_uuid(message, name, value);
  return value != nullptr ? add(message, name, bytes_of(value), FieldType::binary) : HA_FAIL;
}

HB_EXPORT int ha_msg_addstruct(ha_msg* message, const char* name, const void* value) {
  if (const auto* theirs = plumb()) return theirs->add_message(message, name, value);
  if (value == nullptr) return HA_FAIL;
  return guarded<int>(HA_FAIL, [&] {
    std::string nested;
    hb::core::append_netstring(core_message(*static_cast<const ha_msg*>(value)), nested);
    return add(message, name, nested, FieldType::nested);
  });
}

HB_EXPORT int cl_msg_modstring(ha_msg* message, const char* name, const char* value) {
  if (const auto* theirs = plumb()) return theirs->set(message, name, value);
  return value != nullptr ? set(message, name, value, FieldType::string) : HA_FAIL;
}

HB_EXPORT int cl_msg_modbin(ha_msg* message, const char* name, const void* value, size_t size) {
  if (const auto* theirs = plumb()) return theirs->set_binary(message, name, value, size);
  return set(message, name, bytes_of(value, size), FieldType::binary);
}

HB_EXPORT int cl_msg_moduuid(ha_msg* message, const char* name, const cl_uuid_t* value) {
  if (const auto* theirs = plumb()) return theirs->set_uuid(message, name, value);
  return value != nullptr ? set(message, name, bytes_of(value), FieldType::binary) : HA_FAIL;
}

HB_EXPORT int ha_msg_mod_int(ha_msg* message, const char* name, int value) {
  if (const auto* theirs = plumb()) return theirs->set_int(message, name, value);
  return set(message, name, Decimal(value), FieldType::string);
}

HB_EXPORT int ha_msg_mod_ul(ha_msg* message, const char* name, unsigned long value) {
  if (const auto* theirs = plumb()) return theirs->set_ul(message, name, value);
  return set(message, name, Decimal(value), FieldType::string);
}

HB_EXPORT int cl_msg_remove(ha_msg* message, const char* name) {
  if (const auto* theirs = plumb()) return theirs->remove(message, name);
  if (message == nullptr || name == nullptr) return HA_FAIL;
  for (auto field = message->fields.begin(); field != message->fields.end(); ++field) {
    if (field->name != name) continue;
    message->fields.erase(field);
    return HA_OK;
  }
  return HA_FAIL;
}

HB_EXPORT const char* cl_get_string(const ha_msg* message, const char* name) {
  if (const auto* theirs = plumb()) return theirs->text(message, name);
  const OwnField* field = find(message, name, FieldType::string);
  return field != nullptr ? field->value.c_str() : nullptr;
}

HB_EXPORT const void* cl_get_binary(const ha_msg* message, const char* name, size_t* size) {
  if (const auto* theirs = plumb()) return theirs->binary(message, name, size);
  const OwnField* field = find(message, name, FieldType::binary);
  if (field == nullptr) return nullptr;
  if (size != nullptr) *size = field->value.size();
  return field->value.data();
}

HB_EXPORT int cl_get_uuid(const ha_msg* message, const char* name, cl_uuid_t* value) {
  if (const auto* theirs = plumb()) return theirs->uuid(message, name, value);
  const OwnField* field = find(message, name, FieldType::binary);
  if (field == nullptr || value == nullptr || field->value.size() != sizeof *value) return HA_FAIL;
  std::memcpy(value, field->value.data(), sizeof *value);
  return HA_OK;
}

HB_EXPORT ha_msg* cl_get_struct(ha_msg* message, const char* name) {
  if (const auto* theirs = plumb()) return theirs->message(message, name);
  OwnField* field = message != nullptr ? message->find(name) : nullptr;
  const bool is_nested = field != nullptr && (field->type == FieldType::nested ||
                                              field->type == FieldType::uncompressed);
  if (!is_nested) return nullptr;
  return guarded<ha_msg*>(nullptr, [&]() -> ha_msg* {
    hb::core::Message nested;
    if (!field->child && hb::core::decode(hb::core::as_bytes(field->value), nested))
      field->child.reset(own_message(nested));
    return field->child.get();
  });
}

HB_EXPORT int ha_msg_value_int(const ha_msg* message, const char* name, int* value) {
  if (const auto* theirs = plumb()) return theirs->number(message, name, value);
  return number(message, name, value);
}

HB_EXPORT int ha_msg_value_ul(const ha_msg* message, const char* name, unsigned long* value) {
  if (const auto* theirs = plumb()) return theirs->number_ul(message, name, value);
  return number(message, name, value);
}

HB_EXPORT int cl_get_type(const ha_msg* message, const char* name) {
  if (const auto* theirs = plumb()) return theirs->type(message, name);
  const OwnField* field = message != nullptr ? message->find(name) : nullptr;
  return field != nullptr ? static_cast<int>(field->type) : -1;
}
