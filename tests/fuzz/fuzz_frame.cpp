// fuzz_frame: any bytes are refused, or decode to a message that both framings can carry again
#include "core/frame.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

using namespace hb::core;

namespace {

bool same(const Message& a, const Message& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].type != b[i].type || a[i].name != b[i].name || a[i].value != b[i].value) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Message message;  // kept, as a receiver keeps it
  static Message again;
  const Bytes bytes{reinterpret_cast<const std::byte*>(data), size};
  const auto decoded = decode(bytes, message);
  if (!decoded) {
    ENSURE(message.empty() && !decoded.error().text.empty());
    return 0;
  }
  ENSURE(decoded->consumed <= size && message.size() <= limits::fields);

  std::string out;
  append_netstring(message, out);
  ENSURE(decode(as_bytes(out), again).has_value() && same(message, again));
  bool merged = false;  // lists of one name become one, else a netstring has a single spelling
  for (std::size_t i = 0; i < message.size(); ++i) merged |= message[i].type == FieldType::list;
  if (decoded->framing == Framing::netstring && !merged) {
    ENSURE(out == as_text(bytes.first(decoded->consumed)));
  }
  out.clear();
  append_text(message, out);
  const auto back = decode(as_bytes(out), again);
  if (decoded->framing == Framing::text) {
    // Type 5 is written as 2; all else comes back as it was.
    ENSURE(back.has_value() && again.size() == message.size());
    std::string second;
    append_text(again, second);
    ENSURE(out == second);
  }
  return 0;
}
