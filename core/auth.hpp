// auth: the key ring; signs frames, and verifies them before they are parsed
#pragma once

#include "core/frame.hpp"
#include "core/result.hpp"
#include "core/types.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace hb::core {

/// crc, md5, sha1 as in 3.0.6 (wire-protocol §1.5); sha256 (HMAC-SHA256, 64 digits) is ours.
enum class AuthMethod : std::uint8_t { crc, md5, sha1, sha256 };
[[nodiscard]] std::optional<AuthMethod> auth_method(std::string_view name);
[[nodiscard]] std::string_view name_of(AuthMethod method);

struct KeyId {
  std::uint8_t value{};  // 0..15
  constexpr auto operator<=>(const KeyId&) const = default;
};

struct Key {
  AuthMethod method;
  std::string secret;  // empty for crc
};

/// Why a frame was refused; each is a counter of its own.
enum class AuthVerdict : std::uint8_t {
  good,
  no_frame,      ///< begins with neither mark: dropped silently
  no_trailer,    ///< nothing to verify
  unknown_key,   ///< key id not in the ring
  bad_digest,
};
[[nodiscard]] std::string_view name_of(AuthVerdict verdict);

/// Keys with one libcrypto context each. Movable. Verification accepts a digest made with the key
/// of the received id, or, as 3.0.6 does, with the algorithm of the received id and our active
/// key (vector 82). Digests are compared in constant time.
class KeyRing {
 public:
  KeyRing();
  ~KeyRing();
  KeyRing(KeyRing&&) noexcept;
  KeyRing& operator=(KeyRing&&) noexcept;

  /// A later key of the same id replaces the earlier one.
  void insert(KeyId id, Key key);
  /// The id that signs; it must have been inserted (ENSURE).
  void activate(KeyId id);
  [[nodiscard]] KeyId active() const;
  [[nodiscard]] AuthMethod active_method() const;

  /// Verifies the raw bytes of a frame of either framing, by a scan that does not parse fields.
  /// On good, `message_bytes` is the part that may be decoded (trailer cut off).
  struct Verified {
    AuthVerdict verdict;
    std::optional<KeyId> key;
    Bytes message_bytes;
  };
  [[nodiscard]] Verified verify(Bytes frame);

  /// Lower-case hex digest of `bytes` by key `id`, which must exist (ENSURE).
  [[nodiscard]] std::string_view digest(KeyId id, Bytes bytes);

  /// Encodes and signs for UDP: netstring + trailer; with `inner` also the inner `auth` field as
  /// the last one (msgfmt classic), unless needs_netstring(). `message` gains that field, in place
  /// of any `auth` that it had. Appended to `out`, as all encoders do.
  enum class Inner : std::uint8_t { with, without };
  void sign_netstring(Message& message, Inner inner, std::string& out);
  /// Encodes and signs for serial lines: text framing with `auth` as the last field; appended.
  void sign_text(Message& message, std::string& out);

 private:
  struct Slot;
  void add_auth_field(Message& message);
  std::array<std::unique_ptr<Slot>, limits::auth_keys> slots_;
  KeyId active_;
  std::string scratch_;
};

}  // namespace hb::core
