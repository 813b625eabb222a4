// fuzz_serial: any bytes on a serial line: bounded messages between marks, and the clean one after
#include "core/frame.hpp"
#include "core/result.hpp"
#include "core/serial_line.hpp"
#include "readers/message_cutter.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

using namespace hb;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  readers::MessageCutter cutter{readers::MessageCutter::serial_line};
  const core::Instant now{std::chrono::hours{1}};
  core::Message message;
  std::size_t found = 0;
  const auto take = [&](std::string_view cut) {
    ++found;
    ENSURE(cut.starts_with(">>>\n") && cut.ends_with("<<<\n"));
    ENSURE(cut.size() <= core::serial_line::message_bytes + 8);
    (void)core::decode(core::as_bytes(cut), message);
  };
  // In two parts, cut where the first byte says: the state must carry over.
  const std::size_t half = size == 0 ? 0 : data[0] % size;
  cutter.add(text.substr(0, half), now, take);
  cutter.add(text.substr(half), now, take);
  // Whatever came before: the second message that is whole gets through.
  found = 0;
  cutter.add("\n>>>\nt=a\n<<<\n>>>\nt=b\n<<<\n", now, take);
  ENSURE(found >= 1);
  return 0;
}
