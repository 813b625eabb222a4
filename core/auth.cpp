// auth: the key ring; signs frames, and verifies them before they are parsed
#include "core/auth.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <charconv>

namespace hb::core {

namespace {

constexpr std::string_view netstring_begin = "###\n";
constexpr std::string_view netstring_end = "%%%\n";
constexpr std::string_view text_begin = ">>>\n";
constexpr std::string_view text_end = "<<<\n";
constexpr std::string_view auth_name = "auth";

/// The longest digest: HMAC-SHA256 in hexadecimal.
constexpr std::size_t digest_chars = 64;

// crc: CRC-32 as cksum does it, without the length (wire-protocol §1.5).

constexpr std::uint32_t crc_polynomial = 0x04C11DB7;

constexpr auto crc_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i << 24;
    for (int bit = 0; bit < 8; ++bit) {
      value = value << 1 ^ (value >> 31 != 0 ? crc_polynomial : 0);
    }
    table[i] = value;
  }
  return table;
}();

std::uint32_t crc(Bytes bytes) {
  std::uint32_t value = 0;
  for (const std::byte byte : bytes) {
    value = value << 8 ^ crc_table[value >> 24 ^ std::to_integer<std::uint32_t>(byte)];
  }
  return ~value;
}

// HMAC by libcrypto: a context that keeps its key, re-initialised for each frame.

struct FreeMac {
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};
using Mac = std::unique_ptr<EVP_MAC, FreeMac>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, FreeMac>;

const char* hash_of(AuthMethod method) {
  switch (method) {
    case AuthMethod::crc: break;
    case AuthMethod::md5: return "MD5";
    case AuthMethod::sha1: return "SHA1";
    case AuthMethod::sha256: return "SHA256";
  }
  return nullptr;
}

MacContext mac_context(AuthMethod method, std::string_view secret) {
  const char* const hash = hash_of(method);
  if (hash == nullptr) return nullptr;
  std::string name = hash;
  const std::array<OSSL_PARAM, 2> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.data(), 0),
      OSSL_PARAM_construct_end()};
  const Mac mac{EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr)};
  ENSURE(mac != nullptr);
  MacContext context{EVP_MAC_CTX_new(mac.get())};
  ENSURE(context != nullptr);
  const auto* const key = reinterpret_cast<const unsigned char*>(secret.data());
  ENSURE(EVP_MAC_init(context.get(), key, secret.size(), parameters.data()) == 1);
  return context;
}

using DigestText = std::array<char, digest_chars>;

std::string_view digest_text(EVP_MAC_CTX* context, Bytes bytes, DigestText& text) {
  if (context == nullptr) {  // habit: printed without leading zeros (vector 69)
    const auto end = std::to_chars(text.data(), text.data() + text.size(), crc(bytes), 16).ptr;
    return {text.data(), static_cast<std::size_t>(end - text.data())};
  }
  std::array<unsigned char, digest_chars / 2> raw;
  std::size_t size = 0;
  ENSURE(EVP_MAC_init(context, nullptr, 0, nullptr) == 1);
  const auto* const data = reinterpret_cast<const unsigned char*>(bytes.data());
  ENSURE(EVP_MAC_update(context, data, bytes.size()) == 1);
  ENSURE(EVP_MAC_final(context, raw.data(), &size, raw.size()) == 1);
  constexpr std::string_view hex = "0123456789abcdef";
  for (std::size_t i = 0; i < size; ++i) {
    text[2 * i] = hex[raw[i] >> 4];
    text[2 * i + 1] = hex[raw[i] & 15];
  }
  return {text.data(), 2 * size};
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

// The scan that finds what is signed and by what. It steps over the fields of a netstring message
// by their LEN alone, and over those of a text message by their newlines; it looks into none.

struct SignedFrame {
  std::string_view message;  ///< what may be decoded
  std::string_view covered;  ///< what the digest is made of
  std::string_view token;    ///< KEYID " " DIGEST
};

/// LEN ":" in front of `rest`, as written: no sign, no blank, no leading zero.
bool take_length(std::string_view& rest, std::size_t& length) {
  const char* const end = rest.data() + rest.size();
  if (rest.empty() || rest.front() < '1' || rest.front() > '9') return false;
  const auto [stop, error] = std::from_chars(rest.data(), end, length);
  if (error != std::errc{} || stop == end || *stop != ':') return false;
  rest.remove_prefix(static_cast<std::size_t>(stop + 1 - rest.data()));
  return true;
}

/// Takes LEN ":" bytes "," and returns the bytes.
std::optional<std::string_view> take_item(std::string_view& rest) {
  std::size_t length = 0;
  if (!take_length(rest, length)) return std::nullopt;
  if (length >= rest.size() || rest[length] != ',') return std::nullopt;
  const std::string_view item = rest.substr(0, length);
  rest.remove_prefix(length + 1);
  return item;
}

std::optional<SignedFrame> scan_netstring(std::string_view frame) {
  std::string_view rest = frame.substr(netstring_begin.size());
  while (!rest.starts_with(netstring_end)) {
    if (!take_item(rest)) return std::nullopt;
  }
  rest.remove_prefix(netstring_end.size());
  const std::string_view message = frame.substr(0, frame.size() - rest.size());
  const auto token = take_item(rest);
  if (!token) return std::nullopt;
  return SignedFrame{message, message, *token};
}

/// The `auth` line must be the last one, as every sender writes it: so what it covers is one piece.
std::optional<SignedFrame> scan_text(std::string_view frame) {
  std::size_t line = text_begin.size();
  std::size_t last = line;
  while (!frame.substr(line).starts_with(text_end)) {
    const std::size_t end = frame.find('\n', line);
    if (end == std::string_view::npos) return std::nullopt;
    last = line;
    line = end + 1;
  }
  std::string_view token = frame.substr(last, line - last);
  if (!token.starts_with(auth_name) || token.size() < auth_name.size() + 2) return std::nullopt;
  token.remove_prefix(auth_name.size());
  if (token.front() != '=') return std::nullopt;
  token.remove_prefix(1);
  token.remove_suffix(1);
  return SignedFrame{frame.substr(0, line + text_end.size()),
                     frame.substr(text_begin.size(), last - text_begin.size()), token};
}

/// Splits KEYID " " DIGEST; nullopt if the id is no number below limits::auth_keys.
std::optional<KeyId> take_key_id(std::string_view& token) {
  std::uint8_t id = 0;
  const char* const end = token.data() + token.size();
  const auto [stop, error] = std::from_chars(token.data(), end, id);
  if (error != std::errc{} || stop == end || *stop != ' ') return std::nullopt;
  if (id >= limits::auth_keys) return std::nullopt;
  token.remove_prefix(static_cast<std::size_t>(stop + 1 - token.data()));
  return KeyId{id};
}

void append_token(KeyId id, std::string_view digest, std::string& out) {
  if (id.value >= 10) out += '1';
  out += static_cast<char>('0' + id.value % 10);
  out += ' ';
  out += digest;
}

}  // namespace

std::optional<AuthMethod> auth_method(std::string_view name) {
  for (const auto method :
       {AuthMethod::crc, AuthMethod::md5, AuthMethod::sha1, AuthMethod::sha256}) {
    if (name == name_of(method)) return method;
  }
  return std::nullopt;
}

std::string_view name_of(AuthMethod method) {
  switch (method) {
    case AuthMethod::crc: return "crc";
    case AuthMethod::md5: return "md5";
    case AuthMethod::sha1: return "sha1";
    case AuthMethod::sha256: return "sha256";
  }
  return "?";
}

std::string_view name_of(AuthVerdict verdict) {
  switch (verdict) {
    case AuthVerdict::good: return "good";
    case AuthVerdict::no_frame: return "no_frame";
    case AuthVerdict::no_trailer: return "no_trailer";
    case AuthVerdict::unknown_key: return "unknown_key";
    case AuthVerdict::bad_digest: return "bad_digest";
  }
  return "?";
}

struct KeyRing::Slot {
  explicit Slot(Key with)
      : key(std::move(with)), own(mac_context(key.method, key.secret)) {}
  ~Slot() { OPENSSL_cleanse(key.secret.data(), key.secret.size()); }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  Key key;
  MacContext own;               ///< null for crc
  MacContext by_active_secret;  ///< this id's algorithm with the active key's secret
  DigestText text;
};

KeyRing::KeyRing() = default;
KeyRing::~KeyRing() = default;
KeyRing::KeyRing(KeyRing&&) noexcept = default;
KeyRing& KeyRing::operator=(KeyRing&&) noexcept = default;

void KeyRing::insert(KeyId id, Key key) {
  ENSURE(id.value < slots_.size());
  slots_[id.value] = std::make_unique<Slot>(std::move(key));
  if (slots_[active_.value] != nullptr) activate(active_);
}

void KeyRing::activate(KeyId id) {
  ENSURE(id.value < slots_.size() && slots_[id.value] != nullptr);
  active_ = id;
  for (const auto& slot : slots_) {
    if (slot == nullptr) continue;
    slot->by_active_secret = mac_context(slot->key.method, slots_[id.value]->key.secret);
  }
}

KeyId KeyRing::active() const {
  return active_;
}

AuthMethod KeyRing::active_method() const {
  ENSURE(slots_[active_.value] != nullptr);
  return slots_[active_.value]->key.method;
}

KeyRing::Verified KeyRing::verify(Bytes frame) {
  const std::string_view text = as_text(frame);
  std::optional<SignedFrame> found;
  if (text.starts_with(netstring_begin)) {
    found = scan_netstring(text);
  } else if (text.starts_with(text_begin)) {
    found = scan_text(text);
  } else {
    return {AuthVerdict::no_frame, std::nullopt, {}};
  }
  if (!found) return {AuthVerdict::no_trailer, std::nullopt, {}};
  const auto id = take_key_id(found->token);
  if (!id || slots_[id->value] == nullptr) return {AuthVerdict::unknown_key, id, {}};

  Slot& slot = *slots_[id->value];
  const Bytes covered = as_bytes(found->covered);
  DigestText expected;
  bool good = equal_in_constant_time(digest_text(slot.own.get(), covered, expected), found->token);
  if (!good && *id != active_ && slot.by_active_secret != nullptr) {
    // habit: 3.0.6 checks with the active key whatever id the frame names (vector 82).
    good = equal_in_constant_time(digest_text(slot.by_active_secret.get(), covered, expected),
                                  found->token);
  }
  if (!good) return {AuthVerdict::bad_digest, id, {}};
  return {AuthVerdict::good, id, as_bytes(found->message)};
}

std::string_view KeyRing::digest(KeyId id, Bytes bytes) {
  ENSURE(id.value < slots_.size() && slots_[id.value] != nullptr);
  Slot& slot = *slots_[id.value];
  return digest_text(slot.own.get(), bytes, slot.text);
}

void KeyRing::add_auth_field(Message& message) {
  message.remove(auth_name);
  scratch_.clear();
  append_text_fields(message, scratch_);
  const std::string_view made = digest(active_, as_bytes(scratch_));
  scratch_.clear();
  append_token(active_, made, scratch_);
  message.add(auth_name, scratch_);
}

void KeyRing::sign_netstring(Message& message, Inner inner, std::string& out) {
  if (inner == Inner::with && !needs_netstring(message)) add_auth_field(message);
  const std::size_t at = out.size();
  append_netstring(message, out);
  const std::string_view made = digest(active_, as_bytes(std::string_view{out}.substr(at)));
  scratch_.clear();
  append_token(active_, made, scratch_);
  out.append(std::to_string(scratch_.size())).append(":").append(scratch_).append(",");
}

void KeyRing::sign_text(Message& message, std::string& out) {
  add_auth_field(message);
  append_text(message, out);
}

}  // namespace hb::core
