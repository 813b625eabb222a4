// api_frame: the header that frames messages on the client API's socket
#include "core/api_frame.hpp"

#include "core/result.hpp"

#include <cstring>

namespace hb::core {

namespace {

struct Header {
  std::int32_t length;  ///< signed: 3.0.6 closes on a negative one, so do we
  std::uint32_t magic;
};
static_assert(sizeof(Header) == limits::api_header_bytes);

Header header_at(std::string_view bytes) {
  Header header{};
  std::memcpy(&header, bytes.data(), sizeof header);
  return header;
}

}  // namespace

void append_api_frame(Bytes body, std::string& out) {
  ENSURE(body.size() <= limits::api_body_bytes);
  const Header header{static_cast<std::int32_t>(body.size()), api_magic};
  char bytes[sizeof header];
  std::memcpy(bytes, &header, sizeof header);
  out.append(bytes, sizeof bytes).append(as_text(body));
}

void ApiFrameReader::append(Bytes bytes) {
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  buffer_.append(as_text(bytes));
}

ApiFrameReader::State ApiFrameReader::state() const {
  const std::string_view rest = std::string_view{buffer_}.substr(begin_);
  if (rest.size() < sizeof(Header)) return State::incomplete;
  const Header header = header_at(rest);
  if (header.magic != api_magic || header.length < 0) return State::broken;
  const auto length = static_cast<std::size_t>(header.length);
  if (length > limits::api_body_bytes) return State::broken;
  return rest.size() - sizeof(Header) < length ? State::incomplete : State::whole;
}

Bytes ApiFrameReader::body() const {
  ENSURE(state() == State::whole);
  const std::string_view rest = std::string_view{buffer_}.substr(begin_);
  return as_bytes(rest.substr(sizeof(Header), static_cast<std::size_t>(header_at(rest).length)));
}

void ApiFrameReader::pop() {
  begin_ += sizeof(Header) + body().size();
  if (begin_ < buffer_.size()) return;
  begin_ = 0;
  constexpr std::size_t kept = 4096;  // an idle client keeps no more than a small request needs
  buffer_.clear();
  if (buffer_.capacity() > kept) buffer_.shrink_to_fit();
}

}  // namespace hb::core
