// compress: zlib and bz2 fields and whole messages, output bounded
#include "core/compress.hpp"

#include "core/frame.hpp"

#include <bzlib.h>
#include <zlib.h>

#include <algorithm>
#include <limits>

namespace hb::core {

namespace {

constexpr std::string_view payload_name = "_compressed_payload";
constexpr std::string_view algorithm_name = "_compression_algorithm";

/// Growth of the output while a stream is decompressed: a usual message needs one step.
constexpr std::size_t step_bytes = 16'384;
/// 3.0.6's block size for BZ2, in 100 kB (wire-protocol §1.6).
constexpr int bz2_level = 1;

std::string_view name_of(Compression method) {
  return method == Compression::zlib ? "zlib" : "bz2";
}

/// Input as both libraries want it: bytes that they promise not to change.
template <class Byte>
Byte* input(Bytes bytes) {
  return const_cast<Byte*>(reinterpret_cast<const Byte*>(bytes.data()));
}

template <class Byte>
Byte* output(std::string& out, std::size_t at) {
  return reinterpret_cast<Byte*>(out.data() + at);
}

/// What one call of a decompressor did.
enum class Progress : std::uint8_t { more, finished, corrupt };

struct Inflate {
  z_stream stream{};

  explicit Inflate(Bytes packed) {
    stream.next_in = input<Bytef>(packed);
    stream.avail_in = static_cast<uInt>(packed.size());
    ENSURE(inflateInit(&stream) == Z_OK);
  }
  ~Inflate() { inflateEnd(&stream); }
  Inflate(const Inflate&) = delete;
  Inflate& operator=(const Inflate&) = delete;

  Progress run(std::string& out, std::size_t at) {
    stream.next_out = output<Bytef>(out, at);
    stream.avail_out = static_cast<uInt>(out.size() - at);
    const int result = inflate(&stream, Z_NO_FLUSH);
    if (result == Z_STREAM_END) return Progress::finished;
    return result == Z_OK ? Progress::more : Progress::corrupt;
  }
};

struct Bunzip {
  bz_stream stream{};

  explicit Bunzip(Bytes packed) {
    stream.next_in = input<char>(packed);
    stream.avail_in = static_cast<unsigned>(packed.size());
    ENSURE(BZ2_bzDecompressInit(&stream, 0, 0) == BZ_OK);
  }
  ~Bunzip() { BZ2_bzDecompressEnd(&stream); }
  Bunzip(const Bunzip&) = delete;
  Bunzip& operator=(const Bunzip&) = delete;

  Progress run(std::string& out, std::size_t at) {
    stream.next_out = output<char>(out, at);
    stream.avail_out = static_cast<unsigned>(out.size() - at);
    const int result = BZ2_bzDecompress(&stream);
    if (result == BZ_STREAM_END) return Progress::finished;
    return result == BZ_OK ? Progress::more : Progress::corrupt;
  }
};

/// Runs a decompressor until its stream ends; `out` keeps its length if that fails.
template <class Decompressor>
Result<void> run_bounded(Bytes packed, std::size_t limit, std::string& out) {
  Decompressor decompressor{packed};
  const auto& stream = decompressor.stream;
  const std::size_t start = out.size();
  const auto refuse = [&](const char* why) {
    out.resize(start);
    return Error{why};
  };
  for (;;) {
    const std::size_t used = out.size();
    // One byte above the limit tells a stream that ends there from one that goes on.
    const std::size_t room = std::min(step_bytes, limit + 1 - (used - start));
    out.resize(used + room);
    const Progress progress = decompressor.run(out, used);
    out.resize(used + room - stream.avail_out);
    if (progress == Progress::corrupt) return refuse("compressed data is corrupt");
    if (out.size() - start > limit) return refuse("decompressed data is too long");
    if (progress == Progress::finished) break;
    if (stream.avail_out != 0) return refuse("compressed data is cut off");
  }
  if (stream.avail_in != 0) return refuse("bytes behind the compressed data");
  return {};
}

Result<void> compress_zlib(Bytes plain, std::string& out) {
  const std::size_t at = out.size();
  uLongf size = compressBound(plain.size());
  out.resize(at + size);
  const int result = ::compress(output<Bytef>(out, at), &size, input<Bytef>(plain), plain.size());
  out.resize(result == Z_OK ? at + size : at);
  if (result != Z_OK) return Error{"zlib cannot compress: " + std::to_string(result)};
  return {};
}

Result<void> compress_bz2(Bytes plain, std::string& out) {
  const std::size_t at = out.size();
  // Worst case by the library's manual: one per cent and 600 bytes more.
  auto size = static_cast<unsigned>(plain.size() + plain.size() / 100 + 600);
  out.resize(at + size);
  const int result =
      BZ2_bzBuffToBuffCompress(output<char>(out, at), &size, input<char>(plain),
                               static_cast<unsigned>(plain.size()), bz2_level, 0, 0);
  out.resize(result == BZ_OK ? at + size : at);
  if (result != BZ_OK) return Error{"bz2 cannot compress: " + std::to_string(result)};
  return {};
}

}  // namespace

std::optional<Compression> compression(std::string_view name) {
  for (const auto method : {Compression::zlib, Compression::bz2}) {
    if (name == name_of(method)) return method;
  }
  return std::nullopt;
}

Result<void> compress(Compression method, Bytes plain, std::string& out) {
  if (plain.size() > limits::uncompressed_bytes) return Error{"too long to compress"};
  return method == Compression::zlib ? compress_zlib(plain, out) : compress_bz2(plain, out);
}

Result<void> decompress(Compression method, Bytes packed, std::size_t limit, std::string& out) {
  ENSURE(limit <= limits::uncompressed_bytes);
  if (packed.size() > limits::uncompressed_bytes) return Error{"compressed data is too long"};
  return method == Compression::zlib ? run_bounded<Inflate>(packed, limit, out)
                                     : run_bounded<Bunzip>(packed, limit, out);
}

Result<void> unpack(Message& message) {
  const auto payload = message.find(payload_name);
  if (!payload) return {};
  if (payload->type != FieldType::binary) return Error{"_compressed_payload is not binary"};
  const auto method = compression(message.text_or_empty(algorithm_name));
  if (!method) return Error{"_compression_algorithm is neither zlib nor bz2"};
  std::string plain;
  const auto done =
      decompress(*method, as_bytes(payload->value), limits::uncompressed_bytes, plain);
  if (!done) return Error{done.error()}.in(payload_name);
  Message held;
  if (const auto decoded = decode(as_bytes(plain), held); !decoded) {
    return Error{decoded.error()}.in(payload_name);
  }
  message = std::move(held);
  return {};
}

Result<void> pack(Compression method, Bytes encoded, Message& out) {
  std::string packed;
  if (auto done = compress(method, encoded, packed); !done) return done;
  out.clear();
  out.add(payload_name, packed, FieldType::binary);
  out.add(algorithm_name, name_of(method));
  return {};
}

Result<void> compress_fields(Compression method, Message& message) {
  Message result;
  std::string plain;
  std::string packed;
  for (std::size_t i = 0; i < message.size(); ++i) {
    const Field field = message[i];
    if (field.type != FieldType::uncompressed) {
      result.add(field.name, field.value, field.type);
      continue;
    }
    Message child;
    if (const auto decoded = decode(as_bytes(field.value), child); !decoded) {
      return Error{decoded.error()}.in(field.name);
    }
    plain.clear();
    packed.clear();
    append_client_body(child, Framing::text, plain);  // habit: the child travels as on IPC (v52)
    if (auto done = compress(method, as_bytes(plain), packed); !done) return done;
    result.add(field.name, packed, FieldType::compressed);
  }
  if (packed.empty()) return {};
  result.set(algorithm_name, name_of(method));
  message = std::move(result);
  return {};
}

}  // namespace hb::core
