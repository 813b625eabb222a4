// uuid: the text form of a uuid, and the uuid that 3.0.6 derives from a node name
#include "core/uuid.hpp"

namespace hb::core {

namespace {

constexpr std::string_view digits = "0123456789abcdef";
constexpr std::size_t text_size = 36;

constexpr bool is_hyphen_place(std::size_t at) {
  return at == 8 || at == 13 || at == 18 || at == 23;
}

std::optional<unsigned> digit_value(char digit) {
  if (digit >= 'A' && digit <= 'F') digit = static_cast<char>(digit - 'A' + 'a');
  const auto at = digits.find(digit);
  if (at == std::string_view::npos) return std::nullopt;
  return static_cast<unsigned>(at);
}

/// The additive feedback generator of degree 31 that glibc documents as its default (TYPE_3):
/// x(n) = x(n-3) + x(n-31) mod 2^32, filled by a Lehmer sequence, its first 310 outputs dropped.
/// Written out here because rand() differs between C libraries, and uuids must not.
class Random {
 public:
  explicit Random(std::uint32_t seed) {
    constexpr std::int64_t lehmer_modulus = 2'147'483'647;
    constexpr std::int64_t lehmer_factor = 16'807;
    // habit: a seed of 0 would stay 0 for ever, so it counts as 1
    auto word = std::int64_t{static_cast<std::int32_t>(seed == 0 ? 1 : seed)};
    for (auto& state : state_) {
      state = static_cast<std::uint32_t>(word);
      word = word * lehmer_factor % lehmer_modulus;
      if (word < 0) word += lehmer_modulus;
    }
    for (std::size_t i = 0; i < discarded; ++i) (void)next();
  }

  std::uint32_t next() {
    state_[front_] += state_[rear_];
    const std::uint32_t value = state_[front_] >> 1;
    front_ = (front_ + 1) % degree;
    rear_ = (rear_ + 1) % degree;
    return value;
  }

 private:
  static constexpr std::size_t degree = 31, separation = 3, discarded = 10 * degree;
  std::array<std::uint32_t, degree> state_{};
  std::size_t front_ = separation, rear_ = 0;
};

}  // namespace

std::string to_text(const Uuid& uuid) {
  std::string text;
  text.reserve(text_size);
  for (const std::byte byte : uuid.bytes) {
    if (is_hyphen_place(text.size())) text += '-';
    text += digits[std::to_integer<std::size_t>(byte >> 4)];
    text += digits[std::to_integer<std::size_t>(byte & std::byte{0x0f})];
  }
  return text;
}

std::optional<Uuid> uuid_from_text(std::string_view text) {
  if (text.size() != text_size) return std::nullopt;
  Uuid uuid;
  std::size_t nibble = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (is_hyphen_place(at)) {
      if (text[at] != '-') return std::nullopt;
      continue;
    }
    const auto value = digit_value(text[at]);
    if (!value) return std::nullopt;
    std::byte& byte = uuid.bytes[nibble / 2];
    byte = (byte << 4) | std::byte{static_cast<unsigned char>(*value)};
    ++nibble;
  }
  return uuid;
}

Uuid uuid_from_name(std::string_view node_name) {
  std::uint32_t hash = 0;
  for (const char character : node_name) {
    // habit: bytes above 127 enter as they are on a machine whose plain char is signed
    const auto byte = static_cast<std::int32_t>(static_cast<signed char>(character));
    hash = hash * 31 + static_cast<std::uint32_t>(byte);
  }
  Random random{hash};
  Uuid uuid;
  for (std::byte& byte : uuid.bytes) {
    const std::uint32_t high = random.next() % 16, low = random.next() % 16;
    byte = std::byte{static_cast<unsigned char>(high << 4 | low)};
  }
  return uuid;
}

}  // namespace hb::core
