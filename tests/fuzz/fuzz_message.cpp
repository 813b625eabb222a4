// fuzz_message: a message does what a plain list of fields does, whatever is done to it
#include "core/message.hpp"

#include "core/result.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

using namespace hb::core;

namespace {

struct Plain {
  FieldType type;
  std::string name;
  std::string value;
};

/// Takes the input apart: steps, names and values.
struct Source {
  std::string_view rest;
  unsigned byte() {
    if (rest.empty()) return 0;
    const auto value = static_cast<unsigned char>(rest.front());
    rest.remove_prefix(1);
    return value;
  }
  std::string_view bytes() {
    const std::string_view taken = rest.substr(0, byte() % 80);
    rest.remove_prefix(std::min(rest.size(), taken.size()));
    return taken;
  }
};

void check_same(const Message& message, const std::vector<Plain>& plain) {
  ENSURE(message.size() == plain.size());
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const Field field = message[i];
    ENSURE(field.type == plain[i].type && field.name == plain[i].name);
    ENSURE(field.value == plain[i].value);
    const auto found = message.find(field.name);
    ENSURE(found.has_value() && found->name == field.name);
    const auto first = std::ranges::find(plain, plain[i].name, &Plain::name);
    ENSURE(found->value == first->value && found->type == first->type);
    (void)message.hex(field.name);
    (void)message.decimal(field.name);
    (void)message.uuid(field.name);
  }
}

/// Mostly bytes of the input, at times a view into the message itself.
std::string_view value_from(Source& source, const Message& message) {
  if (message.size() > 0 && source.byte() % 8 == 0) {
    const Field field = message[source.byte() % message.size()];
    return field.value.substr(std::min<std::size_t>(field.value.size(), source.byte() % 4));
  }
  return source.bytes();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static constexpr std::string_view names[] = {"t", "src", "seq", "a", "ab", "srcuuid"};
  static Message message;
  message.clear();
  std::vector<Plain> plain;
  Source source{{reinterpret_cast<const char*>(data), size}};
  while (!source.rest.empty()) {
    const unsigned step = source.byte();
    const std::string_view name = names[source.byte() % std::size(names)];
    const auto type = static_cast<FieldType>(step / 16 % 6);
    const auto first = std::ranges::find(plain, name, &Plain::name);
    if (step % 16 < 7) {
      const std::string_view value = value_from(source, message);
      plain.push_back({type, std::string{name}, std::string{value}});
      message.add(name, value, type);
    } else if (step % 16 < 13) {
      const std::string_view value = value_from(source, message);
      if (first == plain.end()) {
        plain.push_back({type, std::string{name}, std::string{value}});
      } else {
        first->type = type;
        first->value = value;
      }
      message.set(name, value, type);
    } else if (step % 16 < 15) {
      std::erase_if(plain, [&](const Plain& field) { return field.name == name; });
      message.remove(name);
    } else {
      plain.clear();
      message.clear();
    }
    check_same(message, plain);
  }
  return 0;
}
