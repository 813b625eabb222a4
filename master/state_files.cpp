// state_files: uuid, generation and peers: who we are across restarts, read and written at start
#include "master/state_files.hpp"

#include "core/uuid.hpp"
#include "os/file.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <optional>

#include <sys/random.h>

namespace hb::master {
namespace {

constexpr std::size_t small_file_bytes = 1 << 20;  // the peers file of 100 nodes is a few KiB

std::optional<std::uint64_t> parse_generation(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return std::nullopt;
  text.remove_prefix(first);
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

void note(State& state, core::LogLevel level, std::string text) {
  state.log_texts.push_back(std::move(text));
  state.log.push_back({level, {}});
}

core::Result<core::Generation> next_generation(const core::Config& config, core::WallTime now,
                                               const std::string& path, State& state) {
  const auto wall = static_cast<std::uint64_t>(now.time_since_epoch().count());
  if (config.hbgenmethod == core::GenerationMethod::time) return core::Generation{wall};
  const auto text = os::read_file(path, small_file_bytes);
  std::uint64_t previous = 0;
  if (!text || text->empty()) {
    note(state, core::LogLevel::warn,
         fmt::format("No Previous generation - starting at {}", wall + 1));
    previous = wall;
  } else if (const auto parsed = parse_generation(*text)) {
    previous = *parsed;
  } else {
    note(state, core::LogLevel::warn,
         fmt::format("BROKEN previous generation - starting at {}", wall + 1));
    previous = wall;
  }
  const core::Generation generation{previous + 1};
  auto written = os::write_atomically(path, fmt::format("{:>15}\n", generation.value), 0644);
  if (!written) return std::move(written).error().in("heartbeat generation");
  note(state, core::LogLevel::info, fmt::format("Heartbeat generation: {}", generation.value));
  return generation;
}

core::Result<core::Uuid> own_uuid(const core::Config& config, const std::string& path,
                                  State& state) {
  if (config.uuidfrom == core::UuidFrom::nodename) return core::uuid_from_name(config.node_name);
  core::Uuid uuid;
  const auto bytes = os::read_file(path, small_file_bytes);
  if (bytes && bytes->size() >= uuid.bytes.size()) {
    std::memcpy(uuid.bytes.data(), bytes->data(), uuid.bytes.size());
    if (!uuid.is_nil()) return uuid;
  }
  if (::getrandom(uuid.bytes.data(), uuid.bytes.size(), 0) !=
      static_cast<ssize_t>(uuid.bytes.size())) {
    return core::Error{"no random bytes for a node uuid", errno};
  }
  uuid.bytes[6] = (uuid.bytes[6] & std::byte{0x0f}) | std::byte{0x40};  // RFC 4122 version 4
  uuid.bytes[8] = (uuid.bytes[8] & std::byte{0x3f}) | std::byte{0x80};
  auto written = os::write_atomically(
      path, core::as_text(core::Bytes{uuid.bytes.data(), uuid.bytes.size()}), 0644);
  if (!written) return std::move(written).error().in("node uuid");
  note(state, core::LogLevel::info, "New node uuid: " + core::to_text(uuid));
  return uuid;
}

}  // namespace

core::Result<State> load_state(const core::Config& config, core::WallTime now,
                               std::string_view state_dir,
                               std::optional<core::Generation> continued) {
  const std::string folder{state_dir};
  State state;
  auto uuid = own_uuid(config, folder + "/hb_uuid", state);
  if (!uuid) return std::move(uuid).error();
  if (!continued) {
    auto generation = next_generation(config, now, folder + "/hb_generation", state);
    if (!generation) return std::move(generation).error();
    continued = *generation;
  }
  state.identity = {*uuid, *continued, core::Seqno{1}};
  if (auto peers = os::read_file(folder + "/systole_peers", small_file_bytes)) {
    state.peers = std::move(*peers);
  }
  for (std::size_t i = 0; i < state.log.size(); ++i) state.log[i].text = state.log_texts[i];
  return state;
}

std::vector<std::string> hook_names(std::string_view rc_dir) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator{std::string{rc_dir}, error}) {
    names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  // Early boot may lack entropy; jitter needs no secrecy, so a short read is no error.
  (void)!::getrandom(&seed, sizeof seed, GRND_NONBLOCK);
  return seed;
}

}  // namespace hb::master
