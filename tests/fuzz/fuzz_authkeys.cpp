// fuzz_authkeys: any bytes as authkeys: no crash, and an accepted ring can sign and verify
#include "core/authkeys.hpp"
#include "core/message.hpp"
#include "core/result.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

using namespace hb::core;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  auto parsed = parse_authkeys(text);
  const bool failed =
      std::any_of(parsed.findings.begin(), parsed.findings.end(),
                  [](const Finding& finding) { return finding.severity == Severity::error; });
  if (failed) return 0;
  Message message;
  message.add("t", "status");
  std::string frame;
  parsed.keys.sign_netstring(message, KeyRing::Inner::with, frame);
  ENSURE(parsed.keys.verify(as_bytes(frame)).verdict == AuthVerdict::good);
  return 0;
}
