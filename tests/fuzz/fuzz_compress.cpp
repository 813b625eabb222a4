// fuzz_compress: hostile streams stay within their bound, and what is packed is unpacked
#include "core/compress.hpp"

#include "core/frame.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

using namespace hb::core;

namespace {

/// Far above any input here, and quick to reach for a stream that means to grow.
constexpr std::size_t bound = 100'000;

void check_stream(Compression method, Bytes bytes) {
  std::string out = "kept";
  const auto done = decompress(method, bytes, bound, out);
  ENSURE(out.starts_with("kept") && out.size() <= bound + 4);
  if (!done) ENSURE(out == "kept");
}

void check_round(Compression method, Bytes bytes) {
  std::string packed;
  ENSURE(compress(method, bytes, packed).has_value());
  std::string out;
  ENSURE(decompress(method, as_bytes(packed), bytes.size(), out).has_value());
  ENSURE(out == as_text(bytes));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes{reinterpret_cast<const std::byte*>(data), size};
  for (const auto method : {Compression::zlib, Compression::bz2}) {
    check_stream(method, bytes);
    check_round(method, bytes);
    Message message;
    if (decode(bytes, message).has_value()) {
      if (unpack(message).has_value()) (void)compress_fields(method, message).has_value();
    }
    message.clear();
    ENSURE(pack(method, bytes, message).has_value());
    Message direct;
    const bool readable = decode(bytes, direct).has_value();
    ENSURE(unpack(message).has_value() == readable);
    if (readable) ENSURE(message.size() == direct.size());
  }
  return 0;
}
