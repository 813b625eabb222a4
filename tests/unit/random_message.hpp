// random_message: messages and damaged bytes from a seed, the same on every machine
#pragma once

#include "core/frame.hpp"

#include <algorithm>
#include <string>

namespace hb::test {

/// splitmix64: small, fast, and unlike <random>'s distributions the same with every library.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t value = state_ += 0x9e3779b97f4a7c15;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
    value = (value ^ value >> 27) * 0x94d049bb133111eb;
    return value ^ value >> 31;
  }
  /// From 0 to `bound` - 1.
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(next() % bound); }
  bool one_in(std::size_t count) { return below(count) == 0; }

 private:
  std::uint64_t state_;
};

/// Raw bytes with a liking for those that mean something in either framing.
inline std::string random_bytes(Random& random, std::size_t most) {
  static constexpr std::string_view special{"\n\0,=()#%<>:\x13\x14\x0f", 15};
  std::string bytes(random.below(most + 1), '\0');
  for (char& c : bytes) {
    c = random.one_in(3) ? special[random.below(special.size())]
                         : static_cast<char>(random.below(256));
  }
  return bytes;
}

/// What a string of the text framing can carry: the bytes 0x0f to 0x1f stand for newlines there.
inline std::string random_text(Random& random, std::size_t most) {
  std::string text = random_bytes(random, most);
  std::replace_if(text.begin(), text.end(), [](char c) { return c >= 0x0f && c <= 0x1f; }, '\n');
  return text;
}

inline std::string random_name(Random& random) {
  static constexpr std::string_view letters = "abcdefgstT_-0.)#%>: ";
  std::string name(1 + random.below(8), '\0');
  for (char& c : name) c = letters[random.below(letters.size())];
  return name;
}

inline std::string random_list(Random& random) {
  std::string list;
  for (std::size_t left = random.below(4); left > 0; --left) {
    const std::string element = random_text(random, 12);
    list.append(std::to_string(element.size())).append(":").append(element).append(",");
  }
  return list;
}

/// All types, empty values, newlines, names that occur twice; nested at most `depth` deep.
inline core::Message random_message(Random& random, std::size_t depth) {
  using core::FieldType;
  core::Message message;
  for (std::size_t left = random.below(8); left > 0; --left) {
    const bool again = message.size() > 0 && random.one_in(4);
    const std::string name = again ? std::string{message[random.below(message.size())].name}
                                   : random_name(random);
    const auto type = static_cast<FieldType>(random.below(5));
    if (type == FieldType::string) message.add(name, random_text(random, 40), type);
    if (type == FieldType::binary) message.add(name, random_bytes(random, 40), type);
    if (type == FieldType::compressed) message.add(name, random_bytes(random, 40), type);
    if (type == FieldType::list && !message.find(name)) {  // else the two would become one
      message.add(name, random_list(random), type);
    }
    if (type == FieldType::nested && depth > 0) {
      std::string child;
      core::append_netstring(random_message(random, depth - 1), child);
      message.add(name, child, type);
    }
  }
  return message;
}

/// Some bytes changed, cut out, doubled, or the end cut off.
inline void damage(Random& random, std::string& bytes) {
  for (std::size_t left = 1 + random.below(4); left > 0 && !bytes.empty(); --left) {
    const std::size_t at = random.below(bytes.size());
    const std::size_t count = 1 + random.below(std::min<std::size_t>(bytes.size() - at, 9));
    switch (random.below(6)) {
      case 0: bytes[at] = static_cast<char>(random.below(256)); break;
      case 1: bytes[at] = static_cast<char>('0' + random.below(11)); break;
      case 2: bytes[at] = random_bytes(random, 1).append("\n")[0]; break;
      case 3: bytes.erase(at, count); break;
      case 4: bytes.insert(at, std::string{bytes, at, count}); break;
      default: bytes.resize(at); break;
    }
  }
}

inline bool same_fields(const core::Message& a, const core::Message& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].type != b[i].type || a[i].name != b[i].name || a[i].value != b[i].value) return false;
  }
  return true;
}

}  // namespace hb::test
