// mgmt_protocol: requests, answers and events of the management connection, from and to bytes
#pragma once

#include "core/result.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Both directions are messages that end with a NUL byte. A message is lines: a request is a name
/// and its arguments; an answer is `ok` or `fail` and its values; an event, which may come between
/// two answers, is `event` and its words. There is one answer to each request, in order.
namespace hb::clients::mgmt {

/// The port of the management connection, over TLS only.
inline constexpr std::uint16_t default_port = 5560;
inline constexpr const char* local_socket = "/run/heartbeat/mgmt";

/// A request with its NUL. The longest real one is a login with a long password.
inline constexpr std::size_t request_bytes = 4096;
/// Name and arguments of one request.
inline constexpr std::size_t request_words = 16;
/// An answer with its NUL: 100 nodes, or 64 links, or 256 groups, with room to spare.
inline constexpr std::size_t answer_bytes = 262'144;

struct Request {
  std::string name;
  std::vector<std::string> arguments;
};

enum class Verdict : std::uint8_t { ok, fail };

struct Answer {
  Verdict verdict = Verdict::ok;
  std::vector<std::string> values;
};
[[nodiscard]] Answer good(std::vector<std::string> values = {});
/// `reason` for people: it names the object and the cure.
[[nodiscard]] Answer failed(std::string reason);

/// The words behind `event`, e.g. {"node", "n2", "dead"}.
using Event = std::vector<std::string>;

/// With the NUL. Control bytes within a word become blanks, so that no word can forge another.
[[nodiscard]] std::string encode(const Request& request);
[[nodiscard]] std::string encode(const Answer& answer);
[[nodiscard]] std::string encode(const Event& event);

/// One message without its NUL. An error tells what is wrong with it.
[[nodiscard]] core::Result<Request> parse_request(std::string_view message);

/// What a server may send: an answer, or an event if `is_event`.
struct FromServer {
  bool is_event = false;
  Answer answer;
  Event event;
};
[[nodiscard]] core::Result<FromServer> parse_from_server(std::string_view message);

/// Cuts a stream at its NULs, however it was split or merged on its way.
class MessageReader {
 public:
  enum class State : std::uint8_t { incomplete, whole, too_long };

  /// `limit`: bytes of one message with its NUL.
  explicit MessageReader(std::size_t limit) : limit_(limit) {}
  void append(std::string_view bytes) { buffer_.append(bytes); }
  [[nodiscard]] State state() const;
  /// The first message without its NUL, when whole; taken out.
  [[nodiscard]] std::string take();
  [[nodiscard]] std::size_t size() const { return buffer_.size(); }

 private:
  std::size_t limit_;
  std::string buffer_;
};

}  // namespace hb::clients::mgmt
